//! Text folded for comparison: case, accents and white space do not count.

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

/// Characters below are folded one by one, each in the same way wherever it stands.
const LATIN: u32 = 0x180;

/// Each Latin character, folded.
static FOLDED: LazyLock<Vec<String>> = LazyLock::new(|| {
    let one = |code| char::from_u32(code).map(|c| composed(&c.to_string())).unwrap_or_default();
    (0..LATIN).map(one).collect()
});

/// NFKC, lower case, without accents, typographic apostrophes and hyphens as plain ones, runs of white space as one space.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return collapsed(&text.to_ascii_lowercase());
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match (FOLDED.get(c as usize), c) {
            (Some(folded), _) => out.push_str(folded),
            (None, '’') => out.push('\''),
            (None, '\u{202f}') => out.push(' '),
            (None, '–' | '—' | '€') => out.push(c),
            _ => return collapsed(&composed(text)),
        }
    }
    collapsed(&out)
}

/// As [`folded`], of any script; white space is left.
fn composed(text: &str) -> String {
    let plain = text.nfkd().filter(|c| !is_accent(*c)).map(plain_sign);
    let lower: String = plain.flat_map(char::to_lowercase).filter(|c| !is_accent(*c)).nfkc().collect();
    let mut out = String::with_capacity(lower.len());
    for c in lower.chars() {
        match (written_out(c), c) {
            (Some(letters), _) => out.push_str(letters),
            (None, 'ς') => out.push('σ'),
            (None, c) => out.push(c),
        }
    }
    out
}

/// Of a small letter that no decomposition takes apart, the letters that are written for it where accents are left out.
pub(crate) fn written_out(c: char) -> Option<&'static str> {
    Some(match c {
        'œ' => "oe",
        'æ' => "ae",
        'ß' => "ss",
        'ø' => "o",
        'ł' => "l",
        'ð' | 'đ' => "d",
        'ı' => "i",
        _ => return None,
    })
}

/// A name of an attribute, for comparison: folded, `camelCase`, `_`, `-`, `.` and `/` as word limits, without a last colon.
pub(super) fn attribute_key(name: &str) -> String {
    let mut spaced = String::with_capacity(name.len() + 4);
    let mut last = ' ';
    for c in name.chars() {
        if last.is_lowercase() && c.is_uppercase() {
            spaced.push(' ');
        }
        spaced.push(if matches!(c, '_' | '-' | '.' | '/' | ':' | '*') { ' ' } else { c });
        last = c;
    }
    folded(&spaced)
}

/// Runs of white space become one space; none is left at the ends.
pub(super) fn collapsed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Combining marks of European scripts; vowel signs of others are letters.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}')
}

fn plain_sign(c: char) -> char {
    match c {
        '‘' | '’' | 'ʼ' => '\'',
        '\u{2010}' | '\u{2011}' => '-',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_spaces_do_not_count() {
        for (text, expected) in [
            ("  Hébergeur\u{a0}\u{202f}Principal ", "hebergeur principal"),
            ("L’ŒUVRE", "l'oeuvre"),
            ("Straße ＡＢ", "strasse ab"),
            ("ASCII  Only\n", "ascii only"),
            ("İstanbul e\u{301}", "istanbul e"),
            ("हिन्दी 한국", "हिन्दी 한국"),
        ] {
            assert_eq!(folded(text), expected);
        }
        assert_eq!(attribute_key("Date_mise-en.service :"), "date mise en service");
        assert_eq!(attribute_key("dateMiseEnService"), attribute_key("Date mise en service"));
        assert_eq!(attribute_key("URL"), "url");
    }

    proptest::proptest! {
        #[test]
        fn latin_text_is_folded_as_any_other(text in "[\u{20}-\u{17f}’–—€\u{202f}]{0,16}") {
            proptest::prop_assert_eq!(folded(&text), collapsed(&composed(&text)));
        }

        #[test]
        fn folding_twice_changes_nothing(text in "\\PC{0,24}") {
            let once = folded(&text);
            proptest::prop_assert_eq!(folded(&once), once);
        }
    }
}
