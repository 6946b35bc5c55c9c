//! UTF-8 that was read in a one-byte encoding and stored so: `Ã©` and `√©` for `é`.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The encoding that UTF-8 was read in by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display, strum::IntoStaticStr)]
pub enum Codec {
    #[strum(serialize = "MACINTOSH")]
    MacRoman,
    #[strum(serialize = "WINDOWS-1252")]
    Windows1252,
}

impl Codec {
    const ALL: [Self; 2] = [Self::Windows1252, Self::MacRoman];

    /// Of each character beyond ASCII its byte.
    fn bytes(self) -> &'static HashMap<char, u8> {
        static TABLES: LazyLock<[HashMap<char, u8>; 2]> =
            LazyLock::new(|| [table(encoding_rs::WINDOWS_1252), table(encoding_rs::MACINTOSH)]);
        match self {
            Self::Windows1252 => &TABLES[0],
            Self::MacRoman => &TABLES[1],
        }
    }

    /// The character that the first characters of `text` are the UTF-8 of, with their length.
    fn undo(self, text: &str) -> Option<Undone> {
        let bytes = self.bytes();
        let mut found = [0_u8; 4];
        let mut chars = text.char_indices();
        let (_, first) = chars.next()?;
        let lead = bytes.get(&first).copied()?;
        let width = match lead {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return None,
        };
        let place = found.get_mut(..width)?;
        let (head, tail) = place.split_first_mut()?;
        *head = lead;
        let mut last = first;
        for byte in tail {
            last = chars.next()?.1;
            *byte = bytes.get(&last).copied()?;
        }
        // Of a text that was misread twice as Latin-1 the first undoing leaves control characters.
        let between = |c: char| is_control(c) && is_control(last);
        let right = std::str::from_utf8(place).ok()?.chars().next().filter(|c| plausible(*c) || between(*c))?;
        Some(Undone { right, length: chars.next().map_or(text.len(), |(at, _)| at) })
    }
}

fn table(encoding: &'static encoding_rs::Encoding) -> HashMap<char, u8> {
    let of = |byte: u8| encoding.decode_without_bom_handling(&[byte]).0.chars().next().map(|c| (c, byte));
    let mut table: HashMap<char, u8> = (0x80..=0xff).filter_map(of).collect();
    if encoding == encoding_rs::WINDOWS_1252 {
        // Latin-1 proper has control characters where Windows-1252 has signs.
        table.extend((0x80..=0x9f_u8).map(|byte| (char::from(byte), byte)));
    }
    table
}

fn is_control(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{9f}')
}

/// The first place where a character of misread UTF-8 stands before a control character, which no text has.
pub(super) fn left(text: &str) -> Option<usize> {
    let mut places = text.char_indices().zip(text.chars().skip(1));
    let found = places.find(|((_, c), next)| matches!(c, 'Â' | 'Ã' | 'â') && is_control(*next));
    found.map(|((at, _), _)| at)
}

/// Characters of French and English texts, so that `É»` is not taken for one of another script.
fn plausible(c: char) -> bool {
    matches!(c, '\u{a0}'..='\u{ff}' | 'Œ' | 'œ' | 'Š' | 'š' | 'Ÿ' | 'Ž' | 'ž' | '\u{2010}'..='\u{203a}' | '€' | '™'
        | '\u{2190}'..='\u{21ff}' | '\u{2200}'..='\u{22ff}' | '\u{2500}'..='\u{27bf}' | '\u{fb00}'..='\u{fb04}' | '\u{1f300}'..='\u{1faff}')
}

struct Undone {
    right: char,
    length: usize,
}

/// What was found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) codec: Codec,
    pub(super) count: usize,
    /// Of the first.
    pub(super) at: usize,
    pub(super) wrong: String,
    pub(super) right: String,
}

/// The encoding that more of the text's characters were read in; None where none was.
pub(super) fn find(text: &str) -> Option<Finding> {
    let findings = Codec::ALL.into_iter().filter_map(|codec| find_codec(text, codec));
    findings.reduce(|a, b| if b.count > a.count { b } else { a })
}

fn find_codec(text: &str, codec: Codec) -> Option<Finding> {
    let mut found: Option<Finding> = None;
    scan(text, codec, &mut |at, undone| match &mut found {
        Some(found) => found.count += 1,
        None => {
            let wrong = text.get(at..at + undone.length).unwrap_or_default().to_owned();
            found = Some(Finding { codec, count: 1, at, wrong, right: undone.right.to_string() });
        }
    });
    found
}

/// The text with the characters that were read in `codec` corrected.
pub(super) fn fix(text: &str, codec: Codec) -> String {
    let mut out = String::with_capacity(text.len());
    let mut kept = 0;
    scan(text, codec, &mut |at, undone| {
        out.push_str(text.get(kept..at).unwrap_or_default());
        out.push(undone.right);
        kept = at + undone.length;
    });
    out.push_str(text.get(kept..).unwrap_or_default());
    out
}

fn scan(text: &str, codec: Codec, each: &mut dyn FnMut(usize, Undone)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(step) = bytes.get(at..).and_then(|rest| rest.iter().position(|b| *b >= 0x80)) {
        at += step;
        let Some(rest) = text.get(at..) else { return };
        match codec.undo(rest) {
            Some(undone) => {
                let length = undone.length;
                each(at, undone);
                at += length;
            }
            None => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misread(text: &str, encoding: &'static encoding_rs::Encoding) -> String {
        encoding.decode_without_bom_handling(text.as_bytes()).0.into_owned()
    }

    #[test]
    fn both_pairs_are_found_and_undone() {
        let text = "L’été, « l'hôtel » à Noël : 5 € — œuvre… ça ✓";
        for (codec, encoding, sign) in
            [(Codec::MacRoman, encoding_rs::MACINTOSH, "√©"), (Codec::Windows1252, encoding_rs::WINDOWS_1252, "Ã©")]
        {
            let wrong = misread(text, encoding);
            assert!(wrong.contains(sign), "{wrong}");
            let found = find(&wrong).unwrap();
            assert_eq!((found.codec, found.right.as_str(), found.at), (codec, "’", 1));
            assert_eq!(found.count, text.chars().filter(|c| !c.is_ascii()).count());
            assert_eq!(fix(&wrong, codec), text);
        }
    }

    #[test]
    fn right_text_is_left_alone() {
        for text in [
            "L’été, « LIBERTÉ» et « à » : 5 € — œuvre… ça ✓ √2 ≈ 1,4 ¬p",
            "NÃO, São Paulo, Ångström, „Ä“, coração",
            "Привет, 日本語, ελληνικά",
            "plain",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    #[test]
    fn latin_1_is_undone_layer_by_layer() {
        let twice = "Ã\u{83}Â\u{89}vry";
        assert_eq!(left(twice), Some(0));
        let once = fix(twice, Codec::Windows1252);
        assert_eq!(once, "Ã\u{89}vry");
        assert_eq!(fix(&once, Codec::Windows1252), "Évry");
        assert_eq!(left("Évry, São Paulo"), None);
        assert_eq!(fix("\u{89} Â‰", Codec::Windows1252), "\u{89} Â‰");
    }

    #[test]
    fn a_mixture_keeps_what_is_right() {
        assert_eq!(fix("déjà Ã©tÃ©", Codec::Windows1252), "déjà été");
    }
}
