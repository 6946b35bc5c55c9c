//! By what two questions, names or values are the same.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::corpus::written_out;

/// NFKD without combining marks, in lower case; marks of a sentence and runs of white space are one space. Signs that tell
/// names apart stay (`C++` is not `C#`).
pub(super) fn identity_key(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    if text.is_ascii() {
        text.bytes().for_each(|byte| push_folded(&mut out, char::from(byte.to_ascii_lowercase())));
    } else {
        let plain = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
        plain.for_each(|c| match written_out(c) {
            Some(letters) => out.push_str(letters),
            None => push_folded(&mut out, c),
        });
    }
    if out.ends_with(' ') {
        out.pop();
    }
    out
}

fn push_folded(out: &mut String, c: char) {
    let kept = c.is_alphanumeric() || matches!(c, '+' | '#' | '%' | '@' | '&' | '=' | '<' | '>' | '*' | '$' | '€');
    if kept {
        out.push(c);
    } else if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_punctuation_are_folded_and_signs_of_names_stay() {
        assert_eq!(identity_key("  Qui HÉBERGE l’application « GIDAF » ?!"), "qui heberge l application gidaf");
        assert_eq!(identity_key("Who hosts GIDAF?"), identity_key("who hosts gidaf"));
        assert_ne!(identity_key("What is C++?"), identity_key("What is C#?"));
        assert_ne!(identity_key("version 1.2"), identity_key("version 12"));
        assert_eq!(identity_key("Cœur ﬁn Straße"), "coeur fin strasse");
    }
}
