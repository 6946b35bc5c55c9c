//! Text of strangers as text of a page: prompts, answers, names and messages are all hostile until they have passed here.

use std::fmt::Write as _;

/// Characters that change the direction of the text around them, so that what is read is not what is there.
const DIRECTION: [std::ops::RangeInclusive<char>; 4] =
    ['\u{200e}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}', '\u{61c}'..='\u{61c}'];

/// Safe between tags and in a quoted attribute. Control characters and marks of direction are written out (`[U+202E]`), line
/// breaks and tabs stay.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if is_hidden(c) => {
                let _ = write!(out, "[U+{:04X}]", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Whether a character acts on the text beside it, or would not be seen.
fn is_hidden(c: char) -> bool {
    c.is_control() || DIRECTION.iter().any(|range| range.contains(&c))
}

/// As [`escaped`], at most `limit` characters, with what follows them in words.
pub(super) fn shortened(text: &str, limit: usize) -> Shortened<'_> {
    match text.char_indices().nth(limit) {
        None => Shortened { shown: text, left_out: 0 },
        Some((end, _)) => Shortened { shown: &text[..end], left_out: text[end..].chars().count() },
    }
}

/// The beginning of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shortened<'a> {
    pub shown: &'a str,
    /// Characters.
    pub left_out: usize,
}

/// One argument of a POSIX shell, quoted where it has to be: a run's folder may name a model as it likes, and its commands are
/// copied.
pub(super) fn shell_argument(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@+=,".contains(c);
    let is_plain = !text.is_empty() && !text.starts_with('-') && text.chars().all(plain);
    let visible: String = text.chars().filter(|c| !is_hidden(*c)).collect();
    if is_plain { visible } else { format!("'{}'", visible.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup_or_acts_on_its_neighbours() {
        let text = "<b a=\"1\" c='2'>&amp;\0\u{202e}x\u{2069}\u{7}\n\té";
        assert_eq!(
            escaped(text),
            "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;[U+0000][U+202E]x[U+2069][U+0007]\n\té"
        );
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shortened("éàü", 2), Shortened { shown: "éà", left_out: 1 });
        assert_eq!(shortened("éàü", 3), Shortened { shown: "éàü", left_out: 0 });
        assert_eq!(shortened("", 0), Shortened { shown: "", left_out: 0 });
    }

    #[test]
    fn a_name_cannot_end_the_command_that_it_stands_in() {
        assert_eq!(shell_argument("demo-assistant:v1"), "demo-assistant:v1");
        assert_eq!(shell_argument("x; rm -rf ~"), "'x; rm -rf ~'");
        assert_eq!(shell_argument("it's\n$(x)"), r"'it'\''s$(x)'");
        assert_eq!(shell_argument("-v"), "'-v'");
        assert_eq!(shell_argument(""), "''");
    }
}
