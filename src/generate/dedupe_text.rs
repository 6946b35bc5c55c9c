//! Questions made comparable: folded keys, shingles, and their likeness.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Characters of a shingle.
const SHINGLE: usize = 5;

/// NFKD without combining marks, in lower case; marks of a sentence and runs of white space are one space. Signs that tell
/// names apart stay (`C++` is not `C#`).
pub(super) fn question_key(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    if text.is_ascii() {
        text.bytes().for_each(|byte| push_folded(&mut out, char::from(byte.to_ascii_lowercase())));
    } else {
        let plain = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
        plain.for_each(|c| match c {
            'ß' => out.push_str("ss"),
            'œ' => out.push_str("oe"),
            'æ' => out.push_str("ae"),
            c => push_folded(&mut out, c),
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

/// The different runs of five characters, sorted; of a shorter text, the text. Five characters of 21 bits are exact in a
/// `u128`.
pub(super) fn shingles(key: &str) -> Vec<u128> {
    let mut out = Vec::with_capacity(key.len());
    let (mut window, mut seen) = (0u128, 0usize);
    for c in key.chars() {
        window = (window << 21 | u128::from(u32::from(c))) & ((1 << (21 * SHINGLE)) - 1);
        seen += 1;
        if seen >= SHINGLE {
            out.push(window);
        }
    }
    if (1..SHINGLE).contains(&seen) {
        out.push(window);
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// Of two sorted lists without duplicates; two empty ones are equal.
pub(super) fn jaccard(a: &[u128], b: &[u128]) -> f64 {
    let (mut i, mut j, mut common) = (0, 0, 0usize);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, common) = (i + 1, j + 1, common + 1),
        }
    }
    match a.len() + b.len() - common {
        0 => 1.0,
        all => common as f64 / all as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_punctuation_are_folded_and_signs_of_names_stay() {
        assert_eq!(question_key("  Qui HÉBERGE l’application « GIDAF » ?!"), "qui heberge l application gidaf");
        assert_eq!(question_key("Who hosts GIDAF?"), question_key("who hosts gidaf"));
        assert_ne!(question_key("What is C++?"), question_key("What is C#?"));
        assert_ne!(question_key("version 1.2"), question_key("version 12"));
        assert_eq!(question_key("Cœur ﬁn Straße"), "coeur fin strasse");
    }

    #[test]
    fn likeness_is_jaccard_of_shingles() {
        let like = |a: &str, b: &str| jaccard(&shingles(a), &shingles(b));
        assert_eq!(like("abcdef", "abcdef"), 1.0);
        // abcde bcdef | abcde bcdeg
        assert_eq!(like("abcdef", "abcdeg"), 1.0 / 3.0);
        assert_eq!((like("ab", "ab"), like("ab", "ac"), like("", "")), (1.0, 0.0, 1.0));
    }
}
