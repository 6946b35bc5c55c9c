//! The Markdown summary of a gate: the verdict first, then a table a suite.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::document::{Document, Metadata};
use super::fault::EvalError;
use super::gate::Gate;
use super::judge::Judged;
use super::judgement::points;
use super::measured::Measured;

const TEMPLATE: &str = include_str!("../../templates/summary.md.tera");

#[derive(Serialize)]
struct Section {
    suite: String,
    base_model: String,
    tuned_model: String,
    rows: Vec<(String, String, String)>,
    categories: Vec<(String, String, String, String)>,
    broken: Vec<(String, String, String)>,
    notes: Vec<String>,
}

/// One document, with its measures, a suite; in the gate's order.
pub fn summary(
    metadata: &Metadata,
    gate: &Gate,
    suites: &[(&Measured, &Judged, &Document)],
) -> Result<String, EvalError> {
    let sections: Vec<Section> = suites.iter().map(|(m, j, d)| section(metadata, m, j, d)).collect();
    let title = match &metadata.role {
        Some(role) => format!("{} → {} for the role {role}", metadata.base_model, metadata.finetuned_model),
        None => format!("{} → {}", metadata.base_model, metadata.finetuned_model),
    };
    let mut context = tera::Context::new();
    context.insert("decision", gate.decision.name());
    context.insert("title", &cell(&title));
    context.insert("suites", &gate.suites.iter().map(|s| escaped(s)).collect::<Vec<_>>());
    context.insert("reasons", &gate.reasons.iter().map(|s| escaped(s)).collect::<Vec<_>>());
    context.insert("notes", &gate.notes.iter().map(|s| escaped(s)).collect::<Vec<_>>());
    context.insert("sections", &sections);
    tera::Tera::one_off(TEMPLATE, &context, false).map_err(|e| {
        let cause = std::error::Error::source(&e).map(|s| format!(": {s}")).unwrap_or_default();
        EvalError::Template(format!("{e}{cause}"))
    })
}

fn section(metadata: &Metadata, measured: &Measured, judged: &Judged, document: &Document) -> Section {
    let stat = |key: &str, arm: &str| document.statistics.get(&format!("{key}_{arm}")).cloned().unwrap_or_default();
    let metric = judged.demand.metric.name();
    let rows = [
        ("avg_score", format!("**{metric}**"), Show::Percent),
        ("avg_keyword_match", "keywords found".into(), Show::Percent),
        ("avg_relevance", "domain relevance".into(), Show::Percent),
        ("success_rate", "ended by itself, properly".into(), Show::Percent),
        ("degenerate", "degenerate or failed".into(), Show::Plain),
        ("cut_at_limit", "cut at the token limit".into(), Show::Plain),
        ("median_seconds", "median seconds".into(), Show::Two),
        ("tokens", "tokens".into(), Show::Plain),
    ];
    let rows =
        rows.into_iter().map(|(k, name, how)| (name, show(&stat(k, "base"), how), show(&stat(k, "finetuned"), how)));
    let mut categories: BTreeMap<&str, (usize, f64, f64)> = BTreeMap::new();
    for c in &measured.cases {
        // As in the verdict, prompts that v1 gave no answer to are left out.
        let (Some(base), Some(tuned)) = (c.base.score, c.tuned.score) else { continue };
        let entry = categories.entry(&c.category).or_default();
        *entry = (entry.0 + 1, entry.1 + base, entry.2 + tuned);
    }
    let share = |sum: f64, n: usize| format!("{} %", points(sum / n as f64));
    let broken = measured.cases.iter().filter(|c| c.tuned.score < c.base.score).take(10);
    Section {
        suite: cell(&measured.suite),
        base_model: cell(&metadata.base_model),
        tuned_model: cell(&metadata.finetuned_model),
        rows: rows.filter(|r| r.1 != "–" || r.2 != "–").collect(),
        categories: categories
            .into_iter()
            .map(|(k, (n, b, t))| (cell(k), n.to_string(), share(b, n), share(t, n)))
            .collect(),
        broken: broken.map(|c| (cell(&c.prompt), cell(&c.base.text), cell(&c.tuned.text))).collect(),
        notes: notes(measured, judged),
    }
}

fn notes(measured: &Measured, judged: &Judged) -> Vec<String> {
    let mut notes = vec![
        format!("{} prompts can prove a margin of {} points at best.", judged.n, points(judged.smallest_margin)),
        format!(
            "Metric `{}`; interval by {}; relevance: {}.",
            judged.demand.metric.signature(),
            judged.interval.method,
            measured.relevance_signature
        ),
        format!("Cosine of the two answers: {}.", measured.cosine_signature),
    ];
    if let Some(p) = judged.mcnemar_midp {
        notes.push(format!("McNemar mid-p {p:.4} (shown, not used)."));
    }
    notes
}

#[derive(Clone, Copy)]
enum Show {
    Percent,
    Two,
    Plain,
}

fn show(value: &Value, how: Show) -> String {
    match (value.as_f64(), how) {
        (None, _) => "–".into(),
        (Some(v), Show::Percent) => format!("{} %", points(v)),
        (Some(v), Show::Two) => format!("{v:.2}"),
        (Some(_), Show::Plain) => value.to_string(),
    }
}

/// Words of an answer that a cell has, at most: a loop is not worth more.
const MOST_WORDS: usize = 400;
/// Characters of a word that a cell has, at most.
const MOST_LETTERS: usize = 400;

/// A model's words in a cell of a table: one line, nothing that is Markdown or HTML. Only what no reader would read to its end is
/// left out, and then how much.
fn cell(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let shown: Vec<String> = words.iter().take(MOST_WORDS).map(|word| letters(word)).collect();
    let out = escaped(&shown.join(" "));
    match words.len() - shown.len() {
        0 => out,
        more => format!("{out} … ({more} more words)"),
    }
}

fn letters(word: &str) -> String {
    match word.char_indices().nth(MOST_LETTERS) {
        None => word.to_owned(),
        Some((end, _)) => format!("{}… ({} more characters)", &word[..end], word[end..].chars().count()),
    }
}

/// Text without Markdown, HTML or control characters.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '|' | '`' | '*' | '[' | ']' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::document::{document, tests::sample};
    use crate::eval::{Decision, GateInput, Judgement, NoiseFloor, Rules, gate};

    #[test]
    fn the_summary_says_it_first_and_escapes_answers() {
        let (metadata, measured, judged) = sample();
        let doc = document(&metadata, &measured, &judged, Some(Decision::Inconclusive));
        let input = GateInput {
            suites: &[Judgement { measured: &measured, judged: &judged, overlaps: &[] }],
            rules: Rules::default(),
            limited: Some("--limit 2".into()),
            noise: NoiseFloor::default(),
        };
        let text = summary(&metadata, &gate(&input), &[(&measured, &judged, &doc)]).unwrap();
        assert!(text.starts_with("# INCONCLUSIVE: x:v1 → x:v2\n"), "{text}");
        for needle in [
            "- evals/r.jsonl: v1 100.0 %, v2 50.0 %",
            "- **--limit 2**",
            "| **pass** | 100 % | 50 % |",
            "| x | 1 | 100 % | 100 % |",
            "| p2 | c | d |",
            "can prove a margin of",
        ] {
            assert!(text.contains(needle), "{needle} not in\n{text}");
        }
        assert!(!text.contains("\n\n\n"), "{text}");
        // A reason is whole, whatever its length.
        let long = Gate { reasons: vec!["word ".repeat(60)], ..gate(&input) };
        assert!(summary(&metadata, &long, &[(&measured, &judged, &doc)]).unwrap().contains("word word word **"));
        assert_eq!(cell("a|b\n<script>`x`"), "a\\|b &lt;script>\\`x\\`");
        // So is an answer.
        let answer = "The capital of France is Paris, which lies on the Seine. ".repeat(20);
        assert_eq!(cell(&answer), answer.trim());
        let looped = cell(&"again ".repeat(5000));
        assert!(looped.ends_with("again … (4600 more words)") && looped.len() < 3000, "{looped}");
        assert!(cell(&"x".repeat(1 << 20)).ends_with("x… (1048176 more characters)"));
    }
}
