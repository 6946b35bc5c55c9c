//! How a text becomes tokens: the tokenizers of sacreBLEU 2.6.0 and of rouge_score 0.1.2, and one for any script.

use unicode_segmentation::UnicodeSegmentation;

use crate::eval::text::fold;

/// White space as Python's `str.isspace` has it: `char::is_whitespace` and the four separators U+001C to U+001F.
pub(super) fn is_python_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// As Python's `str.split()`.
pub(super) fn split_python(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_python_space).filter(|word| !word.is_empty())
}

/// A tokenizer of sacreBLEU, by its name in the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BleuTokenizer {
    /// `13a`, as mteval-v13a.pl, the tokenizer of WMT: for languages with spaces between words.
    Mteval13a,
    /// `char`: every character is a token, for languages without spaces between words.
    Char,
    /// `none`: the text is tokenized already.
    None,
}

impl BleuTokenizer {
    /// The text with white space between its tokens; [`split_python`] gives the tokens.
    pub(super) fn tokenize(self, text: &str) -> String {
        let text = text.trim_end_matches(is_python_space);
        match self {
            Self::Mteval13a => mteval_13a(text),
            Self::Char => text.chars().flat_map(|c| [c, ' ']).collect(),
            Self::None => text.to_owned(),
        }
    }
}

fn mteval_13a(text: &str) -> String {
    let mut text = text.replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    for (entity, character) in [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
        text = text.replace(entity, character);
    }
    // The four regular expressions of the reference, in its order. Digits are ASCII's.
    // 1. `([\{-\~\[-\` -\&\(-\+\:-\@\/])`: a space on both sides of symbols; apostrophe, comma, hyphen and point are none.
    let mut spaced = String::with_capacity(text.len() * 2);
    for c in format!(" {text} ").chars() {
        match c {
            '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/' => spaced.extend([' ', c, ' ']),
            c => spaced.push(c),
        }
    }
    // 2. `([^0-9])([\.,])` → `\1 \2 `.
    let spaced = space_pairs(&spaced, |a, b| !a.is_ascii_digit() && is_point(b), ["", " ", " "]);
    // 3. `([\.,])([^0-9])` → ` \1 \2`.
    let spaced = space_pairs(&spaced, |a, b| is_point(a) && !b.is_ascii_digit(), [" ", " ", ""]);
    // 4. `([0-9])(-)` → `\1 \2 `.
    space_pairs(&spaced, |a, b| a.is_ascii_digit() && b == '-', ["", " ", " "])
}

fn is_point(c: char) -> bool {
    matches!(c, '.' | ',')
}

/// Replaces each pair of neighbours that is matched, from left to right and without overlap, as `re.sub` does: the parts of
/// `around` stand before, between and after the two.
fn space_pairs(text: &str, is_matched: fn(char, char) -> bool, around: [&str; 3]) -> String {
    let [before, between, after] = around;
    let mut out = String::with_capacity(text.len() * 2);
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.next() {
        match chars.next_if(|second| is_matched(first, *second)) {
            Some(second) => {
                out.push_str(before);
                out.push(first);
                out.push_str(between);
                out.push(second);
                out.push_str(after);
            }
            None => out.push(first),
        }
    }
    out
}

/// How ROUGE divides a text into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RougeTokenizer {
    /// As rouge_score: runs of `a-z0-9` of the lower-cased text. Of a text in another script nothing is left.
    Ascii,
    /// Words by the rules of Unicode (UAX #29) of the folded text ([`fold`]): Chinese characters are words of their own.
    Unicode,
}

impl RougeTokenizer {
    pub(super) fn tokens(self, text: &str) -> Vec<String> {
        match self {
            Self::Ascii => {
                let lower = text.to_lowercase();
                let runs = lower.split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit());
                runs.filter(|run| !run.is_empty()).map(str::to_owned).collect()
            }
            Self::Unicode => fold(text).unicode_words().map(str::to_owned).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bleu_tokenizers() {
        let tokens = |tokenizer: BleuTokenizer, text: &str| {
            split_python(&tokenizer.tokenize(text)).map(str::to_owned).collect::<Vec<_>>().join(" ")
        };
        let of_13a = |text| tokens(BleuTokenizer::Mteval13a, text);
        assert_eq!(of_13a("It costs $3.50, i.e. 2,000 yen."), "It costs $ 3.50 , i . e . 2,000 yen .");
        assert_eq!(of_13a("&lt;a&gt; &amp;quot; 7-8 co-op<skipped>s"), "< a > & quot ; 7 - 8 co-ops");
        assert_eq!(of_13a("a-\nb\u{1c}c"), "ab c");
        assert_eq!(tokens(BleuTokenizer::Char, "你 好\n"), "你 好");
        assert_eq!(tokens(BleuTokenizer::None, " a,b\u{1f}c "), "a,b c");
    }

    #[test]
    fn rouge_tokenizers() {
        assert_eq!(RougeTokenizer::Ascii.tokens("Don't: 3.5 ÉTÉ\u{212a}"), ["don", "t", "3", "5", "t", "k"]);
        assert!(RougeTokenizer::Ascii.tokens("Привет, мир").is_empty());
        assert_eq!(
            RougeTokenizer::Unicode.tokens("Don’t, ПРИВЕТ! 你好 3.5 😀"),
            ["don't", "привет", "你", "好", "3.5"]
        );
    }
}
