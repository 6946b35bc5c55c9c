//! The keys of a version 3 header, looked at without decoding the values: whether only the form of a key keeps gguf-rs-lib
//! from reading the file. It takes dot-separated lower_snake_case alone, and `command-r.block_count` has a hyphen.

use std::collections::HashSet;

/// As deep as arrays may lie in arrays; no file of today nests them.
const MAX_DEPTH: usize = 4;
/// Fields of the header before the keys: magic, version, number of tensors.
const BEFORE_COUNT: usize = 4 + 4 + 8;

/// Whether the metadata is whole and well formed, no key is empty or there twice, and one is not lower_snake_case.
pub(super) fn only_form_differs(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.get(BEFORE_COUNT..) else { return false };
    unusual(&mut Cursor(rest)).unwrap_or(false)
}

/// None: damaged.
fn unusual(cursor: &mut Cursor<'_>) -> Option<bool> {
    let (mut seen, mut unusual) = (HashSet::new(), false);
    for _ in 0..cursor.u64()? {
        let key = cursor.string()?;
        if key.is_empty() || !seen.insert(key) {
            return None;
        }
        unusual |= !is_snake_case(key);
        let ty = cursor.u32()?;
        cursor.skip(ty, 0)?;
    }
    Some(unusual)
}

fn is_snake_case(key: &str) -> bool {
    let plain = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    key.split('.').all(|part| part.split('_').all(plain))
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, n: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(n).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn string(&mut self) -> Option<&'a str> {
        let n = self.u64()?;
        std::str::from_utf8(self.take(n)?).ok()
    }

    /// A value of the type `ty`.
    fn skip(&mut self, ty: u32, depth: usize) -> Option<()> {
        const STRING: u32 = 8;
        const ARRAY: u32 = 9;
        match (ty, width(ty)) {
            (_, Some(width)) => self.take(width).map(drop),
            (STRING, _) => self.string().map(drop),
            (ARRAY, _) if depth < MAX_DEPTH => {
                let (ty, n) = (self.u32()?, self.u64()?);
                match width(ty) {
                    Some(width) => self.take(n.checked_mul(width)?).map(drop),
                    None => (0..n).try_for_each(|_| self.skip(ty, depth + 1)),
                }
            }
            _ => None,
        }
    }
}

/// Bytes of a number or a boolean.
fn width(ty: u32) -> Option<u64> {
    match ty {
        // u8, i8, bool
        0 | 1 | 7 => Some(1),
        // u16, i16
        2 | 3 => Some(2),
        // u32, i32, f32
        4..=6 => Some(4),
        // u64, i64, f64
        10..=12 => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
    }

    /// A header with these keys, each with a list of two strings.
    fn header(keys: &[&str]) -> Vec<u8> {
        let mut out = b"GGUF\x03\0\0\0".to_vec();
        out.extend([0_u64, keys.len() as u64].map(u64::to_le_bytes).concat());
        for key in keys {
            out.extend(text(key));
            out.extend([9_u32, 8].map(u32::to_le_bytes).concat());
            out.extend(2_u64.to_le_bytes());
            out.extend([text("a"), text("é")].concat());
        }
        out
    }

    #[test]
    fn only_whole_metadata_with_an_unusual_key_is_for_the_second_reader() {
        assert!(only_form_differs(&header(&["general.name", "command-r.block_count"])));
        for usual in [&["general.name", "qwen2.block_count"][..], &["a-b", "a-b"], &["a-b", ""], &[]] {
            assert!(!only_form_differs(&header(usual)), "{usual:?}");
        }
        let whole = header(&["a-b"]);
        assert!((0..whole.len()).all(|n| !only_form_differs(&whole[..n])), "a cut header is damaged");
        // Arrays in arrays without end.
        let mut deep = header(&[]);
        deep[16] = 1;
        deep.extend(text("a-b"));
        deep.extend(9_u32.to_le_bytes());
        deep.extend([&9_u32.to_le_bytes()[..], &1_u64.to_le_bytes()[..]].concat().repeat(1 << 16));
        assert!(!only_form_differs(&deep));
    }
}
