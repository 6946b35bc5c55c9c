//! `benchmark_results_summary.txt`: the numbers of a benchmark and what they mean, in words.

use std::fmt::Write as _;

use super::how::{CosineBy, HowAsked};
use super::result::{Benchmark, BenchmarkResult, BenchmarkStatistics};
use crate::eval::score::KeywordMatch;

/// Prompts that are shown as the weakest.
const WEAKEST: usize = 5;

pub fn benchmark_summary(benchmark: &Benchmark, how: &HowAsked) -> String {
    let metadata = &benchmark.metadata;
    let mut out = String::from("JARVIS benchmark\n\n");
    let finetuned = how.finetuned.as_deref().unwrap_or("none: the base alone was asked");
    for (name, text) in [
        ("base", metadata.base_model.as_str()),
        ("fine-tuned", finetuned),
        ("device", &metadata.device),
        ("time", &metadata.timestamp),
    ] {
        let _ = writeln!(out, "{name:<12}{text}");
    }
    let _ = writeln!(out, "{:<12}{}\n", "prompts", asked(benchmark, how));
    out.push_str(&table(benchmark, how.finetuned.is_some()));
    out.push_str("\nWhat the numbers say\n");
    for sentence in sentences(benchmark, how) {
        let _ = writeln!(out, "- {sentence}");
    }
    out.push_str(&weakest(benchmark));
    out
}

/// How many prompts, and how they were asked.
pub(super) fn asked(benchmark: &Benchmark, how: &HowAsked) -> String {
    let HowAsked { temperature, top_p, max_tokens, seed, all_prompts, .. } = how;
    let n = benchmark.statistics.total_tests;
    let part = if n < *all_prompts { format!("the first {n} of {all_prompts}") } else { n.to_string() };
    format!(
        "{part}, each asked once: temperature {temperature}, top-p {top_p}, seed {seed}, at most {max_tokens} new tokens"
    )
}

/// A row for all prompts, and one for each category.
fn table(benchmark: &Benchmark, two: bool) -> String {
    let rows = std::iter::once(("all", &benchmark.statistics))
        .chain(benchmark.by_category.iter().map(|(name, of)| (name.as_str(), of)));
    let mut out = match two {
        true => {
            format!("{:<22}{:>8}{:>21}{:>21}{:>10}\n", "", "prompts", "keywords base, tuned", "relevance", "cosine")
        }
        false => format!("{:<22}{:>8}{:>12}{:>12}\n", "", "prompts", "keywords", "relevance"),
    };
    for (name, of) in rows {
        let BenchmarkStatistics { total_tests, avg_cosine_similarity, .. } = of;
        let keywords = [of.avg_keyword_match_base, of.avg_keyword_match_finetuned].map(percent);
        let relevance = [of.avg_relevance_base, of.avg_relevance_finetuned].map(percent);
        let _ = match two {
            true => writeln!(
                out,
                "{name:<22}{total_tests:>8}{:>21}{:>21}{:>10}",
                keywords.join(", "),
                relevance.join(", "),
                number(*avg_cosine_similarity)
            ),
            false => writeln!(out, "{name:<22}{total_tests:>8}{:>12}{:>12}", keywords[0], relevance[0]),
        };
    }
    out
}

/// What each number means, with the numbers of this benchmark.
pub(super) fn sentences(benchmark: &Benchmark, how: &HowAsked) -> Vec<String> {
    let of = &benchmark.statistics;
    let mut said = vec![keyword_sentence(benchmark), relevance_sentence(of)];
    if how.finetuned.is_some() {
        said.push(cosine_sentence(of, how));
    }
    said.push(
        "Each prompt was asked once and at a temperature: a few points are chance. Whether a role may use the model is \
         for `tunesmith eval` on a suite of its own to decide."
            .to_owned(),
    );
    said
}

fn keyword_sentence(benchmark: &Benchmark) -> String {
    const MEANS: &str = "Keyword match is the share of the words that a right answer must hold; 100 % says that every \
                         such word is there, and nothing of the words around them.";
    let total = |of: fn(&BenchmarkResult) -> Option<KeywordMatch>| {
        let some: Vec<KeywordMatch> = benchmark.compared().into_iter().filter_map(of).collect();
        (some.iter().map(|k| k.found).sum::<usize>(), some.iter().map(|k| k.total).sum::<usize>())
    };
    let (found, all) = total(|one| one.keyword_match_base);
    let base = format!("The base has {found} of {all} words");
    let (tuned, all) = total(|one| one.keyword_match_finetuned);
    let statistics = &benchmark.statistics;
    match (statistics.avg_keyword_match_base, statistics.avg_keyword_match_finetuned) {
        (Some(before), Some(now)) => {
            let word = more_or_less(now - before);
            format!("{MEANS} {base}, the fine-tuned model {tuned} of {all}: it says {word} of what it should say.")
        }
        (Some(_), None) => format!("{MEANS} {base}."),
        (None, _) => format!("{MEANS} No prompt was answered by every model that was asked."),
    }
}

fn relevance_sentence(of: &BenchmarkStatistics) -> String {
    const MEANS: &str =
        "Relevance is the share of the domain's words in the answer: whether it speaks of the matter at all.";
    match (of.avg_relevance_base, of.avg_relevance_finetuned) {
        (Some(before), Some(now)) => format!(
            "{MEANS} {} before, {} now: the fine-tuned model keeps to the matter {}.",
            percent(Some(before)),
            percent(Some(now)),
            match more_or_less(now - before) {
                "as much" => "as well",
                "more" => "better",
                _ => "less well",
            }
        ),
        (Some(before), None) => format!("{MEANS} It is {} for the base.", percent(Some(before))),
        (None, _) => MEANS.to_owned(),
    }
}

fn cosine_sentence(of: &BenchmarkStatistics, how: &HowAsked) -> String {
    let by = &how.cosine_by;
    let Some(mean) = of.avg_cosine_similarity else {
        return format!("Cosine similarity says how alike the two answers to a prompt are; it is missing here: {by}.");
    };
    let read = match by {
        CosineBy::HiddenState(_) => {
            "vectors of this kind are all alike to a degree, so compare prompts with each other, and the mean with that \
             of another adapter"
        }
        _ if mean >= 0.95 => "the fine-tuned model answers nearly as the base does",
        _ if mean >= 0.7 => "the answers are related and not the same",
        _ => "the fine-tuned model answers something else than the base",
    };
    format!(
        "Cosine similarity says how alike the two answers to a prompt are, by {by}: 1 is the same, 0 nothing in common. \
         The mean is {mean:.3}: {read}. A low value is no fault: with more keywords than before it is what training was \
         for, with fewer it is damage."
    )
}

/// Below half a point nothing is said to have changed.
fn more_or_less(difference: f64) -> &'static str {
    match difference {
        d if d > 0.005 => "more",
        d if d < -0.005 => "less",
        _ => "as much",
    }
}

/// The prompts whose last answer holds the fewest of the words.
fn weakest(benchmark: &Benchmark) -> String {
    let score = |one: &BenchmarkResult| one.keyword_match_finetuned.or(one.keyword_match_base);
    let mut some: Vec<(&BenchmarkResult, KeywordMatch)> =
        benchmark.results.iter().filter_map(|one| Some((one, score(one)?))).collect();
    some.retain(|(_, keywords)| keywords.found < keywords.total);
    some.sort_by(|a, b| a.1.ratio().total_cmp(&b.1.ratio()));
    if some.is_empty() {
        return String::new();
    }
    let mut out = String::from("\nPrompts with the fewest keywords in the answer\n");
    for (one, KeywordMatch { found, total }) in some.into_iter().take(WEAKEST) {
        let _ = writeln!(out, "  {:<16}{found}/{total}  {}", one.prompt_id, shortened(&one.prompt));
    }
    out
}

/// The end of a prompt, where what is asked stands.
fn shortened(prompt: &str) -> String {
    const MOST: usize = 72;
    let line = prompt.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().rev().nth(MOST) {
        Some((start, _)) => format!("…{}", &line[start..]),
        None => line,
    }
}

pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}

pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}
