use super::*;

#[derive(serde::Deserialize)]
struct Sentence {
    language: String,
    refusal: bool,
    text: String,
}

/// Written by hand: refusals, and as many answers that look alike. The patterns were made with these sentences, in five rounds. Of
/// the 30 sentences of the last round 5 were told wrong before their patterns were added, all of them refusals that were missed.
const SENTENCES: &str = include_str!("../../../tests/fixtures/refusals.jsonl");

fn errors(text: &str) -> (usize, Vec<String>) {
    let sentences: Vec<Sentence> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let wrong = sentences.iter().filter(|s| is_refusal(&s.text) != s.refusal);
    (sentences.len(), wrong.map(|s| format!("{} {} {}", s.language, s.refusal, s.text)).collect())
}

#[test]
fn written_sentences_are_told_apart() {
    let (n, wrong) = errors(SENTENCES);
    let of = |language: &str| SENTENCES.lines().filter(|line| line.contains(&format!("\"{language}\""))).count();
    assert!(n >= 200 && of("fr") >= 120 && of("en") >= 80);
    assert!(wrong.len() * 100 <= 3 * n, "{} of {n} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn quotations_conditions_and_contrasts_are_no_refusals() {
    for (text, expected) in [
        ("I am not sure. However, it is version 3.", false),
        ("Je ne sais pas. Cependant, vous pouvez consulter le catalogue.", true),
        ("S'affiche : « Je ne sais pas. »", false),
        ("Si je ne sais pas, je demande.", false),
        ("2.1\nLes extraits ne précisent pas la licence.", true),
        ("JE NE SAIS PAS", true),
        ("Je ne sais pas", true),
        ("", false),
        ("…", false),
    ] {
        assert_eq!(is_refusal(text), expected, "{text}");
    }
}

#[test]
fn every_class_of_a_pattern_is_declared() {
    let patterns = PATTERNS.iter().chain(MORE).flat_map(|p| p.split([' ', '|']));
    let undeclared: Vec<_> =
        patterns.filter(|word| word.starts_with('@') && !CLASSES.iter().any(|(name, _)| name == word)).collect();
    assert!(undeclared.is_empty(), "{undeclared:?}");
    let gaps = PATTERNS.iter().flat_map(|p| p.split(' ')).filter_map(|e| e.strip_prefix('*'));
    gaps.for_each(|n| assert!(n.parse::<usize>().is_ok(), "{n}"));
}

proptest::proptest! {
    #[test]
    fn any_text_ends(text in "(je|ne|sais|pas|les|extraits|[.;?!«»\"’' \n]|\\PC){0,40}") {
        let _ = is_refusal(&text);
    }
}
