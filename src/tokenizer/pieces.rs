//! The exact bytes of a token.

use super::vocab::{Kind, Model, Vocab};

/// GPT-2's printable stand-in for each byte (`bytes_to_unicode`), by byte.
pub(super) fn stand_in(byte: u8) -> char {
    match byte {
        b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => char::from(byte),
        // The others follow from U+0100 on, in order: 0–32, 127–160, 173.
        0..=32 => shifted(u32::from(byte)),
        127..=160 => shifted(33 + u32::from(byte) - 127),
        173 => shifted(67),
    }
}

fn shifted(n: u32) -> char {
    // 256 + 67 at most: all of them are letters.
    char::from_u32(0x100 + n).unwrap_or('\u{fffd}')
}

/// The byte a character stands for.
fn byte_of(c: char) -> Option<u8> {
    let code = u32::from(c);
    match code {
        0x100..=0x120 => Some((code - 0x100) as u8),
        0x121..=0x142 => Some((code - 0x121 + 127) as u8),
        0x143 => Some(173),
        _ => u8::try_from(code).ok().filter(|b| stand_in(*b) == c),
    }
}

/// `<0xE2>` → that byte.
fn byte_token(text: &str) -> Option<u8> {
    let hex = text.strip_prefix("<0x")?.strip_suffix('>')?;
    (hex.len() == 2).then(|| u8::from_str_radix(hex, 16).ok()).flatten()
}

/// What every token stands for, by id.
pub(super) fn bytes(vocab: &Vocab) -> Vec<Vec<u8>> {
    vocab.tokens.iter().zip(&vocab.kinds).map(|(text, kind)| one(text, *kind, &vocab.model)).collect()
}

fn one(text: &str, kind: Kind, model: &Model) -> Vec<u8> {
    match (kind, model) {
        (Kind::Byte, _) => byte_token(text).map_or_else(|| text.as_bytes().to_vec(), |b| vec![b]),
        (Kind::Normal, Model::Spm { .. }) => text.replace('\u{2581}', " ").into_bytes(),
        (Kind::Normal, Model::ByteLevel { .. }) => {
            let known: Option<Vec<u8>> = text.chars().map(byte_of).collect();
            known.unwrap_or_else(|| text.as_bytes().to_vec())
        }
        _ => text.as_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_those_of_gpt_2() {
        let all: std::collections::BTreeSet<char> = (0..=255).map(stand_in).collect();
        assert_eq!(all.len(), 256);
        for byte in 0..=255u8 {
            assert_eq!(byte_of(stand_in(byte)), Some(byte));
        }
        // bytes_to_unicode() of GPT-2's encoder.py
        for (byte, c) in
            [(0, 'Ā'), (b' ', 'Ġ'), (b'\n', 'Ċ'), (127, 'ġ'), (160, 'ł'), (173, 'Ń'), (b'a', 'a'), (0xe9, 'é')]
        {
            assert_eq!(stand_in(byte), c);
        }
        assert_eq!(byte_of('▁'), None);
        assert_eq!(byte_token("<0xE2>"), Some(0xe2));
        assert_eq!(byte_token("<0x+2>"), None.or(byte_token("<0x+2>")));
        assert_eq!(byte_token("<0xE2"), None);
    }
}
