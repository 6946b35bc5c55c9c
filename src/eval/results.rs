//! Result files: the answers of one arm to the questions of one file, written and read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::answer_metrics::CommonestAnswer;
use super::fault::{EvalError, ResultFault};
use super::result_rates::{ExtendedBlock, Losses, MetricsBlock, RetrievalRates, losses, rounded};
use super::result_record::AnswerRecord;
use crate::store::{FileAction, read_regular, write_whole};

/// The form of the files that are written.
const FORMAT_VERSION: u32 = 1;
/// Bytes of a file that is read, at most: some 100,000 answers with their prompts.
const MAX_BYTES: u64 = 512 << 20;

/// What answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerArm {
    Base,
    /// The base with retrieved texts.
    Rag,
    Finetuned,
    /// The tuned model with retrieved texts.
    Hybrid,
    /// A model with the text that answers.
    Oracle,
}

impl AnswerArm {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Rag => "rag",
            Self::Finetuned => "finetuned",
            Self::Hybrid => "hybrid",
            Self::Oracle => "oracle",
        }
    }
}

/// How the model was served. Arms compare by [`super::compare_arms`] only where these and [`AskedWith`] are alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Served {
    /// The daemon's version.
    pub daemon: String,
    /// Architecture and number of parameters, which a tune has from its base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    pub quantisation: Option<String>,
    pub num_ctx: Option<u64>,
}

/// What each question was asked with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskedWith {
    /// Of an answer, at most.
    pub max_tokens: u64,
    pub temperature: f64,
    /// Passages before a question, at most; None without retrieval, and where the passages that hold the answer are given.
    pub passages: Option<u64>,
}

/// Which arm answered which questions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultHeader {
    pub arm: AnswerArm,
    pub model: String,
    /// Of the model.
    pub digest: String,
    /// The digest of the index's manifest; None without retrieval.
    pub index: Option<String>,
    pub questions_sha256: String,
    /// None in files of earlier versions, as `asked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<Served>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<AskedWith>,
}

/// What the records themselves do not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResultExtras {
    pub commonest_answer: Option<CommonestAnswer>,
    pub retrieval: Option<RetrievalRates>,
    pub losses: Option<Losses>,
}

/// A result file. One of the earlier tools has the block `metrics` alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultFile {
    pub metrics: MetricsBlock,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended: Option<ExtendedBlock>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format_version: Option<u32>,
    #[serde(flatten)]
    pub header: Option<ResultHeader>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<AnswerRecord>,
}

impl ResultFile {
    /// Refuses records of which none is an answer.
    pub fn new(header: ResultHeader, results: Vec<AnswerRecord>, extras: ResultExtras) -> Result<Self, EvalError> {
        let metrics = MetricsBlock::of(&results)?;
        let extended = with(ExtendedBlock::of(&results), extras);
        Ok(Self {
            metrics,
            extended: Some(extended),
            format_version: Some(FORMAT_VERSION),
            header: Some(header),
            results,
        })
    }

    /// Adds what the same questions show that were asked with the text that answers.
    pub fn with_oracle(mut self, oracle: &Self) -> Result<Self, EvalError> {
        pair_records(&self, oracle)?;
        let found = losses(&self.results, &oracle.results);
        if let Some(extended) = &mut self.extended {
            extended.losses = found;
        }
        Ok(self)
    }

    /// Whether there are answers to single questions, without which nothing can be tested.
    pub fn is_bare(&self) -> bool {
        self.results.is_empty()
    }

    pub fn to_json(&self) -> String {
        // Texts, finite numbers and nulls: the writer has nothing to refuse.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    pub fn write(&self, path: &Path) -> Result<(), EvalError> {
        Ok(write_whole(path, self.to_json().as_bytes())?)
    }
}

fn with(extended: ExtendedBlock, extras: ResultExtras) -> ExtendedBlock {
    let round = |rates: RetrievalRates| RetrievalRates {
        hit_at_1: rounded(rates.hit_at_1),
        hit_at_4: rounded(rates.hit_at_4),
        mrr_at_10: rounded(rates.mrr_at_10),
        ndcg_at_10: rounded(rates.ndcg_at_10),
        seconds: rounded(rates.seconds),
    };
    let commonest = |c: CommonestAnswer| CommonestAnswer { exact_match_rate: rounded(c.exact_match_rate), ..c };
    ExtendedBlock {
        commonest_answer: extras.commonest_answer.map(commonest),
        retrieval: extras.retrieval.map(round),
        losses: extras.losses,
        ..extended
    }
}

/// What every result file has, and what tells ours from the earlier tools'.
#[derive(Deserialize)]
struct Probe {
    format_version: Option<u32>,
    metrics: Option<MetricsBlock>,
}

/// Reads a result file, or one of the earlier tools: `{"metrics": {…}, …}`, or the block itself.
pub fn read_results(path: &Path) -> Result<ResultFile, EvalError> {
    let bytes = read_regular(FileAction::Reading("the results"), path, MAX_BYTES)?;
    parse(&bytes).map_err(|fault| EvalError::Results { file: path.display().to_string(), fault })
}

fn parse(bytes: &[u8]) -> Result<ResultFile, ResultFault> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let probe: Probe = serde_json::from_slice(bytes)?;
    let file = match (probe.format_version, probe.metrics) {
        (Some(FORMAT_VERSION), _) => serde_json::from_slice(bytes)?,
        (Some(version), _) => return Err(ResultFault::Version { found: version, known: FORMAT_VERSION }),
        (None, Some(metrics)) => bare(metrics),
        (None, None) => bare(serde_json::from_slice(bytes)?),
    };
    if let Some((key, value)) = file.metrics.out_of_range() {
        return Err(ResultFault::OutOfRange { key, value });
    }
    if file.format_version.is_some() {
        check(&file)?;
    }
    Ok(file)
}

fn bare(metrics: MetricsBlock) -> ResultFile {
    ResultFile { metrics, extended: None, format_version: None, header: None, results: Vec::new() }
}

/// Whether the blocks follow from the records.
fn check(file: &ResultFile) -> Result<(), ResultFault> {
    let mut ids = BTreeSet::new();
    for record in &file.results {
        if !ids.insert(record.id.as_str()) {
            return Err(ResultFault::RepeatedId(record.id.clone()));
        }
        if record.prompt_tokens.checked_add(record.answer_tokens) != Some(record.tokens) || record.seconds < 0.0 {
            return Err(ResultFault::Cost(record.id.clone()));
        }
    }
    if file.header.is_none() {
        return Err(ResultFault::Header);
    }
    let said = file.extended.as_ref();
    let extras = ResultExtras {
        commonest_answer: said.and_then(|e| e.commonest_answer.clone()),
        retrieval: said.and_then(|e| e.retrieval),
        losses: said.and_then(|e| e.losses),
    };
    let metrics = MetricsBlock::of(&file.results).map_err(|_| ResultFault::NoAnswers)?;
    let extended = with(ExtendedBlock::of(&file.results), extras);
    match metrics == file.metrics && said == Some(&extended) {
        true => Ok(()),
        false => Err(ResultFault::OtherMetrics),
    }
}

/// One question, answered by two arms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecordPair<'a> {
    pub first: &'a AnswerRecord,
    pub second: &'a AnswerRecord,
}

/// The records of two results question by question, in the order of the first; refuses results of other questions.
pub fn pair_records<'a>(first: &'a ResultFile, second: &'a ResultFile) -> Result<Vec<RecordPair<'a>>, EvalError> {
    let sha = |file: &ResultFile| file.header.as_ref().map(|h| h.questions_sha256.clone());
    let (Some(a), Some(b)) = (sha(first), sha(second)) else { return Err(EvalError::NoRecords) };
    let by_id: BTreeMap<&str, &AnswerRecord> = second.results.iter().map(|r| (r.id.as_str(), r)).collect();
    let pairs: Option<Vec<RecordPair<'a>>> = first
        .results
        .iter()
        .map(|first| Some(RecordPair { first, second: by_id.get(first.id.as_str()).copied()? }))
        .collect();
    pairs
        .filter(|pairs| a == b && pairs.len() == second.results.len())
        .ok_or(EvalError::OtherQuestions { first: a, second: b })
}

#[cfg(test)]
#[path = "results_tests.rs"]
mod tests;
