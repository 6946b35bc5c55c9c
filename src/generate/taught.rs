//! Which questions of a generated set ask for what its training examples teach.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use crate::eval::{TaughtFacts, TaughtQuestions};
use crate::store::Digest;

use super::Shape;
use super::check::{read_lines, read_report, stem_of, with_suffix};
use super::error::GenerateError;
use super::parts::Part;
use super::provenance::Provenance;

/// Of the set that a file belongs to, by its `X.provenance.jsonl` and `X.report.json`. A fact is taught where an example asks for it directly, as
/// in the set's coverage; refusals are those without passages.
pub fn taught_questions(dataset: &Path) -> Result<TaughtQuestions, GenerateError> {
    let records: Vec<Provenance> = read_lines(&with_suffix(&stem_of(dataset).0, ".provenance.jsonl"))?;
    let train = || records.iter().filter(|record| record.split.part == Part::Train);
    let teaches = |record: &&Provenance| record.split.shape.is_direct();
    let is_refusal = |record: &&Provenance| record.split.shape == Shape::Unanswerable;
    let taught: BTreeSet<Digest> =
        train().filter(teaches).flat_map(|record| &record.facts).map(|fact| fact.id).collect();
    let is_taught =
        |record: &&Provenance| !record.facts.is_empty() && record.facts.iter().all(|fact| taught.contains(&fact.id));
    let (ids, others): (Vec<_>, Vec<_>) = records.iter().partition(is_taught);
    let named = |records: Vec<&Provenance>| records.into_iter().map(|record| record.id.clone()).collect();
    let Counted { coverage: facts } = read_report(&stem_of(dataset).0)?;
    Ok(TaughtQuestions {
        facts: TaughtFacts { taught: facts.facts_taught, all: facts.facts_all },
        ids: named(ids),
        others: named(others),
        refusals: 100.0 * train().filter(is_refusal).count() as f64 / train().count().max(1) as f64,
    })
}

/// What the report says of the facts.
#[derive(Deserialize)]
struct Counted {
    coverage: CountedFacts,
}

#[derive(Deserialize)]
struct CountedFacts {
    facts_taught: usize,
    facts_all: usize,
}
