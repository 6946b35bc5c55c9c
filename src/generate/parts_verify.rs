//! What must hold of the parts of a set, whoever made it: checked after writing, and of files by `data check`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::corpus::Language;
use crate::store::Digest;

use super::error::{GenerateError, SplitFault};
use super::identity_key::identity_key;
use super::parts::{Part, Planned, SplitBy};
use super::plan_subjects::FamilyKey;
use super::{Family, Shape};
use crate::chat::Role;

/// What the split depends on, of one example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitRecord {
    pub part: Part,
    pub item: Digest,
    pub group: Digest,
    pub source: String,
    pub shape: Shape,
    pub language: Language,
    pub family: Family,
    pub template: String,
    pub new_family: bool,
    /// The first question, folded.
    pub question: String,
}

impl SplitRecord {
    pub fn of(example: &Planned) -> Self {
        let draft = &example.draft;
        let first = draft.turns.iter().find(|turn| turn.role == Role::User);
        Self {
            part: example.part,
            item: draft.item,
            group: draft.group,
            source: draft.source.to_string(),
            shape: draft.shape,
            language: draft.language,
            family: draft.family,
            template: draft.template.to_string(),
            new_family: example.new_family,
            question: first.map(|turn| identity_key(&turn.content)).unwrap_or_default(),
        }
    }

    fn item_name(&self) -> String {
        self.item.short()
    }
}

/// That no wording and no group is in two parts, that no unseen source is in another part; of a split by wording, that what is
/// validated and tested (refusals aside) is taught in other families of wordings; of one by source, that no source is in two parts.
pub fn verify(records: &[SplitRecord], split_by: SplitBy) -> Result<(), GenerateError> {
    let mut faults = Vec::new();
    once(records, &mut faults);
    match split_by {
        SplitBy::Wording => taught(records, &mut faults),
        SplitBy::Source => sources_apart(records, &mut faults),
        SplitBy::Random => {}
    }
    unseen(records, &mut faults);
    let count = faults.len();
    match faults.into_iter().next() {
        None => Ok(()),
        Some(first) => Err(GenerateError::Split { count, first: Box::new(first) }),
    }
}

fn once(records: &[SplitRecord], faults: &mut Vec<SplitFault>) {
    let mut questions: BTreeMap<&str, Part> = BTreeMap::new();
    let mut wordings: BTreeMap<(Digest, Language, &str), Part> = BTreeMap::new();
    let mut groups: BTreeMap<Digest, Part> = BTreeMap::new();
    for record in records {
        let other = |part: Part| (part != record.part).then(|| [part.name(), record.part.name()]);
        let question = *questions.entry(&record.question).or_insert(record.part);
        let wording = *wordings.entry((record.item, record.language, &record.template)).or_insert(record.part);
        if let Some(parts) = other(question).or_else(|| other(wording)) {
            faults.push(SplitFault::Wording { wording: record.question.clone(), parts });
        }
        if let Some(parts) = other(*groups.entry(record.group).or_insert(record.part)) {
            faults.push(SplitFault::Group { group: record.group.short(), parts });
        }
    }
}

fn taught(records: &[SplitRecord], faults: &mut Vec<SplitFault>) {
    let mut families: BTreeMap<Digest, BTreeSet<Family>> = BTreeMap::new();
    let mut keys: BTreeSet<FamilyKey<'_>> = BTreeSet::new();
    for record in records.iter().filter(|record| record.part == Part::Train) {
        families.entry(record.item).or_default().insert(record.family);
        keys.insert(FamilyKey::of(&record.template, record.family));
    }
    // A refusal teaches no fact, so those that are tested are new ones.
    let tested =
        |record: &&SplitRecord| matches!(record.part, Part::Val | Part::Test) && record.shape != Shape::Unanswerable;
    for record in records.iter().filter(tested) {
        let (part, item, wording) = (record.part.name(), record.item_name(), record.question.clone());
        let new = !record.new_family || !keys.contains(&FamilyKey::of(&record.template, record.family));
        match families.get(&record.item) {
            None => faults.push(SplitFault::NotTaught { part, item, wording }),
            Some(taught) if taught.contains(&record.family) || !new => {
                faults.push(SplitFault::Family { part, item, wording });
            }
            Some(_) => {}
        }
    }
}

fn sources_apart(records: &[SplitRecord], faults: &mut Vec<SplitFault>) {
    let mut sources: BTreeMap<&str, Part> = BTreeMap::new();
    for record in records {
        let first = *sources.entry(&record.source).or_insert(record.part);
        if first != record.part {
            let parts = [first.name(), record.part.name()];
            faults.push(SplitFault::Source { source_name: record.source.clone(), parts });
        }
    }
}

fn unseen(records: &[SplitRecord], faults: &mut Vec<SplitFault>) {
    let of = |record: &&SplitRecord| record.part == Part::Unseen;
    let sources: BTreeSet<&str> = records.iter().filter(of).map(|record| record.source.as_str()).collect();
    for record in records.iter().filter(|record| record.part != Part::Unseen) {
        if sources.contains(record.source.as_str()) {
            faults.push(SplitFault::Unseen { source_name: record.source.clone(), part: record.part.name() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(part: Part, item: &str, question: &str) -> SplitRecord {
        SplitRecord {
            part,
            item: Digest::of_bytes(item.as_bytes()),
            group: Digest::of_bytes(question.as_bytes()),
            source: "a".into(),
            shape: Shape::Value,
            language: Language::En,
            family: if part == Part::Train { Family::Direct } else { Family::Search },
            template: format!("host/en/{question}"),
            new_family: false,
            question: question.into(),
        }
    }

    fn fault(records: &[SplitRecord], split_by: SplitBy) -> String {
        verify(records, split_by).unwrap_err().to_string()
    }

    #[test]
    fn every_invariant_is_checked() {
        let (train, test) = (record(Part::Train, "x", "1"), record(Part::Test, "x", "2"));
        verify(&[train.clone(), test.clone()], SplitBy::Wording).unwrap();
        let same = SplitRecord { question: "1".into(), ..test.clone() };
        assert!(fault(&[train.clone(), same], SplitBy::Random).contains("\"1\" is in train and in test"));
        let template = SplitRecord { template: train.template.clone(), ..test.clone() };
        assert!(fault(&[train.clone(), template], SplitBy::Random).contains("is in train and in test"));
        let group = SplitRecord { group: train.group, ..test.clone() };
        assert!(fault(&[train.clone(), group], SplitBy::Random).contains("variants of one question"));
        let family = SplitRecord { family: Family::Direct, ..test.clone() };
        assert!(fault(&[train.clone(), family], SplitBy::Wording).contains("that train has for it"));
        let other = SplitRecord { item: Digest::of_bytes(b"y"), ..test.clone() };
        assert!(fault(&[train.clone(), other], SplitBy::Wording).contains("no training example states"));
        let refusal = SplitRecord { item: Digest::of_bytes(b"y"), shape: Shape::Unanswerable, ..test.clone() };
        verify(&[train.clone(), refusal], SplitBy::Wording).unwrap();
        let new = SplitRecord { new_family: true, family: Family::Direct, ..test.clone() };
        assert!(fault(&[train.clone(), new], SplitBy::Wording).contains("1 faults"));
        assert!(fault(&[train.clone(), test.clone()], SplitBy::Source).contains("\"a\" is in train and in test"));
        let unseen = SplitRecord { part: Part::Unseen, ..test };
        assert!(fault(&[train, unseen], SplitBy::Wording).contains("unseen source \"a\" is also in train"));
    }
}
