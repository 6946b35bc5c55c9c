//! What a model computes, block by block, and the tensors that it has. Forward and backward, the estimates of memory and
//! cost, tensor names, shape checks and the targets of an adapter all read this description.
//!
//! To add a family of known parts, add its row to `family`. To add a new part, describe it here, name its tensors in
//! `family` ([`Site`], [`Norm`]), and compute it in `model::forward` and `model::backward`.

use super::{Activation, LinearId, ModelConfig, Norm, RopeScaling, Site};

/// A decoder. All widths in elements.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    pub vocab: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Positions that it can take.
    pub context: usize,
    /// The head is the embedding.
    pub tied: bool,
    /// Epsilon of every RMS norm.
    pub norm_eps: f32,
    pub rope: RopeSpec,
    /// From the lowest to the highest.
    pub blocks: Vec<BlockSpec>,
    pub final_norm: NormSpec,
}

/// Rotary positions, the same in every block.
#[derive(Clone, Debug, PartialEq)]
pub struct RopeSpec {
    pub head_dim: usize,
    pub theta: f32,
    /// Divisors of the frequencies, `head_dim / 2` of them.
    pub factors: Option<Vec<f32>>,
    /// A scaling besides.
    pub scaling: Option<RopeScaling>,
}

/// One decoder block.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockSpec {
    /// Width of its input and output.
    pub hidden: usize,
    pub attention: AttentionSpec,
    pub feed_forward: FeedForwardSpec,
    /// Each norm says by its name where it stands.
    pub norms: Vec<NormSpec>,
    /// In the order of [`Site`].
    pub linears: Vec<LinearSpec>,
}

/// Causal attention whose `heads` query heads share `kv_heads` heads of keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionSpec {
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
}

/// A gated feed-forward: down(activation(gate(x)) ∘ up(x)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedForwardSpec {
    pub activation: Activation,
    /// Rows of gate and up.
    pub width: usize,
}

/// An RMS norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NormSpec {
    pub norm: Norm,
    pub width: usize,
}

/// A linear layer of a block, which an adapter may target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearSpec {
    pub site: Site,
    /// Width of its output.
    pub rows: usize,
    /// Width of its input.
    pub cols: usize,
    pub bias: bool,
    /// A GGUF holds the rows of each of so many heads permuted.
    pub permuted_heads: Option<usize>,
}

impl ModelSpec {
    /// A linear layer, if the model has it.
    pub fn linear(&self, id: LinearId) -> Option<&LinearSpec> {
        self.blocks.get(id.layer)?.linear(id.site)
    }

    /// Every linear layer of the blocks, in order.
    pub fn linears(&self) -> impl Iterator<Item = (LinearId, &LinearSpec)> {
        let blocks = self.blocks.iter().enumerate();
        blocks.flat_map(|(layer, b)| b.linears.iter().map(move |l| (LinearId { layer, site: l.site }, l)))
    }

    /// Values that a cache of keys and values holds of one token.
    pub fn cache_width(&self) -> usize {
        self.blocks.iter().map(|b| 2 * b.attention.kv_width()).sum()
    }

    /// The place of a linear layer among all of them.
    pub fn number(&self, id: LinearId) -> Option<usize> {
        let below: usize = self.blocks.iter().take(id.layer).map(|b| b.linears.len()).sum();
        let own = self.blocks.get(id.layer)?.linears.iter().position(|l| l.site == id.site)?;
        Some(below + own)
    }
}

impl RopeSpec {
    /// θ^(−2i/d), divided by the factors and the scaling: the angle that each pair turns per position, in radians.
    pub fn frequencies(&self) -> Vec<f32> {
        let d = self.head_dim as f64;
        let scaling = self.scaling.map(|s| s.divisors(self.head_dim, self.theta));
        let at = |list: &Option<Vec<f32>>, i: usize| {
            f64::from(list.as_ref().and_then(|list| list.get(i)).copied().unwrap_or(1.0))
        };
        let one = |i: usize| {
            let divisor = at(&self.factors, i) * at(&scaling, i);
            (f64::from(self.theta).powf(-2.0 * i as f64 / d) / divisor) as f32
        };
        (0..self.head_dim / 2).map(one).collect()
    }

    /// Factor of the cosines and sines.
    pub fn attention_factor(&self) -> f32 {
        self.scaling.map_or(1.0, RopeScaling::attention_factor)
    }
}

impl BlockSpec {
    pub fn linear(&self, site: Site) -> Option<&LinearSpec> {
        self.linears.iter().find(|l| l.site == site)
    }

    pub fn has_norm(&self, norm: Norm) -> bool {
        self.norms.iter().any(|n| n.norm == norm)
    }
}

impl AttentionSpec {
    /// Width of a row of queries.
    pub fn q_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of a row of keys, and of one of values.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }
}

impl LinearSpec {
    /// Elements of the weight.
    pub fn elements(&self) -> usize {
        self.rows * self.cols
    }
}

impl ModelConfig {
    /// The model of this configuration.
    pub fn spec(&self) -> ModelSpec {
        ModelSpec {
            vocab: self.vocab,
            hidden: self.hidden,
            context: self.context,
            tied: self.tied,
            norm_eps: self.rms_eps,
            rope: self.rope(),
            blocks: vec![self.block(); self.layers],
            final_norm: NormSpec { norm: Norm::Output, width: self.hidden },
        }
    }

    fn rope(&self) -> RopeSpec {
        let (factors, scaling) = (self.rope_factors.clone(), self.rope_scaling);
        RopeSpec { head_dim: self.head_dim, theta: self.rope_theta, factors, scaling }
    }

    fn block(&self) -> BlockSpec {
        let (hidden, head_dim) = (self.hidden, self.head_dim);
        let attention = AttentionSpec { heads: self.heads, kv_heads: self.kv_heads, head_dim };
        let feed_forward = FeedForwardSpec { activation: self.family.activation, width: self.ff };
        let norm = |norm, width| NormSpec { norm, width };
        let mut norms = vec![norm(Norm::Attn, hidden), norm(Norm::Ffn, hidden)];
        if self.family.qk_norm {
            norms.extend([norm(Norm::Q, head_dim), norm(Norm::K, head_dim)]);
        }
        let (q, ff) = (attention.q_width(), feed_forward.width);
        let linear = |site, rows, cols| LinearSpec { site, rows, cols, bias: false, permuted_heads: None };
        let input = |site, heads: usize, rotated: bool| LinearSpec {
            bias: self.family.qkv_bias,
            permuted_heads: (rotated && self.family.permuted_qk).then_some(heads),
            ..linear(site, heads * head_dim, hidden)
        };
        let linears = vec![
            input(Site::Q, self.heads, true),
            input(Site::K, self.kv_heads, true),
            input(Site::V, self.kv_heads, false),
            linear(Site::O, hidden, q),
            linear(Site::Gate, ff, hidden),
            linear(Site::Up, ff, hidden),
            linear(Site::Down, hidden, ff),
        ];
        BlockSpec { hidden, attention, feed_forward, norms, linears }
    }
}
