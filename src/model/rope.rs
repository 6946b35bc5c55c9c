//! The rotary angles of rows.

use crate::ops::{Rotation, RowOrder};
use crate::weights::Weights;

/// What the angles of a position are computed from.
#[derive(Debug)]
pub(super) struct Rope {
    /// Radians per position, `head_dim / 2` of them.
    frequencies: Vec<f32>,
    /// Of queries and of keys, so that attention scores have its square.
    factor: f64,
    order: RowOrder,
    head_dim: usize,
}

impl Rope {
    pub(super) fn new(weights: &Weights) -> Self {
        let rope = &weights.spec().rope;
        // Queries and keys lie as the rows of their weights do.
        let permuted = weights.spec().linears().find(|(_, linear)| linear.permuted_heads.is_some());
        let order = permuted.map_or(RowOrder::Hf, |(id, _)| weights.linear(id).row_order);
        let factor = f64::from(rope.attention_factor());
        Self { frequencies: rope.frequencies(), factor, order, head_dim: rope.head_dim }
    }

    /// The rotary angles of rows at these positions.
    pub(super) fn rotation(&self, positions: impl Iterator<Item = usize>) -> Rotation {
        let (mut cos, mut sin) = (Vec::new(), Vec::new());
        for position in positions {
            for frequency in &self.frequencies {
                let angle = f64::from(position as f32 * frequency);
                cos.push((angle.cos() * self.factor) as f32);
                sin.push((angle.sin() * self.factor) as f32);
            }
        }
        Rotation { cos, sin, order: self.order, head_dim: self.head_dim }
    }
}
