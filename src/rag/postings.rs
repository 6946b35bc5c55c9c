//! The documents of a term, compressed: for each document the gap to the one before it and how often the term is in it.
//!
//! A posting is the number `gap * 2 + (frequency == 1)` in LEB128, then the frequency in LEB128 where it is not 1. The gap is the
//! number of documents left out since the one before.

/// The longest number: 33 bits.
const MAX_BYTES: usize = 5;

/// The postings of one term while they are collected.
#[derive(Clone, Debug, Default)]
pub(super) struct PostingsBuilder {
    pub(super) bytes: Vec<u8>,
    pub(super) documents: u32,
    /// The first document that may come next.
    next: u32,
}

impl PostingsBuilder {
    /// Documents are added in ascending order.
    pub(super) fn add(&mut self, document: u32, frequency: u32) {
        let gap = u64::from(document.saturating_sub(self.next));
        push(&mut self.bytes, gap * 2 + u64::from(frequency == 1));
        if frequency != 1 {
            push(&mut self.bytes, u64::from(frequency));
        }
        self.next = document.saturating_add(1);
        self.documents += 1;
    }
}

fn push(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Posting {
    pub(super) document: u32,
    pub(super) frequency: u32,
}

/// Reads postings back. Ends before a posting that cannot be read; [`Postings::is_whole`] tells whether it was the end.
#[derive(Clone, Debug)]
pub(super) struct Postings<'a> {
    bytes: &'a [u8],
    next: u64,
}

impl<'a> Postings<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, next: 0 }
    }

    /// Whether every byte has been read.
    pub(super) fn is_whole(&self) -> bool {
        self.bytes.is_empty()
    }

    #[inline]
    fn number(bytes: &mut &[u8]) -> Option<u64> {
        let (&first, mut rest) = bytes.split_first()?;
        let mut number = u64::from(first & 0x7f);
        if first & 0x80 != 0 {
            let mut at = 1;
            loop {
                let (&byte, after) = rest.split_first()?;
                rest = after;
                number |= u64::from(byte & 0x7f) << (7 * at);
                at += 1;
                if byte & 0x80 == 0 {
                    break;
                }
                if at == MAX_BYTES {
                    return None;
                }
            }
        }
        *bytes = rest;
        Some(number)
    }
}

impl Iterator for Postings<'_> {
    type Item = Posting;

    #[inline]
    fn next(&mut self) -> Option<Posting> {
        let mut bytes = self.bytes;
        let head = Self::number(&mut bytes)?;
        let frequency = if head & 1 == 1 { 1 } else { u32::try_from(Self::number(&mut bytes)?).ok()? };
        let document = u32::try_from(self.next + (head >> 1)).ok()?;
        self.bytes = bytes;
        self.next = u64::from(document) + 1;
        Some(Posting { document, frequency })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn postings_come_back(list in prop::collection::btree_map(any::<u32>(), 1u32.., 0..50)) {
            let mut builder = PostingsBuilder::default();
            list.iter().for_each(|(&document, &frequency)| builder.add(document, frequency));
            let mut read = Postings::new(&builder.bytes);
            let back: BTreeMap<u32, u32> = read.by_ref().map(|p| (p.document, p.frequency)).collect();
            prop_assert_eq!(&back, &list);
            prop_assert!(read.is_whole() && builder.documents as usize == list.len());
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let documents: Vec<u32> = Postings::new(&bytes).map(|p| p.document).collect();
            prop_assert!(documents.is_sorted_by(|a, b| a < b));
        }
    }
}
