//! Typographic forms of plain characters, before anything is compared. What NFKC would merge into a number beside it
//! (`10³`, `2½`, `log₂8`, `10①`) is kept apart from it.

use unicode_normalization::UnicodeNormalization;

use super::number::{END, END_JOINED, START};

/// `text` with plain quotes, hyphens and digits, and nothing invisible.
pub(super) fn plain(text: &str) -> String {
    let mut plain = Plain { out: String::with_capacity(text.len()), raised: false };
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // The marks of numbers, soft hyphens, characters without width.
            START | END | END_JOINED | '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' => {}
            '‘' | '’' | '‚' | '‛' | 'ʼ' | '´' | '′' | '‹' | '›' => plain.push('\''),
            '“' | '”' | '„' | '‟' | '″' => plain.push('"'),
            // French puts a space inside.
            '«' => {
                plain.push('"');
                while chars.next_if(|c| c.is_whitespace()).is_some() {}
            }
            '»' => {
                plain.out.truncate(plain.out.trim_end().len());
                plain.push('"');
            }
            '−' | '﹣' | '‐' | '‑' => plain.push('-'),
            '⁄' | '∕' => plain.push('/'),
            c if c.is_ascii() => plain.push(c),
            c => plain.compatible(c),
        }
    }
    plain.out
}

/// A script above or below the line.
const SUPERSCRIPTS: &str = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const SUBSCRIPTS: &str = "₀₁₂₃₄₅₆₇₈₉";

/// Of fractions with an exact decimal: what follows the whole number's point.
const FRACTIONS: &[(char, &str)] = &[
    ('½', "5"),
    ('¼', "25"),
    ('¾', "75"),
    ('⅕', "2"),
    ('⅖', "4"),
    ('⅗', "6"),
    ('⅘', "8"),
    ('⅒', "1"),
    ('⅛', "125"),
    ('⅜', "375"),
    ('⅝', "625"),
    ('⅞', "875"),
];

struct Plain {
    out: String,
    /// The last character was a digit of another form, which the next digit does not go on.
    raised: bool,
}

impl Plain {
    fn push(&mut self, c: char) {
        if self.raised && c.is_ascii_digit() {
            self.out.push(' ');
        }
        self.raised = false;
        self.out.push(c);
    }

    fn after_digit(&self) -> bool {
        self.out.ends_with(|c: char| c.is_ascii_digit())
    }

    /// A character that is not ASCII.
    fn compatible(&mut self, c: char) {
        if let Some(digit) = other_digit(c) {
            return self.push(digit);
        }
        if let '⁺' | '⁻' = c {
            if !self.raised && self.after_digit() {
                self.out.push('^');
            }
            self.out.push(if c == '⁻' { '-' } else { '+' });
            self.raised = true;
            return;
        }
        for (digits, mark) in [(SUPERSCRIPTS, '^'), (SUBSCRIPTS, '_')] {
            if let Some(digit) = digits.chars().position(|d| d == c) {
                // After a letter (m², H₂O) it is that word's.
                if !self.raised && self.out.ends_with(|c: char| c.is_ascii_digit() || matches!(c, ')' | ']')) {
                    self.out.push(mark);
                }
                self.out.extend(char::from_digit(digit as u32, 10));
                self.raised = true;
                return;
            }
        }
        if let Some((_, decimals)) = FRACTIONS.iter().find(|(f, _)| *f == c).filter(|_| self.after_digit()) {
            self.out.push('.');
            self.out.push_str(decimals);
            self.raised = true;
            return;
        }
        let form: String = c.nfkc().map(|c| if c == '⁄' { '/' } else { c }).collect();
        self.raised = form.contains(|c: char| c.is_ascii_digit());
        if self.raised && self.after_digit() {
            self.out.push(' ');
        }
        // What holds no digit is folded later, with what stands around it: accents may still be to be composed.
        if self.raised { self.out.push_str(&form) } else { self.out.push(c) }
    }
}

/// Full-width forms of ASCII, and digits of other typefaces.
fn other_digit(c: char) -> Option<char> {
    match c as u32 {
        code @ 0xff01..=0xff5e => char::from_u32(code - 0xfee0),
        code @ 0x1d7ce..=0x1d7ff => char::from_digit((code - 0x1d7ce) % 10, 10),
        code @ 0x1fbf0..=0x1fbf9 => char::from_digit(code - 0x1fbf0, 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_plain_and_stay_out_of_numbers() {
        for (text, expected) in [
            ("don’t can´t “x” « y » ‹z›", "don't can't \"x\" \"y\" 'z'"),
            ("Pa\u{200b}ris\u{ad}", "Paris"),
            ("10³ 10⁻³ 10³5", "10^3 10^-3 10^3 5"),
            ("m² H₂O log₂8 (1)²", "m2 H2O log2 8 (1)^2"),
            ("2½ 2⅛ ½ 2⅓", "2.5 2.125 1/2 2 1/3"),
            ("10① ①0 ⑴", "10 1 1 0 (1)"),
            ("４２ 𝟒𝟐 −５％", "42 42 -5%"),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }
}
