//! What a step will take, counted and not computed: functions of the model's description, the adapter's ranks and the rows.

use crate::lora::Ranks;
use crate::model::decoder::Decoder;
use crate::model::forward::{OF_ALL_ROWS, SavedWidth};
use crate::model::head::logits_bytes;
use crate::model::packed::Packed;
use crate::model::{ModelError, Sequence};
use crate::ops::{Ops, Segment};
use crate::weights::ModelSpec;

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
    /// Layers whose inner values the backward needs: those from the lowest that the adapter reaches.
    pub layers: usize,
    /// Bytes of the inner values of the layer that has the most.
    pub layer: u64,
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
        self.layers = self.layers.max(other.layers);
        self.layer = self.layer.max(other.layer);
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
    /// Cost of these sequences with an adapter of these ranks; they share their beginnings unless `share` is false. With
    /// `back`, of a step's gradients.
    pub(super) fn cost(
        &self,
        ranks: &Ranks,
        sequences: &[Sequence<'_>],
        share: bool,
        back: bool,
    ) -> Result<Cost, ModelError> {
        let mut cost = Cost::default();
        for packed in self.passes(sequences, share, back)? {
            cost.add(&cost_of(self.spec(), ranks, &packed, back));
        }
        Ok(cost)
    }
}

/// Cost of one pass.
pub(super) fn cost_of(spec: &ModelSpec, ranks: &Ranks, packed: &Packed, back: bool) -> Cost {
    let head = (spec.vocab * spec.hidden) as f64;
    let (supervised, distilled) = (packed.supervised.rows.len() as f64, packed.distilled.rows.len() as f64);
    // The gradient of the input takes as much as the output; attention's, two and a half times as much.
    let (linear, attention, asked) = if back { (2.0, 3.5, 2.0) } else { (1.0, 1.0, 1.0) };
    let mut products = linear * linear_products(spec, packed) + attention * attention_products(spec, packed);
    products += head * (asked * supervised + (asked + 1.0) * distilled);
    let teacher = packed.teacher.iter().map(|t| linear_products(spec, t) + attention_products(spec, t)).sum::<f64>();
    products += teacher;
    let to_keep = 4 * packed.distilled.rows.len() as u64 * spec.hidden as u64;
    let held = if back { Held::backwards(spec, ranks, packed) } else { Held::forwards(spec, ranks, packed) };
    // Meanwhile the base teaches, a sequence at a time.
    let base = Ranks::new();
    let teaching = packed.teacher.iter().map(|t| Held::forwards(spec, &base, t).least).max().unwrap_or(0);
    let least = held.least + teaching;
    let (rows, kept) = (packed.ids.len(), least + held.layers.iter().sum::<u64>());
    let (layers, layer) = (held.layers.len(), held.layers.iter().copied().max().unwrap_or(0));
    Cost { products, teacher, to_keep, rows, kept, least, layers, layer }
}

/// Bytes of values that a pass holds.
struct Held {
    /// At least.
    least: u64,
    /// Beside that, of each layer whose inner values may be kept.
    layers: Vec<u64>,
}

impl Held {
    /// Forwards, nothing kept: a block's input, its inner values, its gated product and its output.
    fn forwards(spec: &ModelSpec, ranks: &Ranks, packed: &Packed) -> Self {
        let of = |layer: usize| {
            let block = &spec.blocks[layer];
            let (rows, read) = (packed.ids.len(), rows_read(spec, packed, layer));
            let passing = rows * block.hidden + read * (block.feed_forward.width + block.hidden);
            4 * passing as u64 + saved_bytes(spec, ranks, packed, layer)
        };
        Self { least: (0..spec.blocks.len()).map(of).max().unwrap_or(0), layers: Vec::new() }
    }

    /// Forwards and backwards: each layer's input, what one layer's backward takes, and the logits.
    fn backwards(spec: &ModelSpec, ranks: &Ranks, packed: &Packed) -> Self {
        let lowest = ranks.keys().next().map_or(spec.blocks.len(), |id| id.layer);
        let reached = lowest..spec.blocks.len();
        let inputs = 4 * (packed.ids.len() * spec.hidden * reached.len()) as u64;
        let layers: Vec<u64> = reached.map(|layer| saved_bytes(spec, ranks, packed, layer)).collect();
        // One layer's inner values, computed again, and gradients, which take less than twice as much.
        let backward = 3 * layers.iter().copied().max().unwrap_or(0);
        // The gradients of keys and values that each of several segments adds to.
        let seen: usize = packed.segments.iter().map(Segment::shared).sum();
        let shares = spec.blocks.iter().map(|b| 8 * (seen * b.attention.kv_width()) as u64).max().unwrap_or(0);
        Self { least: inputs + backward + logits_bytes(spec, packed) + shares, layers }
    }
}

/// Bytes of one layer's inner values.
fn saved_bytes(spec: &ModelSpec, ranks: &Ranks, packed: &Packed, layer: usize) -> u64 {
    let width = SavedWidth::of(&spec.blocks[layer], layer, ranks);
    4 * width.floats(packed.ids.len(), rows_read(spec, packed, layer)) as u64
}

/// Rows at which a layer is read: the last one only where somebody reads it.
fn rows_read(spec: &ModelSpec, packed: &Packed, layer: usize) -> usize {
    let last = layer + 1 == spec.blocks.len();
    packed.read.as_ref().filter(|_| last).map_or(packed.ids.len(), |read| read.rows.len())
}

/// Forwards, the last layer only where it is read.
fn linear_products(spec: &ModelSpec, packed: &Packed) -> f64 {
    let products = spec.linears().map(|(id, linear)| {
        let all = OF_ALL_ROWS.contains(&id.site);
        let rows = if all { packed.ids.len() } else { rows_read(spec, packed, id.layer) };
        (rows * linear.elements()) as f64
    });
    products.sum()
}

/// Queries with keys and weights with values, as causal attention needs them.
fn attention_products(spec: &ModelSpec, packed: &Packed) -> f64 {
    let pairs = |s: &Segment| s.offsets.iter().map(|own| s.shared() + own + 1).sum::<usize>() as f64;
    let pairs: f64 = packed.segments.iter().map(pairs).sum();
    2.0 * spec.blocks.iter().map(|b| b.attention.q_width()).sum::<usize>() as f64 * pairs
}
