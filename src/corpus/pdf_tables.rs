//! The tables of characters that fonts of a PDF name, checked before they are read: the library reads lists within lists by
//! recursion, and makes each range of characters one by one.

use std::collections::HashSet;

use pdf_extract::{Dictionary, Document, Object, ObjectId};

use super::pdf_limits::{PdfExcess, PdfLimits};

/// Keys of fonts whose streams are tables, or programs that begin with one.
const KEYS: [&[u8]; 3] = [b"ToUnicode", b"Encoding", b"FontFile"];

/// The streams that are tables.
pub(super) struct Tables {
    ids: HashSet<ObjectId>,
}

impl Tables {
    pub(super) fn of(document: &Document) -> Self {
        let mut tables = Self { ids: HashSet::new() };
        for object in document.objects.values() {
            tables.add(document, object);
        }
        tables
    }

    /// Objects lie at most as deep within each other as the parser lets them.
    fn add(&mut self, document: &Document, object: &Object) {
        match object {
            Object::Array(objects) => objects.iter().for_each(|object| self.add(document, object)),
            Object::Dictionary(dictionary) => self.add_named(document, dictionary),
            Object::Stream(stream) => self.add_named(document, &stream.dict),
            _ => {}
        }
    }

    fn add_named(&mut self, document: &Document, dictionary: &Dictionary) {
        for (key, object) in dictionary {
            if KEYS.contains(&key.as_slice()) {
                self.ids.extend(document.dereference(object).ok().and_then(|(id, _)| id));
            }
            self.add(document, object);
        }
    }

    /// Checks an unpacked stream, if it is a table.
    pub(super) fn check(&self, id: ObjectId, content: &[u8], limits: &PdfLimits) -> Result<(), PdfExcess> {
        if !self.ids.contains(&id) {
            return Ok(());
        }
        if nesting(content) > limits.nesting {
            return Err(PdfExcess::Nesting { most: limits.nesting });
        }
        let mut left = limits.characters;
        for (at, _) in content.windows(RANGES.len()).enumerate().filter(|(_, word)| *word == RANGES) {
            let mut ranges = Ranges { rest: content.get(at + RANGES.len()..).unwrap_or_default() };
            while let Some(count) = ranges.next_count() {
                left = left.checked_sub(count).ok_or(PdfExcess::Characters { most: limits.characters })?;
            }
        }
        Ok(())
    }
}

const RANGES: &[u8] = b"beginbfrange";

/// How deep lists, strings and procedures lie within each other, at most.
fn nesting(content: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in content {
        match byte {
            b'(' | b'[' | b'{' | b'<' => depth += 1,
            b')' | b']' | b'}' | b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The ranges that follow: a first character, a last one, and what the first one means.
struct Ranges<'a> {
    rest: &'a [u8],
}

impl Ranges<'_> {
    /// How many characters the next range has; None: no range follows that the library can read.
    fn next_count(&mut self) -> Option<usize> {
        let (first, last) = (self.code()?, self.code()?);
        self.blank();
        match self.rest.first()? {
            b'[' => self.skip_past(b']'),
            _ => self.code().map(|_| ()),
        }?;
        usize::try_from(last.checked_sub(first)?).ok()?.checked_add(1)
    }

    /// A code in hexadecimal digits, or the characters of a string.
    fn code(&mut self) -> Option<u32> {
        self.blank();
        let (opening, rest) = self.rest.split_first()?;
        let close = if *opening == b'<' { b'>' } else { b')' };
        let end = rest.iter().position(|byte| *byte == close)?;
        let (digits, rest) = rest.split_at(end);
        self.rest = rest.get(1..)?;
        match opening {
            b'<' => Some(
                digits
                    .iter()
                    .filter_map(|digit| (*digit as char).to_digit(16))
                    .fold(0, |code, digit| (code << 4) | digit),
            ),
            // No tool writes codes as strings, which have escapes: the largest one is supposed.
            b'(' => Some(u32::MAX),
            _ => None,
        }
    }

    fn skip_past(&mut self, end: u8) -> Option<()> {
        let at = self.rest.iter().position(|byte| *byte == end)?;
        self.rest = self.rest.get(at + 1..)?;
        Some(())
    }

    /// Skips what separates values: spaces and comments.
    fn blank(&mut self) {
        while let Some((byte, rest)) = self.rest.split_first() {
            match byte {
                b'%' => {
                    let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
                    self.rest = rest.get(end..).unwrap_or_default();
                }
                byte if byte.is_ascii_whitespace() || *byte == 0 => self.rest = rest,
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(ranges: &str) -> Vec<usize> {
        let mut ranges = Ranges { rest: ranges.as_bytes() };
        std::iter::from_fn(|| ranges.next_count()).collect()
    }

    #[test]
    fn characters_of_ranges_are_counted() {
        assert_eq!(counts("\n<0000> <005E> <0020>\n<005F><0061> [<00660066> <00660069> <0066>]\nendbfrange"), [95, 3]);
        assert_eq!(counts(" <00 00>\n% a <01> comment\n<00000000 > <0041> endbfrange <00> <ff> <00>"), [1]);
        assert_eq!(counts("<00000000> <ffffffff> <0000>"), [1 << 32]);
        assert_eq!(counts("<00> (\\377\\377\\377\\377) <0000>"), [1 << 32]);
        assert_eq!(counts("/Name <00> <01> <00>"), [0_usize; 0]);
        assert_eq!((nesting(b"[[](<a>)]"), nesting(b"[[["), nesting(b"]]>")), (3, 3, 0));
    }
}
