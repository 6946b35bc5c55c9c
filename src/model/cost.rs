//! What a step will take, counted and not computed.

use crate::model::decoder::Decoder;
use crate::model::packed::Packed;
use crate::model::{ModelError, Sequence};
use crate::ops::{Ops, Segment};
use crate::weights::Site;

/// Of some sequences, computed together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Multiplications, to compare one step with another: products with weights and attention, forwards and backwards.
    pub products: f64,
    /// Of these, what the base says of sequences that it teaches: once, if it is kept.
    pub teacher: f64,
    /// Bytes to keep of that.
    pub to_keep: u64,
    /// Rows of the largest pass.
    pub rows: usize,
    /// Its bytes, where all layers' inner values are kept for the backward.
    pub kept: u64,
    /// And where they are computed again.
    pub least: u64,
}

impl Cost {
    /// The cost of both, one after the other.
    pub fn add(&mut self, other: &Self) {
        self.products += other.products;
        self.teacher += other.teacher;
        self.to_keep += other.to_keep;
        self.rows = self.rows.max(other.rows);
        self.kept = self.kept.max(other.kept);
        self.least = self.least.max(other.least);
    }

    /// Whether the largest pass fits into so many bytes.
    pub fn fits(&self, available: Option<u64>) -> bool {
        available.is_none_or(|bytes| self.least <= bytes)
    }

    /// What it takes there, and whether layers are computed again for that.
    pub fn bytes(&self, available: Option<u64>) -> (u64, bool) {
        let held = available.map_or(self.kept, |bytes| self.kept.min(bytes.max(self.least)));
        (held, held < self.kept)
    }
}

impl<O: Ops> Decoder<O> {
    /// Cost of these sequences, which share their beginnings unless `share` is false; with `back`, of a step's gradients.
    pub(super) fn cost(&self, sequences: &[Sequence<'_>], share: bool, back: bool) -> Result<Cost, ModelError> {
        let mut cost = Cost::default();
        for packed in self.passes(sequences, share, back)? {
            cost.add(&self.cost_of(&packed, back));
        }
        Ok(cost)
    }

    pub(super) fn cost_of(&self, packed: &Packed, back: bool) -> Cost {
        let c = self.config();
        let head = (c.vocab * c.hidden) as f64;
        let (supervised, distilled) = (packed.supervised.rows.len() as f64, packed.distilled.rows.len() as f64);
        // The gradient of the input takes as much as the output; attention's, two and a half times as much.
        let (linear, attention, asked) = if back { (2.0, 3.5, 2.0) } else { (1.0, 1.0, 1.0) };
        let mut products = linear * self.linear_products(packed) + attention * self.attention_products(packed);
        products += head * (asked * supervised + (asked + 1.0) * distilled);
        let teacher = packed.teacher.iter().map(|t| self.linear_products(t) + self.attention_products(t)).sum::<f64>();
        products += teacher;
        let to_keep = 4 * packed.distilled.rows.len() as u64 * c.hidden as u64;
        let forwards = |p: &Packed| (4 * p.ids.len() * (c.hidden + self.kept_width())) as u64;
        let rows = packed.ids.len();
        let (least, layer) = if back { self.held(packed) } else { (forwards(packed), 0) };
        // Meanwhile the base teaches, a sequence at a time.
        let least = least + packed.teacher.iter().map(forwards).max().unwrap_or(0);
        let kept = least + self.layer_count() as u64 * layer;
        Cost { products, teacher, to_keep, rows, kept, least }
    }

    /// Forwards, the last layer only where it is read.
    fn linear_products(&self, packed: &Packed) -> f64 {
        let of =
            |sites: &[Site]| sites.iter().map(|s| self.config().shape(*s)).map(|(o, i)| o * i).sum::<usize>() as f64;
        let rows = packed.ids.len() as f64;
        let read = packed.read.as_ref().map_or(rows, |r| r.rows.len() as f64);
        let (all, seen) = (of(&Site::ALL), of(&[Site::K, Site::V]));
        (self.layer_count() - 1) as f64 * rows * all + rows * seen + read * (all - seen)
    }

    /// Queries with keys and weights with values, as causal attention needs them.
    fn attention_products(&self, packed: &Packed) -> f64 {
        let pairs = |s: &Segment| {
            let before: usize = s.before.iter().map(std::ops::Range::len).sum();
            s.offsets.iter().map(|own| before + own + 1).sum::<usize>() as f64
        };
        let c = self.config();
        let pairs: f64 = packed.segments.iter().map(pairs).sum();
        2.0 * (self.layer_count() * c.heads * c.head_dim) as f64 * pairs
    }
}
