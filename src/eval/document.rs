//! One suite's results as JSON: `metadata`, `statistics`, `by_category`, `results`, under the names users of the earlier tools know.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::decision::Decision;
use super::gate::Gate;
use super::judge::Judged;
use super::measured::{ArmScores, CaseScores, Measured};
use super::score::KeywordMatch;
use crate::quantile::{median, quantile};

/// What was compared, where and when; the caller knows.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Metadata {
    pub base_model: String,
    pub finetuned_model: String,
    /// Folder or digest of the adapter.
    pub lora_adapter: Option<String>,
    /// Where the answers were computed (the daemon's host and version).
    pub device: String,
    /// RFC 3339.
    pub timestamp: String,
    pub base_digest: String,
    pub finetuned_digest: String,
    pub options: Value,
    pub system: Option<String>,
    pub tool_version: String,
    pub role: Option<String>,
}

/// The whole file.
#[derive(Clone, Debug, Serialize)]
pub struct Document {
    pub metadata: Map<String, Value>,
    pub statistics: Map<String, Value>,
    pub by_category: BTreeMap<String, Map<String, Value>>,
    pub results: Vec<Map<String, Value>>,
}

impl Document {
    /// With the gate's decision over all suites and its reasons, under `metadata.gate`.
    #[must_use]
    pub fn with_gate(mut self, gate: &Gate) -> Self {
        self.metadata.insert("gate".into(), serde_json::to_value(gate).unwrap_or_default());
        self
    }

    pub fn to_json(&self) -> String {
        // Strings, finite numbers and nulls: the writer has nothing to refuse.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// `decision`: the whole gate's, if it is known already.
pub fn document(metadata: &Metadata, measured: &Measured, judged: &Judged, decision: Option<Decision>) -> Document {
    let mut by_category: BTreeMap<String, Vec<&CaseScores>> = BTreeMap::new();
    for case in &measured.cases {
        by_category.entry(case.category.clone()).or_default().push(case);
    }
    let mut meta = object(serde_json::to_value(metadata).unwrap_or_default());
    meta.extend(object(json!({
        "suite": measured.suite,
        "suite_digest": measured.digest,
        "samples": measured.samples,
        "metric": judged.demand.metric.name(),
        "metric_signature": judged.demand.metric.signature(),
        "relevance_signature": measured.relevance_signature,
        "cosine_signature": measured.cosine_signature,
    })));
    let all: Vec<&CaseScores> = measured.cases.iter().collect();
    let mut statistics = statistics(&all);
    if !measured.likeness.is_empty() {
        statistics.insert("reference_scores".into(), serde_json::to_value(&measured.likeness).unwrap_or_default());
    }
    statistics.insert("verdict".into(), judged.verdict.name().into());
    statistics.insert("gate".into(), decision.map(Decision::name).into());
    statistics.insert("judged".into(), serde_json::to_value(judged).unwrap_or_default());
    Document {
        metadata: meta,
        statistics,
        by_category: by_category.into_iter().map(|(k, cases)| (k, self::statistics(&cases))).collect(),
        results: measured.cases.iter().map(result).collect(),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Means over the cases that have the value; null where none has.
fn statistics(cases: &[&CaseScores]) -> Map<String, Value> {
    let mut map = object(json!({
        "total_tests": cases.len(),
        "avg_cosine_similarity": mean(cases.iter().filter_map(|c| c.cosine)),
    }));
    // As the verdict compares them: what only one of both has does not count.
    let share = |is: Option<bool>| is.map(|yes| f64::from(u8::from(yes)));
    for mean in [
        paired("avg_score", cases, |s| s.score),
        paired("pass_rate", cases, |s| share(s.pass)),
        paired("exact_match_rate", cases, |s| share(s.exact)),
        paired("avg_keyword_match", cases, |s| s.keywords.map(KeywordMatch::ratio)),
        paired("avg_relevance", cases, |s| s.relevance),
    ] {
        map.extend(mean);
    }
    map.extend(named_scores(cases));
    let arms: [(&str, Vec<&ArmScores>); 2] =
        [("base", cases.iter().map(|c| &c.base).collect()), ("finetuned", cases.iter().map(|c| &c.tuned).collect())];
    for (arm, scores) in arms {
        let seconds = || scores.iter().filter_map(|s| s.seconds);
        let entries = [
            ("success_rate", json!(mean(scores.iter().map(|s| f64::from(u8::from(s.success())))))),
            ("degenerate", json!(scores.iter().filter(|s| s.degenerate.is_some()).count())),
            ("cut_at_limit", json!(scores.iter().filter(|s| s.cut).count())),
            ("median_seconds", json!(median(seconds()))),
            ("p95_seconds", json!(quantile(seconds(), 0.95))),
            ("prompt_tokens", json!(scores.iter().map(|s| s.prompt_tokens).sum::<u64>())),
            ("tokens", json!(scores.iter().map(|s| s.tokens).sum::<u64>())),
            ("tokens_per_second", json!(median(scores.iter().filter_map(|s| s.tokens_per_second)))),
        ];
        map.extend(entries.into_iter().map(|(k, v)| (format!("{k}_{arm}"), v)));
    }
    map
}

/// The means of the assertions that have a `metric`, by its name; absent where no line names one.
fn named_scores(cases: &[&CaseScores]) -> Option<(String, Value)> {
    let mut names: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for name in cases.iter().flat_map(|c| &c.tuned.named_scores).map(|named| named.name.as_str()) {
        let of = |arm: &ArmScores| {
            let scores = arm.named_scores.iter().filter(|named| named.name == name).map(|named| named.score);
            mean(scores)
        };
        names.entry(name).or_insert_with(|| paired("avg_score", cases, of));
    }
    (!names.is_empty()).then(|| ("named_scores".to_owned(), json!(names)))
}

/// The means of both arms over the cases where both have a value, under `NAME_base` and `NAME_finetuned`.
fn paired(name: &str, cases: &[&CaseScores], of: impl Fn(&ArmScores) -> Option<f64>) -> Map<String, Value> {
    let both: Vec<(f64, f64)> = cases.iter().filter_map(|c| Some((of(&c.base)?, of(&c.tuned)?))).collect();
    let means = [mean(both.iter().map(|(base, _)| *base)), mean(both.iter().map(|(_, tuned)| *tuned))];
    ["base", "finetuned"].into_iter().zip(means).map(|(arm, mean)| (format!("{name}_{arm}"), json!(mean))).collect()
}

fn result(case: &CaseScores) -> Map<String, Value> {
    let mut map = object(json!({
        "prompt_id": case.id,
        "category": case.category,
        "cluster": case.cluster,
        "prompt": case.prompt,
        "expected": case.expected,
        "keywords_expected": case.keywords_expected,
        "base_model_response": case.base.text,
        "finetuned_response": case.tuned.text,
        "cosine_similarity_score": case.cosine,
        "must_pass": case.must_pass,
    }));
    for (arm, s) in [("base", &case.base), ("finetuned", &case.tuned)] {
        let entries = [
            ("keyword_match", json!(s.keywords.map(KeywordMatch::ratio))),
            ("keywords_found", json!(s.keywords.map(|k| format!("{}/{}", k.found, k.total)))),
            ("jarvis_relevance", json!(s.relevance)),
            ("exact_match", json!(s.exact)),
            ("pass", json!(s.pass)),
            ("unmet", json!(s.unmet)),
            ("score", json!(s.score)),
            ("success", json!(s.success())),
            ("degenerate", json!(s.degenerate)),
            ("error", json!(s.error)),
            ("seconds", json!(s.seconds)),
            ("prompt_tokens", json!(s.prompt_tokens)),
            ("tokens", json!(s.tokens)),
        ];
        map.extend(entries.into_iter().map(|(k, v)| (format!("{k}_{arm}"), v)));
        if !s.similarities.is_empty() {
            map.insert(format!("similarities_{arm}"), json!(s.similarities));
        }
    }
    map
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0u32), |(s, n), v| (s + v, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::eval::*;

    pub(crate) fn sample() -> (Metadata, Measured, Judged) {
        let text = "{\"id\": \"q1\", \"prompt\": \"p | one\", \"keywords\": [\"a\", \"b\"], \"category\": \"x\"}\n{\"prompt\": \"p2\", \"expected\": \"c\"}";
        let suite = Suite::parse(text, "evals/r.jsonl").unwrap();
        let say = |t: &str, s: f64| {
            vec![Reply::Answer(Answered {
                text: t.into(),
                done: true,
                done_reason: "stop".into(),
                seconds: s,
                tokens: 2,
                ..Answered::default()
            })]
        };
        let answers = [
            CaseAnswers { base: say("a <b>", 1.0), tuned: say("a b\n```", 2.0) },
            CaseAnswers { base: say("c", 3.0), tuned: say("d", 4.0) },
        ];
        let measured = measure(&suite, Metric::Pass, &answers, None, &[]).unwrap();
        let judged =
            judge(&measured, Demand { goal: Goal::Improve, metric: Metric::Pass, margin: 0.05, min_gain: None }, 1);
        let metadata = Metadata { base_model: "x:v1".into(), finetuned_model: "x:v2".into(), ..Metadata::default() };
        (metadata, measured, judged)
    }

    #[test]
    fn the_names_that_users_know() {
        let (metadata, measured, judged) = sample();
        let reasons = vec!["s: an improvement is not proved".to_owned()];
        let gate = Gate { decision: Decision::Inconclusive, suites: vec![], reasons, notes: vec![], complete: true };
        let made = document(&metadata, &measured, &judged, Some(Decision::Inconclusive)).with_gate(&gate);
        let doc: Value = serde_json::from_str(&made.to_json()).unwrap();
        for path in [
            "/metadata/base_model",
            "/metadata/lora_adapter",
            "/metadata/device",
            "/metadata/timestamp",
            "/statistics/total_tests",
            "/statistics/avg_cosine_similarity",
            "/statistics/avg_keyword_match_base",
            "/statistics/avg_keyword_match_finetuned",
            "/statistics/avg_relevance_base",
            "/statistics/avg_relevance_finetuned",
            "/by_category/x/total_tests",
            "/results/0/prompt_id",
            "/results/0/category",
            "/results/0/prompt",
            "/results/0/keywords_expected",
            "/results/0/base_model_response",
            "/results/0/finetuned_response",
            "/results/0/cosine_similarity_score",
            "/results/0/keyword_match_base",
            "/results/0/keyword_match_finetuned",
            "/results/0/jarvis_relevance_base",
            "/results/0/jarvis_relevance_finetuned",
        ] {
            assert!(doc.pointer(path).is_some(), "{path}\n{doc:#}");
        }
        assert_eq!(doc["statistics"]["total_tests"], 2);
        assert_eq!(doc["statistics"]["avg_cosine_similarity"], Value::Null);
        assert_eq!(doc["statistics"]["avg_keyword_match_base"], 1.0);
        assert_eq!(doc["statistics"]["pass_rate_finetuned"], 0.5);
        assert_eq!(doc["statistics"]["median_seconds_finetuned"], 3.0);
        assert_eq!(doc["results"][1]["exact_match_base"], true);
        assert_eq!(doc["results"][0]["keywords_found_base"], "2/2");
        assert_eq!((&doc["results"][0]["expected"], &doc["results"][1]["expected"]), (&json!([]), &json!(["c"])));
        assert_eq!(doc["metadata"]["gate"]["decision"], "INCONCLUSIVE");
        assert_eq!(doc["metadata"]["gate"]["reasons"][0], "s: an improvement is not proved");
    }

    #[test]
    fn means_are_over_the_cases_that_both_models_answered() {
        let (metadata, mut measured, judged) = sample();
        let mean = |measured: &Measured, key: &str| {
            let text = document(&metadata, measured, &judged, None).to_json();
            serde_json::from_str::<Value>(&text).unwrap()["statistics"][key].clone()
        };
        assert_eq!(
            (mean(&measured, "avg_score_base"), mean(&measured, "avg_score_finetuned")),
            (1.0.into(), 0.5.into())
        );
        // v1's request failed where v2 was wrong.
        measured.cases[1].base = ArmScores::default();
        for key in ["avg_score_base", "avg_score_finetuned", "pass_rate_base", "pass_rate_finetuned"] {
            assert_eq!(mean(&measured, key), 1.0, "{key}");
        }
        for key in ["exact_match_rate_base", "exact_match_rate_finetuned"] {
            assert_eq!(mean(&measured, key), Value::Null, "{key}: the other prompt has no expected text");
        }
    }
}
