//! Token F1 as SQuAD computes it: lower case, punctuation deleted, articles left out, words counted.
//!
//! Beyond SQuAD's definition (Rajpurkar et al. 2016, `normalize_answer`): NFKC and case folding for any script, French articles and
//! elision (`l'OFB` is `OFB`, `d'eau` is `d eau`), numbers and dates in one notation. Where nothing but articles is left, they count.

use super::dates::with_iso_dates;
use crate::eval::score::shared_f1;
use crate::eval::text::{Normaliser, words};

/// From 0 to 1: the best of the readings of both texts.
pub fn token_f1(answer: &str, reference: &str) -> f64 {
    let wanted = readings(reference);
    let pairs = readings(answer).into_iter().flat_map(|a| wanted.iter().map(move |w| shared_f1(a.clone(), w.clone())));
    pairs.fold(0.0, f64::max)
}

/// The words of a text, as it is and with its dates in one notation.
fn readings(text: &str) -> Vec<Vec<String>> {
    let dated = with_iso_dates(text);
    let texts = if dated == text { vec![dated] } else { vec![text.to_owned(), dated] };
    let mut readings = Vec::new();
    for text in texts {
        let text = without_elision(&text);
        let read = Normaliser::Squad.readings(&text);
        readings
            .extend(read.iter().map(|read| tokens(read)).map(|read| if read.is_empty() { words(&text) } else { read }));
    }
    readings
}

/// Without articles.
fn tokens(text: &str) -> Vec<String> {
    text.split_whitespace().filter(|word| !is_article(word)).map(str::to_owned).collect()
}

/// French; the English ones are left out by [`Normaliser::Squad`].
fn is_article(word: &str) -> bool {
    ["le", "la", "les", "un", "une", "des"].contains(&word)
}

/// What a French apostrophe joins, divided; an elided article is gone.
fn without_elision(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word_start = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if matches!(c, '\'' | '’') && chars.peek().is_some_and(|next| next.is_alphabetic()) {
            match out.get(word_start..).unwrap_or_default().to_lowercase().as_str() {
                "l" => {
                    out.truncate(word_start);
                    continue;
                }
                "d" | "j" | "m" | "n" | "s" | "t" | "c" | "qu" => out.push(' '),
                _ => out.push(c),
            }
        } else {
            out.push(c);
        }
        if !c.is_alphanumeric() {
            word_start = out.len();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Vector {
        answer: String,
        reference: String,
        f1: f64,
        exact: bool,
    }

    /// Made by tests/oracles/answer_metrics.py.
    const VECTORS: &str = include_str!("../../../tests/fixtures/answer_metrics.json");

    #[test]
    fn f1_and_exact_match_are_the_oracles() {
        let vectors: Vec<Vector> = serde_json::from_str(VECTORS).unwrap();
        assert!(vectors.len() >= 60);
        for Vector { answer, reference, f1, exact } in vectors {
            let found = token_f1(&answer, &reference);
            assert!((found - f1).abs() < 1e-9, "{answer:?} {reference:?}: {found}, the oracle says {f1}");
            let wanted = Normaliser::default().readings(&reference);
            let equal = Normaliser::default().readings(&answer).iter().any(|a| wanted.contains(a));
            assert_eq!(equal, exact, "{answer:?} {reference:?}");
        }
    }

    #[test]
    fn dates_and_articles() {
        assert_eq!(token_f1("le 28 décembre 2024", "2024-12-28"), 1.0);
        assert_eq!((token_f1("UN", "UN"), token_f1("UN", "LA"), token_f1("", "x")), (1.0, 0.0, 0.0));
        assert_eq!(without_elision("L'eau d’ici, aujourd'hui l'"), "eau d ici, aujourd'hui l'");
    }

    proptest::proptest! {
        #[test]
        fn f1_is_symmetric_and_one_for_equal_texts(a in "[a-cé'’0-9,. ]{0,20}", b in "[a-cé'’0-9,. ]{0,20}") {
            let f1 = token_f1(&a, &b);
            proptest::prop_assert!((0.0..=1.0).contains(&f1) && f1 == token_f1(&b, &a));
            proptest::prop_assert!(token_f1(&a, &a) == 1.0);
        }
    }
}
