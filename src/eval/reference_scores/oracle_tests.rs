use std::collections::BTreeMap;

use super::{CORPUS_SCORES, REFERENCE_SCORES, Segment};

/// Made by tests/oracles/reference_scores.py.
const FIXTURE: &str = include_str!("../../../tests/fixtures/reference_scores.json");

const TOLERANCE: f64 = 1e-9;

#[derive(serde::Deserialize)]
struct Fixture {
    signatures: BTreeMap<String, String>,
    cases: Vec<Case>,
    corpora: Vec<Corpus>,
    long: Vec<Long>,
}

#[derive(serde::Deserialize)]
struct Case {
    answer: String,
    references: Vec<String>,
    scores: BTreeMap<String, f64>,
}

/// Of the cases `first..last`.
#[derive(serde::Deserialize)]
struct Corpus {
    first: usize,
    last: usize,
    scores: BTreeMap<String, f64>,
}

/// [`long_text`] of this seed, against that of the next one.
#[derive(serde::Deserialize)]
struct Long {
    seed: u64,
    words: usize,
    scores: BTreeMap<String, f64>,
}

fn fixture() -> Fixture {
    serde_json::from_str(FIXTURE).unwrap()
}

/// The largest difference of each score from the oracle's.
#[derive(Default)]
struct Differences(BTreeMap<&'static str, f64>);

impl Differences {
    fn add(&mut self, name: &'static str, difference: f64, what: &str) {
        assert!(difference <= TOLERANCE, "{name} of {what:?} differs by {difference:e}");
        let largest = self.0.entry(name).or_default();
        *largest = largest.max(difference);
    }

    fn print(&self) {
        self.0.iter().for_each(|(name, difference)| println!("{name}: {difference:.1e}"));
    }
}

/// Every score that `expected` has.
fn compare(differences: &mut Differences, answer: &str, references: &[&str], expected: &BTreeMap<String, f64>) {
    for score in REFERENCE_SCORES {
        let Some(expected) = expected.get(score.name) else { continue };
        let found = (score.of)(answer, references);
        let what: String = format!("{answer:?} {references:?}: {found}, not {expected}").chars().take(400).collect();
        differences.add(score.name, (found - expected).abs(), &what);
    }
}

#[test]
fn scores_are_those_of_the_oracles() {
    let mut differences = Differences::default();
    let Fixture { cases, .. } = fixture();
    assert!(cases.len() >= 240);
    for Case { answer, references, scores } in &cases {
        assert_eq!(scores.len(), REFERENCE_SCORES.len());
        let references: Vec<&str> = references.iter().map(String::as_str).collect();
        compare(&mut differences, answer, &references, scores);
    }
    assert_eq!(differences.0.len(), REFERENCE_SCORES.len());
    differences.print();
}

#[test]
fn scores_of_corpora_are_those_of_the_oracles() {
    let Fixture { cases, corpora, .. } = fixture();
    let references: Vec<Vec<&str>> =
        cases.iter().map(|case| case.references.iter().map(String::as_str).collect()).collect();
    let segments: Vec<Segment<'_>> =
        cases.iter().zip(&references).map(|(case, references)| Segment { answer: &case.answer, references }).collect();
    let mut differences = Differences::default();
    for Corpus { first, last, scores } in corpora {
        for score in CORPUS_SCORES {
            let found = (score.of)(&segments[first..last]);
            differences.add(score.name, (found - scores[score.name]).abs(), &format!("cases {first} to {last}"));
        }
    }
    differences.print();
}

/// As `long_text` of the oracle's script.
fn long_text(seed: u64, words: usize) -> String {
    const SYLLABLES: [&str; 10] = ["ka", "lo", "mi", "ту", "ра", "北", "京", "é", "ñ", "so"];
    let (mut state, mut text) = (seed, String::new());
    for i in 0..words {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = state >> 33;
        let syllables = [number % 10, number / 10 % 10, number / 100 % 10];
        text.extend(syllables.iter().take(1 + (number / 1000 % 3) as usize).map(|s| SYLLABLES[*s as usize]));
        text.push_str(if i % 25 == 24 { ".\n" } else { " " });
    }
    text
}

#[test]
fn scores_of_long_texts_are_those_of_the_oracles() {
    let mut differences = Differences::default();
    for Long { seed, words, scores } in fixture().long {
        let (answer, reference) = (long_text(seed, words), long_text(seed + 1, words));
        compare(&mut differences, &answer, &[&reference], &scores);
    }
    differences.print();
}

/// One line of 10,000 words against another: a table of all pairs of words would have 100 million cells.
#[test]
fn rouge_lsum_of_one_long_line_is_rouge_l() {
    let [answer, reference] = [31, 32].map(|seed| long_text(seed, 10_000).replace('\n', " "));
    let score = |name: &str| {
        let score = REFERENCE_SCORES.iter().find(|score| score.name == name).unwrap();
        (score.of)(&answer, &[&reference])
    };
    assert_eq!(score("rougeLsum"), score("rougeL"));
}

#[test]
fn signatures_are_those_of_sacrebleu() {
    let scores = REFERENCE_SCORES.iter().map(|score| (score.name, score.signature));
    let corpus = CORPUS_SCORES.iter().map(|score| (score.name, score.signature));
    let own: BTreeMap<_, _> = scores.chain(corpus).collect();
    assert_eq!(own.len(), REFERENCE_SCORES.len() + CORPUS_SCORES.len(), "each score has a name of its own");
    for (name, signature) in fixture().signatures {
        assert_eq!(own[name.as_str()], signature);
    }
    let (major, minor, _) = unicode_segmentation::UNICODE_VERSION;
    let version = format!("|uax29={major}.{minor}|");
    assert_eq!(own.values().filter(|signature| signature.contains(&version)).count(), 6);
}
