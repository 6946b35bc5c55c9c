//! `bm25.bin`, written and read.
//!
//! All numbers are little-endian: magic (8 bytes), version (u32), term set (u32), documents (u32), terms (u32), bytes of the terms
//! (u64), bytes of the postings (u64); then the lengths of the documents (u32 each), the entries of the terms (end of the term u32,
//! documents u32, end of the postings u64), the terms, the postings. Nothing may follow.

use super::bm25::{Bm25, Entry, Parts};
use super::error::Damage;
use super::postings::Postings;
use super::terms::TermSet;

const MAGIC: &[u8; 8] = b"TSMBM25\0";
const VERSION: u32 = 1;
const ENTRY: usize = 16;
const SETS: [TermSet; 3] = [TermSet::Words, TermSet::Trigrams, TermSet::Both];

impl Bm25 {
    pub(super) fn encode(&self) -> Vec<u8> {
        let size = 48 + 4 * self.lengths.len() + ENTRY * self.entries.len() + self.terms.len() + self.postings.len();
        let mut bytes = Vec::with_capacity(size);
        bytes.extend_from_slice(MAGIC);
        let set = SETS.iter().position(|s| *s == self.set).unwrap_or_default();
        for number in [VERSION, set as u32, self.lengths.len() as u32, self.entries.len() as u32] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.terms.len() as u64, self.postings.len() as u64] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        self.lengths.iter().for_each(|length| bytes.extend_from_slice(&length.to_le_bytes()));
        for entry in &self.entries {
            bytes.extend_from_slice(&entry.term_end.to_le_bytes());
            bytes.extend_from_slice(&entry.documents.to_le_bytes());
            bytes.extend_from_slice(&entry.postings_end.to_le_bytes());
        }
        bytes.extend_from_slice(&self.terms);
        bytes.extend_from_slice(&self.postings);
        bytes
    }

    /// Everything that a search relies on is checked, so that no search can fail.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let mut reader = Reader { rest: bytes };
        if reader.take(8, "the header")? != MAGIC {
            return Err(Damage::Value("the magic number"));
        }
        let version = reader.u32("the header")?;
        if version != VERSION {
            return Err(Damage::Version { found: u64::from(version), expected: VERSION });
        }
        let set = reader.u32("the header")? as usize;
        let set = *SETS.get(set).ok_or(Damage::Value("the kind of terms"))?;
        let documents = reader.u32("the header")? as usize;
        let terms = reader.u32("the header")? as usize;
        let term_bytes =
            usize::try_from(reader.u64("the header")?).map_err(|_| Damage::Value("the size of the terms"))?;
        let posting_bytes =
            usize::try_from(reader.u64("the header")?).map_err(|_| Damage::Value("the size of the postings"))?;
        let lengths = reader.table(documents, 4, "the lengths of the documents")?.chunks_exact(4).map(u32_of).collect();
        let entries = reader.table(terms, ENTRY, "the entries of the terms")?;
        let entries: Vec<Entry> = entries
            .chunks_exact(ENTRY)
            .map(|e| Entry { term_end: u32_of(&e[..4]), documents: u32_of(&e[4..8]), postings_end: u64_of(&e[8..]) })
            .collect();
        let terms = reader.take(term_bytes, "the terms")?.to_vec();
        let postings = reader.take(posting_bytes, "the postings")?.to_vec();
        if !reader.rest.is_empty() {
            return Err(Damage::Value("what follows the postings"));
        }
        let index = Self::from_parts(Parts { set, lengths, terms, entries, postings });
        index.check()?;
        Ok(index)
    }

    fn check(&self) -> Result<(), Damage> {
        let ends = self.entries.last().map_or((0, 0), |e| (e.term_end as usize, e.postings_end));
        if ends != (self.terms.len(), self.postings.len() as u64) {
            return Err(Damage::Value("the end of the last term"));
        }
        let mut lengths = vec![0u32; self.lengths.len()];
        let mut before: &[u8] = &[];
        for (at, entry) in self.entries.iter().enumerate() {
            let term = self.term(at).ok_or(Damage::Value("the place of a term"))?;
            if term <= before || std::str::from_utf8(term).is_err() {
                return Err(Damage::Value("a term or the order of the terms"));
            }
            before = term;
            let mut postings = Postings::new(self.postings_of(at).ok_or(Damage::Value("the place of postings"))?);
            let mut documents = 0;
            for posting in postings.by_ref() {
                let length = lengths.get_mut(posting.document as usize).ok_or(Damage::Value("a document's number"))?;
                if posting.frequency == 0 {
                    return Err(Damage::Value("a frequency"));
                }
                *length = length.saturating_add(posting.frequency);
                documents += 1;
            }
            if !postings.is_whole() || documents != entry.documents || documents == 0 {
                return Err(Damage::Value("the postings of a term"));
            }
        }
        if lengths == self.lengths { Ok(()) } else { Err(Damage::Value("a document's length")) }
    }
}

/// Takes bytes from the front. No size is trusted: what is not there is not allocated.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, size: usize, what: &'static str) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.rest.split_at_checked(size).ok_or(Damage::Short(what))?;
        self.rest = rest;
        Ok(taken)
    }

    fn table(&mut self, rows: usize, width: usize, what: &'static str) -> Result<&'a [u8], Damage> {
        self.take(rows.checked_mul(width).ok_or(Damage::Short(what))?, what)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, Damage> {
        Ok(u32_of(self.take(4, what)?))
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, Damage> {
        Ok(u64_of(self.take(8, what)?))
    }
}

/// Of 4 bytes.
fn u32_of(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// Of 8 bytes.
fn u64_of(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Bm25 {
        let texts =
            ["GIDAF est hébergé à Lyon", "6Tzen gère les congés, les absences", "", "Le portail de Lyon, Lyon, Lyon"];
        Bm25::build(texts, TermSet::Both).unwrap()
    }

    #[test]
    fn an_index_comes_back() {
        for index in [sample(), Bm25::build([], TermSet::Words).unwrap()] {
            assert_eq!(Bm25::decode(&index.encode()).unwrap(), index);
        }
        let e = Bm25::decode(b"TSMBM25\0\x02\0\0\0").unwrap_err().to_string();
        assert_eq!(e, "it has format version 2; this program reads version 1");
        // Four thousand million documents in a file of 48 bytes.
        let mut bytes = sample().encode()[..40].to_vec();
        bytes[16..24].fill(0xff);
        assert_eq!(Bm25::decode(&bytes).unwrap_err(), Damage::Short("the lengths of the documents"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_changed_file_is_an_error_or_searched_without_panic(at in any::<prop::sample::Index>(), with in 1u8.., cut in any::<bool>()) {
            let mut bytes = sample().encode();
            let at = at.index(bytes.len());
            if cut {
                bytes.truncate(at);
                prop_assert!(Bm25::decode(&bytes).is_err());
            } else {
                bytes[at] ^= with;
                if let Ok(read) = Bm25::decode(&bytes) {
                    let found = read.top("Lyon gidaf les conges", 10);
                    prop_assert!(found.iter().all(|r| r.document < 4 && r.score.is_finite()));
                }
            }
        }

        #[test]
        fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Bm25::decode(&[&MAGIC[..], &bytes].concat()).is_err());
        }
    }
}
