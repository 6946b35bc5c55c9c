//! A suite: prompts and what a good answer to each holds.

use crate::chat::Role;
use crate::dataset::{Content, Record};
use crate::store::Digest;

use super::assertion::{ASSERTION_KEYS, EXPECTED, KEYWORDS, listed};
use super::case::Case;
use super::fault::{EvalError, SuitePlace};
use super::score::Metric;
use super::text::{Normaliser, words};

#[derive(Clone, Debug, PartialEq)]
pub struct Suite {
    pub name: String,
    pub cases: Vec<Case>,
    /// Of the text it was read from.
    pub digest: Digest,
    /// Where it was limited, and was a classification before: the answers that all its lines expected.
    pub(super) labels_before_limit: Option<Vec<String>>,
}

/// Longer expected answers than this are compared by overlap, not letter by letter.
const SHORT_ANSWER_WORDS: usize = 12;

impl Suite {
    /// Held-out records of a dataset: the last assistant turn is what is expected. Records without one are left out.
    pub fn from_records(name: &str, records: &[Record]) -> Result<Self, EvalError> {
        Self::of_cases(name, records.iter().filter_map(case_of_record).collect())
    }

    /// Without the cases of these ids.
    pub fn without(self, ids: &[&str]) -> Result<Self, EvalError> {
        Self::of_cases(&self.name, self.cases.into_iter().filter(|c| !ids.contains(&c.id.as_str())).collect())
    }

    fn of_cases(name: &str, cases: Vec<Case>) -> Result<Self, EvalError> {
        if cases.is_empty() {
            return Err(EvalError::Empty { suite: name.to_owned() });
        }
        let text = serde_json::json!({"version": 2, "cases": cases}).to_string();
        Ok(Self { name: name.to_owned(), cases, digest: Digest::of_bytes(text.as_bytes()), labels_before_limit: None })
    }

    /// The metric when nobody names one: `token_f1` where every line has a text to compare with and one of these is
    /// longer than an answer that is met exactly, or not asserted; else `pass`.
    pub fn natural_metric(&self) -> Metric {
        let short = |c: &Case| c.texts(&EXPECTED).iter().any(|e| words(e).len() <= SHORT_ANSWER_WORDS);
        let asserted = |c: &Case| {
            if c.texts(&EXPECTED).is_empty() { c.asserts() } else { short(c) || !c.assertions.is_empty() }
        };
        let has_text = |c: &Case| !c.texts(&EXPECTED).is_empty() || c.reference.is_some();
        let compared = self.cases.iter().all(has_text) && !self.cases.iter().all(asserted);
        if compared { Metric::TokenF1 } else { Metric::Pass }
    }

    /// Whether every case has what `metric` needs.
    pub fn check_metric(&self, metric: Metric) -> Result<(), EvalError> {
        let every: Vec<_> = ASSERTION_KEYS.iter().map(|assertion| assertion.key).chain(["assert"]).collect();
        let (needs, lacks): (_, fn(&Case) -> bool) = match metric {
            Metric::Pass | Metric::AssertionScore => (&every[..], |c| !c.asserts()),
            Metric::ExactMatch => (&[EXPECTED.key], |c| c.texts(&EXPECTED).is_empty()),
            Metric::KeywordMatch => (&[KEYWORDS.key], |c| c.texts(&KEYWORDS).is_empty()),
            Metric::TokenF1 => {
                (&[EXPECTED.key, "reference"], |c| c.texts(&EXPECTED).is_empty() && c.reference.is_none())
            }
        };
        let missing: Vec<_> = self.cases.iter().filter(|c| lacks(c)).collect();
        match missing.first() {
            None => Ok(()),
            Some(first) => Err(EvalError::Metric {
                suite: self.name.clone(),
                metric: metric.name(),
                needs: listed(needs),
                missing: missing.len(),
                first: first.id.clone(),
            }),
        }
    }

    /// Whether a model that embeds is needed to score it, which is refused without one.
    pub fn check_embedder(&self, embedder: Option<&str>) -> Result<(), EvalError> {
        if embedder.is_none() && self.compares_vectors() { Err(self.no_embedder()) } else { Ok(()) }
    }

    /// Whether a line compares the vectors of an embedding model.
    pub fn compares_vectors(&self) -> bool {
        self.cases.iter().any(|case| !case.similar_texts().is_empty())
    }

    /// The first prompt that is asked with tools.
    pub fn with_tools(&self) -> Option<&Case> {
        self.cases.iter().find(|case| !case.tools.is_empty())
    }

    /// Names the first line that needs one.
    pub(super) fn no_embedder(&self) -> EvalError {
        let case = self.cases.iter().find(|case| !case.similar_texts().is_empty());
        let (place, id) = case.map(|case| (case.place.clone(), case.id.clone())).unwrap_or_default();
        EvalError::NoEmbedder { suite: self.name.clone(), place, id }
    }

    /// The first `n` cases of it; a limited suite never decides (see [`super::GateInput::limited`]).
    pub fn limited(mut self, n: usize) -> Self {
        self.labels_before_limit = self.labels().map(|labels| labels.into_iter().map(str::to_owned).collect());
        self.cases.truncate(n);
        self
    }
}

fn case_of_record(record: &Record) -> Option<Case> {
    let Content::Chat(messages) = &record.content else { return None };
    let at = record.last_trained()?;
    let before = messages[..at].to_vec();
    if before.last().map(|m| m.role) != Some(Role::User) {
        return None;
    }
    let (normaliser, expected) = (Normaliser::default(), messages[at].content.clone());
    if (EXPECTED.fault)(&expected, normaliser).is_some() {
        return None;
    }
    Some(Case {
        place: SuitePlace::Line(record.place.number),
        id: record.place.to_string().replace(' ', "-"),
        messages: before,
        tools: Vec::new(),
        asserted: [(EXPECTED.key, vec![expected])].into(),
        assertions: Vec::new(),
        choices: Vec::new(),
        reference: None,
        domain_terms: Vec::new(),
        category: record.category.clone().unwrap_or_else(|| "held-out".into()),
        cluster: None,
        must_pass: false,
        normaliser,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Message;

    fn record(line: usize, turns: &[(Role, &str)]) -> Record {
        let messages =
            turns.iter().map(|(role, content)| Message { role: *role, content: content.to_string() }).collect();
        Record::new(line, Content::Chat(messages))
    }

    #[test]
    fn what_ships_is_sound() {
        for text in [include_str!("../../data/demo/suite.jsonl"), include_str!("../../configs/suites/example.jsonl")] {
            let suite = Suite::parse(text, "shipped").unwrap();
            assert_eq!(suite.natural_metric(), Metric::Pass);
        }
    }

    #[test]
    fn a_line_with_only_forbidden_words_is_a_check_and_changes_no_other_line() {
        let metric = |text: &str| {
            let suite = Suite::parse(text, "s").unwrap();
            let metric = suite.natural_metric();
            (metric, suite.check_metric(metric).map_err(|e| e.to_string()))
        };
        let forbids = "{\"id\": \"b\", \"prompt\": \"Say something nice\", \"not_keywords\": [\"sorry\"]}\n";
        let keyword = "{\"id\": \"a\", \"prompt\": \"Capital of France?\", \"keywords\": [\"paris\"]}\n";
        let reference = "{\"id\": \"c\", \"prompt\": \"Tell a story\", \"reference\": \"Once\"}\n";
        assert_eq!(metric(&format!("{keyword}{forbids}")), (Metric::Pass, Ok(())));
        assert_eq!(metric(forbids), (Metric::Pass, Ok(())));
        assert_eq!(metric(reference), (Metric::TokenF1, Ok(())));
        // The line at fault is the one that asserts nothing.
        for others in [forbids, keyword] {
            let (chosen, fault) = metric(&format!("{others}{reference}"));
            let fault = fault.unwrap_err();
            assert!(chosen == Metric::Pass && fault.contains("1 lack it, the first is \"c\""), "{fault}");
        }
    }

    #[test]
    fn held_out_records_become_cases() {
        let long = "word ".repeat(40);
        let records = [
            record(1, &[(Role::System, "s"), (Role::User, "u"), (Role::Assistant, "volume_up()")]),
            record(2, &[(Role::User, "only a question")]),
            Record::new(3, Content::Text("t".into())),
        ];
        let suite = Suite::from_records("held-out", &records).unwrap();
        assert_eq!((suite.cases.len(), suite.cases[0].messages.len(), suite.cases[0].prompt()), (1, 2, "u"));
        assert_eq!(suite.natural_metric(), Metric::Pass);
        let wordy = Suite::from_records("h", &[record(1, &[(Role::User, "u"), (Role::Assistant, &long)])]).unwrap();
        assert_eq!(wordy.natural_metric(), Metric::TokenF1);
        assert!(wordy.check_metric(Metric::KeywordMatch).unwrap_err().to_string().contains("line-1"));
        assert!(Suite::from_records("h", &records[1..]).is_err());
    }
}
