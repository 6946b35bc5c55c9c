//! The rates of a result file. Shares are in percent; every number that is no count is rounded to four decimals.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::answer_metrics::CommonestAnswer;
use super::fault::EvalError;
use super::result_record::AnswerRecord;

/// The block that the earlier tools' files have, under their names.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricsBlock {
    /// Answers that ended by themselves and are proper.
    pub success_rate: f64,
    /// Of answerable questions with an expected text; None where there are none.
    pub exact_match_rate: Option<f64>,
    /// Of the answers that came: retrieval, embedding and generation, without loading the model.
    pub avg_time_seconds: f64,
    /// Of the answers that came: prompt and answer.
    pub avg_tokens: f64,
    #[serde(deserialize_with = "count")]
    pub total_tokens: u64,
}

/// What the retriever reached, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetrievalRates {
    #[serde(rename = "hit@1")]
    pub hit_at_1: f64,
    #[serde(rename = "hit@4")]
    pub hit_at_4: f64,
    #[serde(rename = "mrr@10")]
    pub mrr_at_10: f64,
    #[serde(rename = "ndcg@10")]
    pub ndcg_at_10: f64,
    /// Per question.
    pub seconds: f64,
}

/// The rates of one category.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoryRates {
    pub n: usize,
    pub success_rate: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact_match_rate: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact_coverage: Option<f64>,
}

/// Where the wrong answers to answerable questions come from, in percent of these.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    /// Wrong here, right with the text that answers.
    pub lost_by_retrieval: f64,
    /// Wrong here and with the text that answers.
    pub lost_by_reading: f64,
}

/// What the earlier tools do not have. A rate is None where no question has what it needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExtendedBlock {
    pub n: usize,
    pub answerable: usize,
    pub unanswerable: usize,
    /// Answerable questions of which all expected values are found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fact_coverage: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub f1: Option<f64>,
    /// Unanswerable questions that were refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal_unanswerable: Option<f64>,
    /// Unanswerable questions that were answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fabrication_rate: Option<f64>,
    /// Answerable questions that were refused and not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub false_refusal_rate: Option<f64>,
    /// Of all questions.
    pub prompt_tokens: u64,
    /// Of all questions.
    pub answer_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commonest_answer: Option<CommonestAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retrieval: Option<RetrievalRates>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub citation_precision: Option<f64>,
    /// Answers, refusals left out, that rest on what was retrieved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_grounded: Option<f64>,
    /// Answerable questions that are answered right though the retrieval missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_knowledge: Option<f64>,
    #[serde(flatten)]
    pub losses: Option<Losses>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_category: BTreeMap<String, CategoryRates>,
}

impl MetricsBlock {
    pub(super) fn of(records: &[AnswerRecord]) -> Result<Self, EvalError> {
        let came: Vec<&AnswerRecord> = records.iter().filter(|r| r.error.is_none()).collect();
        let (Some(success), Some(time)) =
            (share(records, |r| Some(r.measures.success)), mean(came.iter().map(|r| Some(r.seconds))))
        else {
            return Err(EvalError::NoAnswers { asked: records.len() });
        };
        let total = total(records, |r| r.tokens);
        Ok(Self {
            success_rate: success,
            exact_match_rate: share(records, |r| r.measures.exact_match),
            avg_time_seconds: time,
            avg_tokens: rounded(total as f64 / came.len() as f64),
            total_tokens: total,
        })
    }

    /// The first number that is out of its range.
    pub(super) fn out_of_range(&self) -> Option<(&'static str, f64)> {
        let percent = [("success_rate", Some(self.success_rate)), ("exact_match_rate", self.exact_match_rate)];
        let amounts = [("avg_time_seconds", self.avg_time_seconds), ("avg_tokens", self.avg_tokens)];
        let rates = percent.into_iter().filter_map(|(key, value)| Some((key, value?)));
        rates.filter(|(_, v)| !(0.0..=100.0).contains(v)).chain(amounts.into_iter().filter(|(_, v)| *v < 0.0)).next()
    }
}

impl ExtendedBlock {
    /// All but what the records do not say: the commonest answer, the retriever's rates, the losses.
    pub(super) fn of(records: &[AnswerRecord]) -> Self {
        let answerable = records.iter().filter(|r| r.answerable).count();
        let of =
            |wanted: bool, hit: fn(&AnswerRecord) -> bool| share(records, |r| (r.answerable == wanted).then(|| hit(r)));
        let cited = records.iter().filter_map(|r| r.citations);
        let (cited, right) =
            cited.fold((0u64, 0u64), |(c, r), n| (c.saturating_add(n.cited), r.saturating_add(n.right)));
        Self {
            n: records.len(),
            answerable,
            unanswerable: records.len() - answerable,
            pass_rate: share(records, |r| r.measures.pass),
            fact_coverage: mean(records.iter().map(|r| r.measures.fact_coverage.map(|c| 100.0 * c))),
            f1: mean(records.iter().map(|r| r.measures.f1.map(|f| 100.0 * f))),
            refusal_unanswerable: of(false, |r| r.measures.refused),
            fabrication_rate: of(false, |r| r.measures.fabricated),
            false_refusal_rate: of(true, |r| r.measures.falsely_refused),
            prompt_tokens: total(records, |r| r.prompt_tokens),
            answer_tokens: total(records, |r| r.answer_tokens),
            citation_precision: (cited > 0).then(|| rounded(100.0 * right as f64 / cited as f64)),
            context_grounded: share(records, |r| r.grounded),
            self_knowledge: share(records, |r| r.hit.filter(|_| r.answerable).map(|_| r.is_self_knowledge())),
            by_category: by_category(records),
            ..Self::default()
        }
    }
}

fn by_category(records: &[AnswerRecord]) -> BTreeMap<String, CategoryRates> {
    let mut categories: BTreeMap<&str, Vec<&AnswerRecord>> = BTreeMap::new();
    for record in records {
        categories.entry(&record.category).or_default().push(record);
    }
    let rates = |records: &[&AnswerRecord]| CategoryRates {
        n: records.len(),
        success_rate: share(records.iter().copied(), |r| Some(r.measures.success)).unwrap_or_default(),
        exact_match_rate: share(records.iter().copied(), |r| r.measures.exact_match),
        fact_coverage: mean(records.iter().map(|r| r.measures.fact_coverage.map(|c| 100.0 * c))),
    };
    categories.into_iter().map(|(category, records)| (category.to_owned(), rates(&records))).collect()
}

/// How the wrong answers divide, given the same questions with the text that answers; None where no answerable question is in both.
pub fn losses(records: &[AnswerRecord], oracle: &[AnswerRecord]) -> Option<Losses> {
    let right: BTreeMap<&str, bool> = oracle.iter().filter_map(|r| Some((r.id.as_str(), r.measures.pass?))).collect();
    let pairs = || records.iter().filter_map(|r| Some((r.measures.pass?, *right.get(r.id.as_str())?)));
    let lost = |oracle: bool| share(pairs(), |(here, there)| Some(!here && there == oracle));
    Some(Losses { lost_by_retrieval: lost(true)?, lost_by_reading: lost(false)? })
}

/// The one rule of rounding.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// The percentage of those that have it that it is true of.
fn share<T>(items: impl IntoIterator<Item = T>, of: impl Fn(T) -> Option<bool>) -> Option<f64> {
    mean(items.into_iter().map(|item| of(item).map(|yes| if yes { 100.0 } else { 0.0 })))
}

/// Of those that there are.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (sum, n) = values.flatten().fold((0.0, 0usize), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| rounded(sum / n as f64))
}

fn total(records: &[AnswerRecord], of: impl Fn(&AnswerRecord) -> u64) -> u64 {
    records.iter().map(of).fold(0, u64::saturating_add)
}

/// A count that another program may have written as `48700.0`.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = f64::deserialize(deserializer)?;
    if value >= 0.0 && value.fract() == 0.0 && value <= 2f64.powi(53) {
        return Ok(value as u64);
    }
    Err(serde::de::Error::custom(format_args!("{value} is no count")))
}
