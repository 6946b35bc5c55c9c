//! A suite's scorecard (`eval/<suite>.json`), as far as the page shows it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// The whole file. What another version did not write is empty.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Scorecard {
    pub metadata: Metadata,
    pub statistics: Statistics,
    #[serde(default)]
    pub by_category: BTreeMap<String, Category>,
    #[serde(default)]
    pub results: Vec<Answered>,
    /// Its name below the run's folder.
    #[serde(skip)]
    pub path: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metadata {
    pub base_model: String,
    pub finetuned_model: String,
    pub device: String,
    pub timestamp: String,
    pub base_digest: String,
    pub finetuned_digest: String,
    pub options: Value,
    pub system: Option<String>,
    pub tool_version: String,
    pub role: Option<String>,
    pub suite: String,
    pub suite_digest: String,
    pub samples: u64,
    pub metric_signature: String,
    pub relevance_signature: String,
    pub cosine_signature: String,
    pub gate: Option<Gate>,
}

/// The gate over all suites of the evaluation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Gate {
    pub decision: String,
    pub reasons: Vec<String>,
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Statistics {
    #[serde(default)]
    pub gate: Option<String>,
    pub judged: Judged,
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// A number of both models, such as the success rate.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BothModels {
    pub name: String,
    pub base: Option<f64>,
    pub tuned: Option<f64>,
}

impl Statistics {
    /// What is there of both models, `NAME_base` and `NAME_finetuned`, and how like the answers are to the texts of the suite.
    pub(super) fn of_both(&self) -> Vec<BothModels> {
        let pair = |(key, base): (&String, &Value)| {
            let stem = key.strip_suffix("_base")?;
            let tuned = self.others.get(&format!("{stem}_finetuned"))?;
            Some(BothModels { name: stem.replace('_', " "), base: base.as_f64(), tuned: tuned.as_f64() })
        };
        let mut found: Vec<BothModels> = self.others.iter().filter_map(pair).collect();
        if let Some(Value::Object(scores)) = self.others.get("reference_scores") {
            let of = |score: &Value, model: &str| score.get(model).and_then(Value::as_f64);
            found.extend(scores.iter().map(|(name, score)| BothModels {
                name: name.clone(),
                base: of(score, "base"),
                tuned: of(score, "finetuned"),
            }));
        }
        found.retain(|both| both.base.is_some() || both.tuned.is_some());
        found
    }
}

/// The comparison of both models on the suite's metric.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Judged {
    pub demand: Demand,
    pub n: usize,
    pub base: f64,
    pub tuned: f64,
    pub difference: f64,
    pub interval: Interval,
    pub fixed: usize,
    pub broken: usize,
    #[serde(default)]
    pub smallest_margin: Option<f64>,
    pub verdict: String,
    #[serde(default)]
    pub needs_prompts: Option<u64>,
    #[serde(default)]
    pub capped: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Demand {
    pub goal: String,
    pub metric: String,
    pub margin: f64,
    #[serde(default)]
    pub min_gain: Option<f64>,
}

impl Demand {
    /// Whether an improvement is demanded, and not only that nothing is lost.
    pub(super) fn improve(&self) -> bool {
        self.goal == "improve"
    }

    /// What the lower end of the interval has to be above.
    pub(super) fn bound(&self) -> f64 {
        if self.improve() { 0.0 } else { -self.margin }
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Interval {
    /// None where the scores bound nothing on that side.
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub method: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Category {
    pub total_tests: usize,
    pub avg_score_base: Option<f64>,
    pub avg_score_finetuned: Option<f64>,
}

/// One prompt with both answers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answered {
    pub prompt_id: String,
    pub category: String,
    pub prompt: String,
    pub expected: Vec<String>,
    pub keywords_expected: Vec<String>,
    pub must_pass: bool,
    pub base_model_response: String,
    pub finetuned_response: String,
    pub pass_base: Option<bool>,
    pub pass_finetuned: Option<bool>,
    pub score_base: Option<f64>,
    pub score_finetuned: Option<f64>,
    pub unmet_base: Vec<String>,
    pub unmet_finetuned: Vec<String>,
    pub degenerate_base: Option<Value>,
    pub degenerate_finetuned: Option<Value>,
    pub error_base: Option<String>,
    pub error_finetuned: Option<String>,
    pub seconds_base: Option<f64>,
    pub seconds_finetuned: Option<f64>,
    pub tokens_base: Option<f64>,
    pub tokens_finetuned: Option<f64>,
}

/// What became of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// The tuned model's score is less.
    Wrong,
    /// It is more.
    Right,
    BothWrong,
    /// One of both has no score: its request failed.
    NotCompared,
    BothRight,
}

impl Change {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Right => "right",
            Self::BothWrong => "neither",
            Self::NotCompared => "failed",
            Self::BothRight => "both",
        }
    }

    /// With a sign, so that no colour is needed.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Wrong => "▼ became wrong",
            Self::Right => "▲ became right",
            Self::BothWrong => "✗ both wrong",
            Self::NotCompared => "? not compared",
            Self::BothRight => "✓ both right",
        }
    }
}

impl Answered {
    pub(super) fn change(&self) -> Change {
        let (Some(base), Some(tuned)) = (self.score_base, self.score_finetuned) else { return Change::NotCompared };
        let holds = self.pass_finetuned.unwrap_or(tuned >= 1.0);
        match tuned.total_cmp(&base) {
            std::cmp::Ordering::Less => Change::Wrong,
            std::cmp::Ordering::Greater => Change::Right,
            std::cmp::Ordering::Equal if holds => Change::BothRight,
            std::cmp::Ordering::Equal => Change::BothWrong,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_both_models_are_found_by_their_names() {
        let demand = r#"{"goal": "hold", "metric": "pass", "margin": 0.1}"#;
        let interval = r#"{"low": 0, "high": 0, "method": "tango"}"#;
        let judged = format!(
            r#"{{"demand": {demand}, "n": 1, "base": 0, "tuned": 0, "difference": 0, "interval": {interval}, "fixed": 0, "broken": 0,
                "verdict": "PASS"}}"#
        );
        let text = format!(
            r#"{{"success_rate_base": 0.5, "success_rate_finetuned": 1.0, "avg_relevance_base": null, "avg_relevance_finetuned": null,
                "gate": "PASS", "judged": {judged}, "reference_scores": {{"bleu": {{"base": 1.5, "finetuned": 2.5}}}}}}"#
        );
        let found = serde_json::from_str::<Statistics>(&text).unwrap().of_both();
        let both = |name: &str, base, tuned| BothModels { name: name.to_owned(), base: Some(base), tuned: Some(tuned) };
        assert_eq!(found, [both("success rate", 0.5, 1.0), both("bleu", 1.5, 2.5)]);
    }

    #[test]
    fn a_change_is_one_of_scores() {
        let of = |base, tuned| Answered { score_base: base, score_finetuned: tuned, ..Answered::default() }.change();
        assert_eq!([of(Some(1.0), Some(0.0)), of(Some(0.2), Some(0.7))], [Change::Wrong, Change::Right]);
        assert_eq!([of(Some(0.5), Some(0.5)), of(Some(1.0), Some(1.0))], [Change::BothWrong, Change::BothRight]);
        assert_eq!([of(None, Some(1.0)), of(Some(1.0), None)], [Change::NotCompared; 2]);
    }
}
