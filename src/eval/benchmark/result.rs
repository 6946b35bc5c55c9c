//! `benchmark_results.json`: its keys, their order, and the means.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::arm::{BenchmarkAnswers, BenchmarkArm};
use crate::eval::assertion::KEYWORDS;
use crate::eval::case::Case;
use crate::eval::score::KeywordMatch;

/// What was compared, where and when.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BenchmarkMetadata {
    pub base_model: String,
    /// The folder of the adapter; null where the base was asked alone, or two models of the daemon.
    pub lora_adapter: Option<String>,
    pub device: String,
    /// RFC 3339.
    pub timestamp: String,
}

/// Means over the prompts that every asked model answered; shares from 0 to 1, null where nothing has the value.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BenchmarkStatistics {
    pub total_tests: usize,
    pub avg_cosine_similarity: Option<f64>,
    pub avg_keyword_match_base: Option<f64>,
    pub avg_keyword_match_finetuned: Option<f64>,
    pub avg_relevance_base: Option<f64>,
    pub avg_relevance_finetuned: Option<f64>,
}

/// One prompt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BenchmarkResult {
    pub prompt_id: String,
    pub category: String,
    pub prompt: String,
    pub keywords_expected: Vec<String>,
    pub base_model_response: Option<String>,
    pub finetuned_response: Option<String>,
    pub cosine_similarity_score: Option<f64>,
    #[serde(serialize_with = "counted")]
    pub keyword_match_base: Option<KeywordMatch>,
    #[serde(serialize_with = "counted")]
    pub keyword_match_finetuned: Option<KeywordMatch>,
    pub jarvis_relevance_base: Option<f64>,
    pub jarvis_relevance_finetuned: Option<f64>,
}

/// `"2/3"`: found of all.
fn counted<S: Serializer>(found: &Option<KeywordMatch>, to: S) -> Result<S::Ok, S::Error> {
    found.map(|k| format!("{}/{}", k.found, k.total)).serialize(to)
}

impl BenchmarkResult {
    pub fn new(case: &Case, answers: BenchmarkAnswers) -> Self {
        let BenchmarkAnswers { base, finetuned, cosine } = answers;
        let finetuned: BenchmarkArm = finetuned.unwrap_or_default();
        Self {
            prompt_id: case.id.clone(),
            category: case.category.clone(),
            prompt: case.prompt().to_owned(),
            keywords_expected: case.texts(&KEYWORDS).to_vec(),
            base_model_response: base.response,
            finetuned_response: finetuned.response,
            cosine_similarity_score: cosine,
            keyword_match_base: base.keywords,
            keyword_match_finetuned: finetuned.keywords,
            jarvis_relevance_base: base.relevance,
            jarvis_relevance_finetuned: finetuned.relevance,
        }
    }
}

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Benchmark {
    pub metadata: BenchmarkMetadata,
    pub statistics: BenchmarkStatistics,
    pub by_category: BTreeMap<String, BenchmarkStatistics>,
    pub results: Vec<BenchmarkResult>,
}

impl Benchmark {
    pub fn new(metadata: BenchmarkMetadata, results: Vec<BenchmarkResult>) -> Self {
        let two = results.iter().any(|one| one.finetuned_response.is_some());
        let mut categories: BTreeMap<String, Vec<&BenchmarkResult>> = BTreeMap::new();
        for one in &results {
            categories.entry(one.category.clone()).or_default().push(one);
        }
        let by_category = categories.into_iter().map(|(name, some)| (name, statistics(&some, two))).collect();
        let statistics = statistics(&results.iter().collect::<Vec<_>>(), two);
        Self { metadata, statistics, by_category, results }
    }

    /// The prompts that every asked model answered: those that the means are of.
    pub(super) fn compared(&self) -> Vec<&BenchmarkResult> {
        let all: Vec<&BenchmarkResult> = self.results.iter().collect();
        compared(&all, self.results.iter().any(|one| one.finetuned_response.is_some()))
    }

    pub fn to_json(&self) -> String {
        // Strings, finite numbers and nulls: the writer has nothing to refuse.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// `two`: both models were asked, and a prompt that one of them did not answer is in no mean.
fn compared<'a>(results: &[&'a BenchmarkResult], two: bool) -> Vec<&'a BenchmarkResult> {
    let is_answered =
        |one: &&&BenchmarkResult| one.base_model_response.is_some() && (!two || one.finetuned_response.is_some());
    results.iter().filter(is_answered).copied().collect()
}

fn statistics(results: &[&BenchmarkResult], two: bool) -> BenchmarkStatistics {
    let answered = compared(results, two);
    let mean = |of: fn(&BenchmarkResult) -> Option<f64>| {
        let values: Vec<f64> = answered.iter().filter_map(|one| of(one)).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    BenchmarkStatistics {
        total_tests: results.len(),
        avg_cosine_similarity: mean(|one| one.cosine_similarity_score),
        avg_keyword_match_base: mean(|one| one.keyword_match_base.map(KeywordMatch::ratio)),
        avg_keyword_match_finetuned: mean(|one| one.keyword_match_finetuned.map(KeywordMatch::ratio)),
        avg_relevance_base: mean(|one| one.jarvis_relevance_base),
        avg_relevance_finetuned: mean(|one| one.jarvis_relevance_finetuned),
    }
}
