//! Whether an answer holds a value: as words of their own, numbers and dates in one notation, yes and no by the answer's first word.

use super::dates::with_iso_dates;
use crate::eval::assertion::bounded;
use crate::eval::text::{comparables, fold, words};

/// A text in every form that it is compared in.
pub(super) struct Forms {
    forms: Vec<String>,
    truth: Option<bool>,
}

impl Forms {
    pub(super) fn of(text: &str) -> Self {
        Self { forms: forms(text), truth: truth_of_answer(text) }
    }

    /// Whether the value stands in the text.
    pub(super) fn holds(&self, value: &str) -> bool {
        if let Some(truth) = truth(value) {
            return self.truth == Some(truth);
        }
        let values = value_forms(value);
        self.forms.iter().any(|text| values.iter().any(|value| place(text, value).is_some()))
    }

    /// Whether the text is nothing but these values, in any order, with marks and `and` between them.
    pub(super) fn lists(&self, values: &[&str]) -> bool {
        let mut longest_first: Vec<Vec<String>> = values.iter().map(|value| value_forms(value)).collect();
        longest_first.sort_by_key(|forms| std::cmp::Reverse(forms.first().map_or(0, String::len)));
        self.forms.iter().any(|form| {
            let mut rest = form.clone();
            let all = longest_first.iter().all(|value| {
                let found = value.iter().find_map(|value| Some((place(&rest, value)?, value.len())));
                found.map(|(at, length)| rest.replace_range(at..at + length, ",")).is_some()
            });
            let left = rest.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
            all && left.into_iter().all(|word| ["et", "and", "ou", "or"].contains(&word))
        })
    }
}

/// Whether two values are the same value.
#[cfg(test)]
fn same(a: &str, b: &str) -> bool {
    let b = value_forms(b);
    value_forms(a).iter().any(|form| b.contains(form))
}

/// The form that stands for a value when values are counted.
pub(super) fn representative(value: &str) -> String {
    value_forms(value).pop().unwrap_or_default()
}

fn forms(text: &str) -> Vec<String> {
    let mut forms = comparables(text);
    let dated = with_iso_dates(text);
    if dated != text {
        forms.extend(comparables(&dated));
        forms.dedup();
    }
    forms
}

/// Without the marks that end a sentence or an address.
fn value_forms(value: &str) -> Vec<String> {
    let trimmed = value.trim().trim_end_matches(['.', '!', '?', ';', ',', '/', ':']);
    let mut forms = forms(trimmed);
    forms.retain(|form| !form.is_empty());
    forms
}

/// Where the value stands as words of its own.
fn place(text: &str, value: &str) -> Option<usize> {
    text.match_indices(value).map(|(at, _)| at).find(|at| bounded(text, *at, at + value.len()))
}

/// What a value says that is yes or no.
fn truth(value: &str) -> Option<bool> {
    match fold(value).trim_end_matches(['.', '!']) {
        "oui" | "yes" | "vrai" | "true" => Some(true),
        "non" | "no" | "faux" | "false" => Some(false),
        _ => None,
    }
}

/// The first word, if it is yes or no; else the first such word.
fn truth_of_answer(answer: &str) -> Option<bool> {
    words(answer).iter().find_map(|word| truth(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_dates_are_found_in_any_notation() {
        for (value, answer) in [
            ("1024.5", "Il pèse 1 024,5 kg."),
            ("1 024,5", "It is 1,024.5 kg"),
            ("1\u{202f}024,5", "1024.50"),
            ("2024-12-28", "Depuis le 28 décembre 2024."),
            ("28/12/2024", "since December 28, 2024"),
            ("2024", "le 28 décembre 2024"),
            ("décembre", "le 28 décembre 2024"),
            ("OFB.", "C'est l’OFB !"),
            ("https://x.fr/", "Voir https://x.fr."),
            ("Straße", "die STRASSE"),
            ("oui", "Yes, it is."),
            ("non", "Non."),
            ("PostgreSQL 15", "**PostgreSQL 15**"),
            ("50 %", "50%"),
            ("-5", "il fait −5 °C"),
        ] {
            assert!(Forms::of(answer).holds(value), "{value} in {answer}");
        }
        for (value, answer) in [
            ("1024", "1024.5"),
            ("2024-12-28", "28 novembre 2024"),
            ("2024-12-02", "2024-12-28"),
            ("OFB", "OFBI"),
            ("non", "Oui, non critique"),
            ("no", "There is yes"),
            ("yes", "It is hosted there."),
            ("3", "3.5"),
            ("", "x"),
            (".", "x."),
        ] {
            assert!(!Forms::of(answer).holds(value), "{value} not in {answer}");
        }
    }

    #[test]
    fn a_list_is_its_values_in_any_order_and_nothing_else() {
        let values = ["Java 17", "Java", "Postgres, PostGIS"];
        let lists = |answer: &str| Forms::of(answer).lists(&values);
        assert!(lists("Postgres, PostGIS ; Java et Java 17.") && lists("- java\n- Java 17\n- postgres, postgis"));
        assert!(!lists("Java, Java 17") && !lists("Java, Java 17, Postgres, PostGIS, Rust"));
        assert!(Forms::of("1 000 et 2 000").lists(&["1000", "2000"]) && same("1 000", "1,000") && !same("1", "2"));
    }

    /// Digits in groups of three.
    fn grouped(n: u64, separator: &str) -> String {
        let digits = n.to_string();
        let first = (digits.len() - 1) % 3 + 1;
        let rest = digits.as_bytes()[first..].chunks(3).map(|c| std::str::from_utf8(c).unwrap());
        std::iter::once(&digits[..first]).chain(rest).collect::<Vec<_>>().join(separator)
    }

    proptest::proptest! {
        #[test]
        fn a_number_is_the_same_in_every_notation(n in 0u64..10_000_000_000, cents in 1u32..100, other in 1u64..1000) {
            let fraction = format!("{cents:02}");
            let written = [
                format!("{n}.{fraction}"),
                format!("{n},{fraction}"),
                format!("{},{fraction}", grouped(n, " ")),
                format!("{},{fraction}", grouped(n, "\u{a0}")),
                format!("{},{fraction}", grouped(n, "\u{202f}")),
                format!("{}.{fraction}", grouped(n, ",")),
            ];
            let different = format!("{}.{fraction}", n + other);
            for a in &written {
                let answer = Forms::of(&format!("Soit {a} au total."));
                for b in &written {
                    proptest::prop_assert!(answer.holds(b), "{} {}", a, b);
                }
                proptest::prop_assert!(!answer.holds(&different), "{} {}", a, different);
            }
        }

        #[test]
        fn any_text_ends(text in "([0-9 .,|/-]|oui|no|\\PC){0,24}", value in "([0-9 .,/-]|\\PC){0,8}") {
            let forms = Forms::of(&text);
            let _ = (forms.holds(&value), forms.lists(&[&value, "x"]), same(&text, &value));
        }
    }
}
