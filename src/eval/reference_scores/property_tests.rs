use proptest::prelude::*;

use super::{CORPUS_SCORES, REFERENCE_SCORES, Scale, Segment};

fn score(name: &str, answer: &str, references: &[&str]) -> f64 {
    let score = REFERENCE_SCORES.iter().find(|score| score.name == name).unwrap();
    (score.of)(answer, references)
}

fn best(scale: Scale) -> f64 {
    match scale {
        Scale::Fraction => 1.0,
        Scale::Percent => 100.0,
        Scale::Edits => 0.0,
    }
}

fn worst(scale: Scale) -> f64 {
    match scale {
        Scale::Fraction | Scale::Percent => 0.0,
        Scale::Edits => f64::MAX,
    }
}

fn in_bounds(scale: Scale, score: f64) -> bool {
    let (best, worst) = (best(scale), worst(scale));
    (best.min(worst)..=best.max(worst)).contains(&score)
}

/// Of any characters, of letters and signs that tokenizers treat apart, or words on lines.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-c0-2.,&;<>\\-\n\r \u{1c}\u{a0}é\u{301}你👩\u{200d}🇫]{0,30}",
        "([a-d]{1,2}[ \n]){0,20}",
    ]
}

proptest! {
    #[test]
    fn scores_are_in_bounds(answer in text(), references in prop::collection::vec(text(), 0..4)) {
        let references: Vec<&str> = references.iter().map(String::as_str).collect();
        for score in REFERENCE_SCORES {
            let found = (score.of)(&answer, &references);
            prop_assert!(in_bounds(score.scale, found), "{}: {found}", score.name);
        }
        let segment = Segment { answer: &answer, references: &references };
        for score in CORPUS_SCORES {
            let found = (score.of)(&[segment, segment]);
            prop_assert!(in_bounds(score.scale, found), "{}: {found}", score.name);
        }
    }

    #[test]
    fn another_reference_makes_no_score_worse(answer in text(), one in text(), two in text()) {
        for score in REFERENCE_SCORES.iter().filter(|score| !score.name.starts_with("bleu")) {
            let (both, first) = ((score.of)(&answer, &[&one, &two]), (score.of)(&answer, &[&one]));
            let better = if score.scale == Scale::Edits { both <= first } else { both >= first };
            prop_assert!(better, "{}: {both} with two, {first} with one", score.name);
        }
    }

    /// At least four words, which BLEU's longest n-gram and ROUGE-2 need.
    #[test]
    fn an_answer_that_is_its_reference_has_the_best_score(text in "[a-z]{1,5}( [a-z]{1,5}){3,9}(\n[a-z]{1,5})?", other in text()) {
        for score in REFERENCE_SCORES {
            let found = (score.of)(&text, &[&other, &text]);
            prop_assert!((found - best(score.scale)).abs() < 1e-9, "{}: {found}", score.name);
        }
        let references: [&str; 1] = [&text];
        let segment = Segment { answer: &text, references: &references };
        for score in CORPUS_SCORES {
            prop_assert!(((score.of)(&[segment, segment]) - 100.0).abs() < 1e-9);
        }
    }

    #[test]
    fn rouge_and_levenshtein_are_symmetric(a in text(), b in text()) {
        // Lsum joins the lines of one text: it is not symmetric.
        let symmetric = |name: &str| name.starts_with("levenshtein") || name.starts_with("rouge") && !name.contains("Lsum");
        for score in REFERENCE_SCORES.iter().filter(|score| symmetric(score.name)) {
            prop_assert_eq!((score.of)(&a, &[&b]), (score.of)(&b, &[&a]), "{}", score.name);
        }
    }

    /// Against the table of all pairs.
    #[test]
    fn the_lcs_is_that_of_the_table(a in prop::collection::vec(0u8..5, 0..200), b in prop::collection::vec(0u8..5, 0..200)) {
        let words = |ids: &[u8]| ids.iter().map(|id| format!("w{id}")).collect::<Vec<_>>().join(" ");
        let mut above = vec![0usize; b.len() + 1];
        for x in &a {
            let mut row = vec![0];
            for (j, y) in b.iter().enumerate() {
                row.push(if x == y { above[j] + 1 } else { above[j + 1].max(row[j]) });
            }
            above = row;
        }
        let common = above[b.len()];
        let expected = if common == 0 { 0.0 } else { 2.0 * common as f64 / (a.len() + b.len()) as f64 };
        let (a, b) = (words(&a), words(&b));
        for name in ["rougeL", "rougeLsum", "rougeL_unicode", "rougeLsum_unicode"] {
            prop_assert_eq!(score(name, &a, &[&b]), expected, "{}", name);
        }
    }

    #[test]
    fn the_distance_is_a_metric(a in "[ab👩\u{200d}\u{301}]{0,8}", b in "[ab👩\u{200d}\u{301}]{0,8}", c in "[ab👩\u{200d}\u{301}]{0,8}") {
        let distance = |a: &str, b: &str| score("levenshtein", a, &[b]);
        prop_assert_eq!(distance(&a, &b) == 0.0, a == b);
        prop_assert!(distance(&a, &c) <= distance(&a, &b) + distance(&b, &c));
    }
}
