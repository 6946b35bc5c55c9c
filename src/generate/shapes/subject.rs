//! What an item is about, before it is worded.

use crate::generate::Shape;
use crate::generate::templates::Frame;
use crate::store::Digest;

/// What is asked beside the facts themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing.
    Facts,
    /// Whether this value of this fact is the first fact's.
    Truth { fact: usize, value: usize, right: bool },
    /// Who has this value of the first fact.
    Holders { value: usize },
    /// Which of the two facts comes first: the first of them, or the second.
    Order { frame: Frame, second: bool },
}

/// What can be taught.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Subject {
    pub(super) id: Digest,
    /// Of the id; what is drawn for the item depends on it.
    pub(super) key: Key,
    pub(super) shape: Shape,
    /// Indices of facts; the first is the one that is asked about.
    pub(super) facts: Box<[usize]>,
    pub(super) asked: Asked,
}

/// BLAKE3 of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key([u8; 32]);

impl Key {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// A number that depends on the seed, the identity and the purpose alone.
    pub(super) fn draw(&self, seed: u64, purpose: &str) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes()).update(&self.0).update(purpose.as_bytes());
        hasher.finalize().as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// As [`Self::draw`], below `n`; 0 where `n` is 0.
    pub(super) fn below(&self, n: usize, seed: u64, purpose: &str) -> usize {
        let n = u64::try_from(n).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.draw(seed, purpose) % n).unwrap_or(0)
    }
}

impl Subject {
    /// `keys`: of every fact, by its index. The id is of the shape, the facts in their order, and what is asked of them. Ids are
    /// stored in files: what they are made of does not change with the names in this program.
    pub(super) fn new(keys: &[Key], shape: Shape, facts: Vec<usize>, asked: Asked) -> Self {
        const FORMAT: u8 = 1;
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(name_in_id(shape).as_bytes());
        let mut push = |fact: usize| bytes.extend_from_slice(keys.get(fact).map_or(&[], |key| key.0.as_slice()));
        facts.iter().for_each(|fact| push(*fact));
        match asked {
            Asked::Facts => {}
            Asked::Truth { fact, value, right } => {
                push(fact);
                bytes.extend_from_slice(format!("truth {value} {right}").as_bytes());
            }
            Asked::Holders { value } => bytes.extend_from_slice(format!("value {value}").as_bytes()),
            Asked::Order { frame, .. } => bytes.extend_from_slice(format!("order {}", order_in_id(frame)).as_bytes()),
        }
        let (id, key) = (Digest::of_bytes(&bytes), Key::new(&bytes));
        Self { id, key, shape, facts: facts.into_boxed_slice(), asked }
    }
}

/// A shape in ids.
fn name_in_id(shape: Shape) -> &'static str {
    match shape {
        Shape::Value => "Value",
        Shape::List => "List",
        Shape::Boolean => "Boolean",
        Shape::Reverse => "Reverse",
        Shape::Count => "Count",
        Shape::Comparison => "Comparison",
        Shape::TwoHop => "TwoHop",
        Shape::Everything => "Everything",
        Shape::Unanswerable => "Unanswerable",
        Shape::Correction => "Correction",
        Shape::OpenBook => "OpenBook",
    }
}

/// The frame of a comparison in ids; no other asks for an order.
fn order_in_id(frame: Frame) -> &'static str {
    match frame {
        Frame::Highest => "Highest",
        Frame::Lowest => "Lowest",
        Frame::Earliest => "Earliest",
        Frame::Latest => "Latest",
        frame => frame.name(),
    }
}
