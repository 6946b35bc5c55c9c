//! Wordings that are left out before anything is planned: what suites ask, equal and nearly equal questions, contradictions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::store::{Digest, Interrupt};

use super::concurrent::each;
use super::contamination::Asked;
use super::dedupe_near::{QUESTION, QuestionAnswer, near_duplicates};
use super::dedupe_text::{is_alike, shingles};
use super::identity_key::identity_key;
use super::{Item, Shape};

/// Why a wording is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum RejectCode {
    /// A suite asks it, or asks for its fact.
    Contaminated,
    /// The same question, folded, as an earlier one with the same values.
    Duplicate,
    /// The same question, folded, with other values: all of them are left out.
    OtherAnswer,
    /// Nearly the words of another wording of its item.
    NearWording,
    /// Nearly the question and the answer of another text without a fact.
    NearText,
    /// About facts of several parts, which would be known in each of them.
    SeveralParts,
    /// About an unseen source, and its entity is in another source too.
    EntitySeen,
}

impl RejectCode {
    /// As the files have it.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// For people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Contaminated => "a suite asks it, or asks for its fact",
            Self::Duplicate => "an earlier question is the same",
            Self::OtherAnswer => "the same question has several answers",
            Self::NearWording => "another wording of the same question has nearly the same words",
            Self::NearText => "another text has nearly the same words",
            Self::SeveralParts => "its facts are of sources in different parts",
            Self::EntitySeen => "it is about an unseen source, and its entity is in another source too",
        }
    }
}

/// A text that was made and is not used.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejected {
    /// [`RejectCode::name`], or the code of a check of generated text.
    pub code: &'static str,
    pub item: Digest,
    pub source: Arc<str>,
    pub question: String,
    pub answer: String,
    /// What the check found; empty: the code says it all.
    pub detail: String,
}

/// Index of an item and of one of its wordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub item: u32,
    pub wording: u32,
}

/// A wording that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rejection {
    pub code: RejectCode,
    pub place: Place,
}

/// Which wordings can be used.
#[derive(Debug)]
pub(super) struct Screened {
    /// Of each item, its first place in `usable`.
    starts: Vec<usize>,
    usable: Vec<bool>,
    pub rejected: Vec<Rejection>,
    /// Facts that a suite asks for.
    pub asked_facts: BTreeSet<usize>,
}

impl Screened {
    pub(super) fn is_usable(&self, place: Place) -> bool {
        let at = self.starts.get(place.item as usize).map(|start| start + place.wording as usize);
        at.and_then(|at| self.usable.get(at)).copied().unwrap_or(false)
    }

    pub(super) fn reject(&mut self, code: RejectCode, place: Place) {
        if let Some(usable) = self.usable.get_mut(self.starts[place.item as usize] + place.wording as usize) {
            *usable = false;
            self.rejected.push(Rejection { code, place });
        }
    }
}

/// A question's hash and where it stands: of equal questions the first in `order` is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    hash: [u8; 16],
    position: u32,
    place: Place,
}

/// What is screened.
#[derive(Clone, Copy)]
pub(super) struct Screening<'a> {
    pub items: &'a [Item],
    /// The items' indices, in an order that does not depend on the order in which they were given.
    pub order: &'a [u32],
    /// Ends the work early: what is found then is to be dropped.
    pub interrupt: &'a Interrupt,
}

pub(super) fn screen(Screening { items, order, interrupt }: Screening<'_>, asked: &Asked) -> Screened {
    let starts = items.iter().scan(0, |next, item| Some(std::mem::replace(next, *next + item.wordings.len())));
    let total = items.iter().map(|item| item.wordings.len()).sum();
    let starts = starts.collect();
    let asked_facts = asked.facts(items);
    let mut screened = Screened { starts, usable: vec![true; total], rejected: Vec::new(), asked_facts };
    let mut entries = Vec::with_capacity(total);
    let asked_facts = &screened.asked_facts;
    let seen =
        each(order.len(), interrupt, |position| seen_alone(&items[order[position] as usize], asked, asked_facts));
    for ((position, index), found) in (0u32..).zip(order).zip(seen) {
        for (wording, found) in (0u32..).zip(found) {
            let place = Place { item: *index, wording };
            match found {
                Err(code) => screened.reject(code, place),
                Ok(hash) => entries.push(Entry { hash, position, place }),
            }
        }
    }
    entries.sort_unstable();
    for run in entries.chunk_by(|a, b| a.hash == b.hash).filter(|run| run.len() > 1) {
        reject_equal(items, run, &mut screened);
    }
    reject_near_texts(items, order, &mut screened);
    screened
}

/// Of each wording the hash of its question, or what speaks against it, seen with its item alone.
fn seen_alone(item: &Item, asked: &Asked, asked_facts: &BTreeSet<usize>) -> Vec<Result<[u8; 16], RejectCode>> {
    let keys: Vec<String> = item.wordings.iter().map(|wording| identity_key(&wording.question)).collect();
    let is_asked = match item.facts.is_empty() {
        true => item.shape != Shape::Unanswerable && !asked.is_empty() && asked.asks_value(item),
        false => item.facts.iter().any(|fact| asked_facts.contains(fact)),
    };
    if is_asked {
        return vec![Err(RejectCode::Contaminated); keys.len()];
    }
    let codes = within_item(item, &keys, asked);
    keys.iter().zip(codes).map(|(key, code)| code.map_or_else(|| Ok(hash_of(key)), Err)).collect()
}

/// What speaks against each wording, seen with its item alone.
fn within_item(item: &Item, keys: &[String], asked: &Asked) -> Vec<Option<RejectCode>> {
    let entity = identity_key(&item.entity);
    // The name is in every wording: a long one would make any two wordings alike.
    let masked = |key: &String| match entity.is_empty() {
        true => shingles(key),
        false => shingles(&key.replace(&entity, "\u{1}")),
    };
    let mut kept: Vec<(&String, Vec<u128>)> = Vec::new();
    let mut codes = Vec::with_capacity(keys.len());
    for key in keys {
        if !asked.is_empty() && asked.asks(key) {
            codes.push(Some(RejectCode::Contaminated));
            continue;
        }
        let set = masked(key);
        let near = |(other, of): &&(&String, Vec<u128>)| *other == key || is_alike(of, &set, QUESTION);
        match kept.iter().find(near) {
            Some((other, _)) if *other == key => codes.push(Some(RejectCode::Duplicate)),
            Some(_) => codes.push(Some(RejectCode::NearWording)),
            None => {
                kept.push((key, set));
                codes.push(None);
            }
        }
    }
    codes
}

fn hash_of(key: &str) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&blake3::hash(key.as_bytes()).as_bytes()[..16]);
    first
}

/// Of equal questions with equal values the first stays; with other values none stays.
fn reject_equal(items: &[Item], run: &[Entry], screened: &mut Screened) {
    let values = |entry: &Entry| {
        let mut values: Vec<String> =
            items[entry.place.item as usize].values.iter().map(|value| identity_key(value)).collect();
        values.sort();
        values
    };
    let first = values(&run[0]);
    match run.iter().all(|entry| values(entry) == first) {
        true => run.iter().skip(1).for_each(|entry| screened.reject(RejectCode::Duplicate, entry.place)),
        false => run.iter().for_each(|entry| screened.reject(RejectCode::OtherAnswer, entry.place)),
    }
}

/// Items of prose, which have no fact by which they could be told apart.
fn reject_near_texts(items: &[Item], order: &[u32], screened: &mut Screened) {
    let mut places = Vec::new();
    for index in order {
        let item = &items[*index as usize];
        if item.facts.is_empty() && item.shape != Shape::Unanswerable {
            let all = (0..item.wordings.len() as u32).map(|wording| Place { item: *index, wording });
            places.extend(all.filter(|place| screened.is_usable(*place)));
        }
    }
    let text = |place: &Place| {
        let wording = &items[place.item as usize].wordings[place.wording as usize];
        QuestionAnswer { question: &wording.question, answer: &wording.answer }
    };
    let texts: Vec<QuestionAnswer<'_>> = places.iter().map(text).collect();
    for near in near_duplicates(&texts) {
        screened.reject(RejectCode::NearText, places[near.text]);
    }
}

/// The rejected wordings with their texts, sorted.
pub(super) fn with_texts(items: &[Item], rejected: &[Rejection]) -> Vec<Rejected> {
    let mut out: BTreeMap<(RejectCode, Digest, &str, &str), Rejected> = BTreeMap::new();
    for Rejection { code, place } in rejected {
        let item = &items[place.item as usize];
        let Some(wording) = item.wordings.get(place.wording as usize) else { continue };
        let rejected = Rejected {
            code: code.name(),
            item: item.id,
            source: item.source.clone(),
            question: wording.question.clone(),
            answer: wording.answer.to_string(),
            detail: String::new(),
        };
        out.insert((*code, item.id, &wording.question, &wording.template), rejected);
    }
    out.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Language;
    use crate::generate::{Family, Method, Wording};

    fn item(name: &str, value: &str, questions: &[&str]) -> Item {
        let wording = |question: &&str| Wording {
            family: Family::Direct,
            template: "t".into(),
            question: (*question).into(),
            answer: format!("It is {value}.").into(),
            method: Method::RuleBased,
            record: None,
        };
        Item {
            id: Digest::of_bytes(name.as_bytes()),
            shape: Shape::Value,
            facts: vec![0],
            entity: "GIDAF".into(),
            attribute: "a".into(),
            source: name.into(),
            language: Language::En,
            values: vec![value.into()],
            wordings: questions.iter().map(wording).collect(),
            low_information: false,
        }
    }

    fn codes(items: &[Item]) -> Vec<(RejectCode, u32, u32)> {
        let order: Vec<u32> = (0..items.len() as u32).collect();
        let screening = Screening { items, order: &order, interrupt: &Interrupt::default() };
        let screened = screen(screening, &Asked::new(&[]));
        let mut codes: Vec<_> = screened.rejected.iter().map(|r| (r.code, r.place.item, r.place.wording)).collect();
        codes.sort();
        codes
    }

    #[test]
    fn equal_questions_are_asked_once_and_contradictions_never() {
        let a = item("a", "3", &["How many users has GIDAF?", "how many users has GIDAF", "GIDAF users"]);
        let b = item("b", "3", &["HOW MANY users has GIDAF ?"]);
        let c = item("c", "4", &["Gidaf: users?"]);
        assert_eq!(
            codes(&[a, b, c]),
            [
                (RejectCode::Duplicate, 0, 1),
                (RejectCode::Duplicate, 1, 0),
                // "GIDAF users" and "Gidaf: users?" are the same question with two answers.
                (RejectCode::OtherAnswer, 0, 2),
                (RejectCode::OtherAnswer, 2, 0),
            ]
        );
    }

    #[test]
    fn near_wordings_of_a_fact_are_out_whatever_the_length_of_the_name() {
        let near = [
            "Could you please tell me which of the teams runs GIDAF",
            "Could you please tell me which of the teams runs GIDAF now",
        ];
        assert_eq!(codes(&[item("a", "1", &near)]), [(RejectCode::NearWording, 0, 1)]);
        let mut long = item("a", "1", &[]);
        long.entity = "Système d'information géographique des données agricoles et forestières de la région".into();
        let wordings = [format!("Who hosts {}?", long.entity), format!("{} host", long.entity)];
        let questions: Vec<&str> = wordings.iter().map(String::as_str).collect();
        long.wordings = item("a", "1", &questions).wordings;
        assert_eq!(codes(&[long]), []);
    }

    #[test]
    fn prose_without_facts_is_compared_as_text() {
        let prose = |name: &str, question: &str| Item { facts: Vec::new(), ..item(name, "x", &[question]) };
        let items = [
            prose("a", "How do I move the mailbox of a team to the new server"),
            prose("b", "How do I move the mailbox of a team to the new servers"),
            prose("c", "How do I archive a mailbox"),
        ];
        assert_eq!(codes(&items), [(RejectCode::NearText, 1, 0)]);
    }
}
