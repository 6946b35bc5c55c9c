//! The order in which subjects are taught: any beginning of it is spread over sources, attributes and shapes.
//!
//! 1. Facts: round by round, each source gives one; of its attributes the one that its hash prefers, unless that attribute is
//!    ahead of another one by more than a slack. So adding a fact moves few others.
//! 2. Questions over several facts follow the order of these facts.
//! 3. The strata are merged in proportion to their weights.

use std::collections::{BTreeMap, VecDeque};

use super::Item;
use super::Shape;
use super::identity_key::identity_key;
use super::parts::hash;
use super::plan_sources::Sources;
use super::plan_subjects::{Stratum, Subject};

/// A source with more attributes than this gives them in the order of their hashes.
const MANY_ATTRIBUTES: usize = 256;

/// What the order is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ordering<'a> {
    pub items: &'a [Item],
    pub sources: &'a Sources<'a>,
    pub seed: u64,
    /// Of unanswerable questions, of all.
    pub unanswerable: f64,
    /// Of facts whose value can be guessed, of all.
    pub low_information: f64,
    /// Training wordings of a subject, at most.
    pub wordings: usize,
}

/// Indices of `subjects` (those of `chosen`) in the order of teaching.
pub(super) fn teaching_order(subjects: &[Subject], chosen: &[u32], ordering: Ordering<'_>) -> Vec<u32> {
    let mut strata: BTreeMap<Stratum, Vec<u32>> = BTreeMap::new();
    for index in chosen {
        strata.entry(subjects[*index as usize].stratum).or_default().push(*index);
    }
    let mut ranks: Vec<u32> = vec![u32::MAX; ordering.items.iter().flat_map(|i| &i.facts).max().map_or(0, |m| m + 1)];
    if let Some(direct) = strata.get_mut(&Stratum::Direct) {
        *direct = stratified(subjects, direct, ordering);
        for (rank, index) in (0..).zip(direct) {
            let item = &ordering.items[subjects[*index as usize].item as usize];
            item.facts.iter().for_each(|fact| ranks[*fact] = ranks[*fact].min(rank));
        }
    }
    for (stratum, list) in &mut strata {
        match stratum {
            Stratum::Direct => {}
            Stratum::Derived(shape) => {
                by_facts(subjects, list, &ranks, ordering);
                if *shape == Shape::Boolean {
                    *list = in_turn(subjects, list, ordering.items);
                }
            }
            Stratum::Unanswerable | Stratum::LowInformation => *list = stratified(subjects, list, ordering),
        }
    }
    merged(subjects, &strata, ordering)
}

/// Those whose facts are all taught early come first.
fn by_facts(subjects: &[Subject], list: &mut [u32], ranks: &[u32], ordering: Ordering<'_>) {
    list.sort_by_cached_key(|index| {
        let subject = &subjects[*index as usize];
        let facts = &ordering.items[subject.item as usize].facts;
        let last = facts.iter().map(|fact| ranks[*fact]).max().unwrap_or(u32::MAX);
        (last, hash(ordering.seed, &[b"derived", subject.id.hex().as_bytes()]), subject.id)
    });
}

/// True and false statements in turn, so that any beginning has as many of one as of the other.
fn in_turn(subjects: &[Subject], list: &[u32], items: &[Item]) -> Vec<u32> {
    let is_true = |index: &u32| is_affirmed(&items[subjects[*index as usize].item as usize]);
    let right: Vec<u32> = list.iter().copied().filter(is_true).collect();
    let wrong: Vec<u32> = list.iter().copied().filter(|index| !is_true(index)).collect();
    let longest = right.len().max(wrong.len());
    (0..longest).flat_map(|i| right.get(i).into_iter().chain(wrong.get(i))).copied().collect()
}

/// Whether the answer to a question for yes or no begins with yes.
fn is_affirmed(item: &Item) -> bool {
    let answer = item.values.first().map(|value| identity_key(value)).unwrap_or_default();
    matches!(answer.split(' ').next(), Some("oui" | "yes"))
}

fn merged(subjects: &[Subject], strata: &BTreeMap<Stratum, Vec<u32>>, ordering: Ordering<'_>) -> Vec<u32> {
    let mut all: Vec<(f64, Stratum, u32)> = Vec::new();
    for (stratum, list) in strata {
        let examples = |index: &u32| subjects[*index as usize].wordings().min(ordering.wordings);
        let mean = list.iter().map(examples).sum::<usize>() as f64 / list.len().max(1) as f64;
        // A subject with fewer wordings makes fewer examples.
        let scale = if mean > 0.0 { ordering.wordings as f64 / mean } else { 1.0 };
        let weight = (scale * weight(*stratum, ordering)).max(f64::MIN_POSITIVE);
        all.extend(list.iter().enumerate().map(|(i, index)| ((i as f64 + 0.5) / weight, *stratum, *index)));
    }
    // Within a stratum places rise, and a stable sort keeps equal ones in their order.
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all.into_iter().map(|(_, _, index)| index).collect()
}

/// Shares of the examples, in parts of a hundred where all strata have enough.
fn weight(stratum: Stratum, ordering: Ordering<'_>) -> f64 {
    match stratum {
        Stratum::Direct => 65.0,
        Stratum::Derived(Shape::Boolean) => 7.0,
        Stratum::Derived(Shape::Reverse | Shape::Everything) => 5.0,
        Stratum::Derived(Shape::Comparison | Shape::TwoHop) => 4.0,
        Stratum::Derived(_) => 2.0,
        Stratum::Unanswerable => 100.0 * ordering.unanswerable,
        Stratum::LowInformation => 100.0 * ordering.low_information,
    }
}

/// The subjects of one source, by attribute.
struct Queue<'a> {
    hash: u64,
    name: &'a str,
    /// Attributes in the order that the source's hash gives them, each with its subjects.
    attributes: VecDeque<Waiting>,
    left: usize,
}

struct Waiting {
    attribute: u32,
    subjects: VecDeque<u32>,
}

fn stratified(subjects: &[Subject], list: &[u32], ordering: Ordering<'_>) -> Vec<u32> {
    let (mut queues, attributes) = queues(subjects, list, ordering);
    queues.sort_by(|a, b| (a.hash, a.name).cmp(&(b.hash, b.name)));
    let mut given = vec![0usize; attributes];
    let mut order = Vec::with_capacity(list.len());
    while !queues.is_empty() {
        for queue in &mut queues {
            if let Some(index) = queue.next(&mut given, order.len()) {
                order.push(index);
            }
        }
        queues.retain(|queue| queue.left > 0);
    }
    order
}

impl Queue<'_> {
    fn next(&mut self, given: &mut [usize], so_far: usize) -> Option<u32> {
        let at = self.attribute_to_give(given, so_far)?;
        let mut waiting = self.attributes.remove(at)?;
        let index = waiting.subjects.pop_front()?;
        given[waiting.attribute as usize] += 1;
        self.left -= 1;
        if !waiting.subjects.is_empty() {
            // The other attributes come first in the source's next rounds.
            self.attributes.push_back(waiting);
        }
        Some(index)
    }

    fn attribute_to_give(&self, given: &[usize], so_far: usize) -> Option<usize> {
        if self.attributes.len() > MANY_ATTRIBUTES {
            return Some(0);
        }
        let count = |waiting: &Waiting| given[waiting.attribute as usize];
        let least = self.attributes.iter().map(count).min()?;
        let mean = so_far / given.len().max(1);
        let slack = if mean < 2 { 0 } else { 1 + mean.isqrt() };
        self.attributes.iter().position(|waiting| count(waiting) <= least + slack)
    }
}

/// Of what all kinds are taught equally often: the attribute; without an answer, false premises and refusals.
fn balanced(item: &Item) -> &str {
    match item.shape {
        Shape::Unanswerable if item.facts.is_empty() => "refusal",
        Shape::Unanswerable => "premise",
        _ => &item.attribute,
    }
}

/// The queue of each source, and how many attributes there are.
fn queues<'a>(subjects: &[Subject], list: &[u32], ordering: Ordering<'a>) -> (Vec<Queue<'a>>, usize) {
    let mut attributes: BTreeMap<&str, u32> = BTreeMap::new();
    let mut of_sources: BTreeMap<u32, BTreeMap<u32, Vec<u32>>> = BTreeMap::new();
    for index in list {
        let item = &ordering.items[subjects[*index as usize].item as usize];
        let next = attributes.len() as u32;
        let attribute = *attributes.entry(balanced(item)).or_insert(next);
        let source = ordering.sources.of_name(&item.source).unwrap_or_default();
        of_sources.entry(source).or_default().entry(attribute).or_default().push(*index);
    }
    let names: BTreeMap<u32, &str> = attributes.iter().map(|(name, attribute)| (*attribute, *name)).collect();
    let mut queues = Vec::with_capacity(of_sources.len());
    for (source, of_attributes) in of_sources {
        let name = ordering.sources.names[source as usize];
        let left = of_attributes.values().map(Vec::len).sum();
        let mut lists: Vec<(u64, &str, Waiting)> = Vec::with_capacity(of_attributes.len());
        for (attribute, mut indices) in of_attributes {
            indices.sort_by_cached_key(|i| (hash(ordering.seed, &[subjects[*i as usize].id.hex().as_bytes()]), *i));
            let called = names[&attribute];
            let number = hash(ordering.seed, &[b"attribute", name.as_bytes(), called.as_bytes()]);
            lists.push((number, called, Waiting { attribute, subjects: indices.into() }));
        }
        lists.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
        let attributes = lists.into_iter().map(|(_, _, waiting)| waiting).collect();
        queues.push(Queue { hash: hash(ordering.seed, &[b"source", name.as_bytes()]), name, attributes, left });
    }
    (queues, names.len())
}
