//! The trait behind which every arithmetic lives: each operation a forward and, beside it, its backward.

use std::ops::Range;

use crate::ops::{OpsError, RowOrder, WeightRef};

/// How precisely the products with the base's weights are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, strum::Display, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Compute {
    /// To f32's precision.
    #[default]
    F32,
    /// Both operands rounded to bf16, the nearest; sums in f32.
    Bf16,
    /// Both operands in blocks of 64 along the depth, each block's values rounded to whole multiples of a 127th of its
    /// largest magnitude; sums of blocks in f32.
    Int8,
}

impl Compute {
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }
}

/// A weight made resident, the bytes it came from, and how it is multiplied with.
#[derive(Debug)]
pub struct Matrix<'a, W> {
    pub resident: &'a W,
    pub source: WeightRef<'a>,
    pub compute: Compute,
}

impl<W> Clone for Matrix<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<W> Copy for Matrix<'_, W> {}

/// LoRA dropout at one linear: element `i` of its input is zeroed where uniform(key, i) < p, else scaled by 1/(1−p).
#[derive(Clone, Copy, Debug)]
pub struct Mask {
    pub p: f64,
    pub key: u64,
}

/// The low-rank term of a linear: y += scale · (mask∘x)·Aᵀ·Bᵀ. A is `rank × in`, B `out × rank`.
#[derive(Clone, Copy, Debug)]
pub struct LowRank<'a> {
    pub a: &'a [f32],
    pub b: &'a [f32],
    pub rank: usize,
    pub scale: f32,
    pub mask: Option<Mask>,
}

/// One of several linears that read the same rows: y = x·Wᵀ (+ bias) (+ its low-rank term).
#[derive(Debug)]
pub struct Linear<'a, B, W> {
    pub w: Matrix<'a, W>,
    pub bias: Option<&'a B>,
    pub pair: Option<LowRank<'a>>,
}

/// Where the gradients of a low-rank term are added.
#[derive(Debug)]
pub struct LowRankGrad<'a> {
    pub a: &'a mut [f32],
    pub b: &'a mut [f32],
}

/// What one linear's backward starts from.
#[derive(Debug)]
pub struct LinearGrad<'a, B> {
    pub dy: &'a B,
    /// What [`Ops::linears`] returned.
    pub down: Option<&'a B>,
    pub grad: Option<LowRankGrad<'a>>,
}

/// The gradient of a linear's input, to be added to or set.
#[derive(Debug)]
pub struct InputGrad<'a, B> {
    pub to: &'a mut B,
    /// Set instead of added.
    pub set: bool,
}

/// Heads of an attention: `heads` of q share `kv_heads` of k and v.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
}

/// Queries that stand together, and the keys that they see. Its own keys lie from `own` on: query `i` sees them up to
/// `own + offsets[i]`, itself. Keys of `before` all its queries see: a prefix it shares with others, or a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Row of q of the first query.
    pub query: usize,
    /// Row of k and v of the first key of its own.
    pub own: usize,
    /// Rising.
    pub offsets: Vec<usize>,
    /// Rows of k and v.
    pub before: Vec<Range<usize>>,
}

impl Segment {
    /// A sequence alone: rows `first..first + n` of q, k and v.
    pub fn alone(first: usize, n: usize) -> Self {
        Self { query: first, own: first, offsets: (0..n).collect(), before: Vec::new() }
    }

    pub fn queries(&self) -> usize {
        self.offsets.len()
    }

    /// Keys that all its queries see.
    pub fn shared(&self) -> usize {
        self.before.iter().map(Range::len).sum()
    }

    /// Rows of k and v that its last query sees, in order; neighbours are joined.
    pub fn ranges(&self) -> Vec<Range<usize>> {
        let own = self.own..self.own + self.offsets.last().map_or(0, |last| last + 1);
        let mut out: Vec<Range<usize>> = Vec::with_capacity(self.before.len() + 1);
        for range in self.before.iter().cloned().chain([own]).filter(|r| !r.is_empty()) {
            match out.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => out.push(range),
            }
        }
        out
    }
}

/// Queries, keys and values of an attention.
#[derive(Debug)]
pub struct Qkv<'a, B: ?Sized> {
    pub q: &'a B,
    pub k: &'a B,
    pub v: &'a B,
}

impl<B: ?Sized> Clone for Qkv<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<B: ?Sized> Copy for Qkv<'_, B> {}

/// Where the gradients of queries, keys and values are set.
#[derive(Debug)]
pub struct QkvGrad<'a, B: ?Sized> {
    pub dq: &'a mut B,
    pub dk: &'a mut B,
    pub dv: &'a mut B,
}

/// What the backward of attention needs of its forward.
#[derive(Debug)]
pub struct Attended<'a, B: ?Sized> {
    pub q: &'a B,
    pub k: &'a B,
    pub v: &'a B,
    pub out: &'a B,
    pub lse: &'a B,
}

impl<B: ?Sized> Clone for Attended<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<B: ?Sized> Copy for Attended<'_, B> {}

/// Cosines and sines of every row's rotary angles, `rows × head_dim/2` each.
#[derive(Clone, Debug)]
pub struct Rotation {
    pub cos: Vec<f32>,
    pub sin: Vec<f32>,
    pub order: RowOrder,
    pub head_dim: usize,
}

/// What a row of logits says of its target.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RowLoss {
    /// −log p(target), smoothed or not, or KL(teacher ‖ model); nats.
    pub nll: f64,
    /// Of the predicted distribution, nats.
    pub entropy: f64,
    /// The lowest id of the largest logit.
    pub argmax: u32,
}

/// Arithmetic on buffers of f32. Rows of a buffer are tokens; sizes follow from the arguments and are asserted: a wrong
/// one is a fault of the caller's code, not of the user's input.
pub trait Ops: std::fmt::Debug + Send + Sync {
    /// f32 values where the arithmetic happens.
    type Buf: Send + Sync + std::fmt::Debug;
    /// A resident weight.
    type Weight: Send + Sync + std::fmt::Debug;

    /// What failed since this was last asked: the device, or a request for memory. What was computed after it is worthless,
    /// so whoever computes asks before the result is used, and lets go of the buffers; one thread at a time.
    fn fault(&self) -> Option<OpsError>;

    /// A buffer of unspecified contents.
    fn buf(&self, len: usize) -> Self::Buf;
    fn zeros(&self, len: usize) -> Self::Buf;
    fn upload(&self, values: &[f32]) -> Self::Buf;
    fn download(&self, buf: &Self::Buf) -> Vec<f32>;
    fn len(&self, buf: &Self::Buf) -> usize;
    /// Checks a weight, and makes of it what is held beside its bytes.
    ///
    /// # Errors
    /// Columns that are no whole blocks; bytes that don't fit the shape.
    fn prepare(&self, weight: WeightRef<'_>) -> Result<Self::Weight, OpsError>;

    /// y = x·Wᵀ (+ bias). With few rows of x a row's result does not depend on the others.
    fn linear(&self, y: &mut Self::Buf, x: &Self::Buf, w: Matrix<'_, Self::Weight>, bias: Option<&Self::Buf>);
    /// dx (+)= dy·W: added unless `set`.
    fn linear_back(&self, dx: &mut Self::Buf, dy: &Self::Buf, w: Matrix<'_, Self::Weight>, set: bool);

    /// y += scale·(mask∘x)·Aᵀ·Bᵀ; returns (mask∘x)·Aᵀ, `rows × rank`, for the backward.
    fn low_rank(&self, y: &mut Self::Buf, x: &Self::Buf, pair: LowRank<'_>) -> Self::Buf;
    /// Adds the gradients of A and B; with `dx`, adds the input's. `down` is what [`Ops::low_rank`] returned.
    fn low_rank_back(
        &self,
        dx: Option<&mut Self::Buf>,
        grad: LowRankGrad<'_>,
        dy: &Self::Buf,
        x: &Self::Buf,
        down: &Self::Buf,
        pair: LowRank<'_>,
    );

    /// Linears that read the same rows: sets each y; returns each term's (mask∘x)·Aᵀ for the backward.
    fn linears(
        &self,
        ys: &mut [Self::Buf],
        x: &Self::Buf,
        linears: &[Linear<'_, Self::Buf, Self::Weight>],
    ) -> Vec<Option<Self::Buf>> {
        each_linear(self, ys, x, linears)
    }
    /// Adds the gradients of each term; with `dx`, the gradient of all inputs.
    fn linears_back(
        &self,
        dx: Option<InputGrad<'_, Self::Buf>>,
        x: &Self::Buf,
        linears: &[Linear<'_, Self::Buf, Self::Weight>],
        grads: Vec<LinearGrad<'_, Self::Buf>>,
    ) {
        each_linear_back(self, dx, x, linears, grads);
    }

    /// y = x / rms(x) · w over rows of `w`'s length.
    fn rms_norm(&self, y: &mut Self::Buf, x: &Self::Buf, w: &Self::Buf, eps: f32);
    /// dx (+)= the gradient through the norm (`w` is frozen): added unless `set`.
    fn rms_norm_back(&self, dx: &mut Self::Buf, dy: &Self::Buf, x: &Self::Buf, w: &Self::Buf, eps: f32, set: bool);

    /// Rotates every head of every row in place; `back` turns the other way, which is the gradient.
    fn rope(&self, x: &mut Self::Buf, rotation: &Rotation, back: bool);

    /// Causal attention of each segment; returns the rows' log-sum-exp, `rows × heads`.
    fn attention(&self, out: &mut Self::Buf, qkv: Qkv<'_, Self::Buf>, heads: Heads, segments: &[Segment]) -> Self::Buf;
    /// Sets dq, dk, dv. Segments are disjoint in queries and in their own keys; keys before them they may share.
    fn attention_back(
        &self,
        grad: QkvGrad<'_, Self::Buf>,
        dout: &Self::Buf,
        saved: Attended<'_, Self::Buf>,
        heads: Heads,
        segments: &[Segment],
    );

    /// h = silu(gate)·up.
    fn swiglu(&self, h: &mut Self::Buf, gate: &Self::Buf, up: &Self::Buf);
    /// dgate, dup from dh.
    fn swiglu_back(&self, dgate: &mut Self::Buf, dup: &mut Self::Buf, dh: &Self::Buf, gate: &Self::Buf, up: &Self::Buf);

    /// y += x.
    fn add(&self, y: &mut Self::Buf, x: &Self::Buf);
    /// Rows of the table at `ids`. (The embedding is frozen: no backward.)
    fn embed(&self, out: &mut Self::Buf, ids: &[u32], table: WeightRef<'_>);
    /// out[i] = x[rows[i]], rows of `width`.
    fn gather(&self, out: &mut Self::Buf, x: &Self::Buf, rows: &[usize], width: usize);
    /// x[rows[i]] += from[i]: the gradient of [`Ops::gather`].
    fn scatter_add(&self, x: &mut Self::Buf, from: &Self::Buf, rows: &[usize], width: usize);
    /// to[rows[i]] = from[i], rows of `width`: a cache's growth.
    fn scatter(&self, to: &mut Self::Buf, from: &Self::Buf, rows: &[usize], width: usize);

    /// Loss of every row of logits; with `weight`, the logits become weight·d nll/d logits. `smoothing` is PyTorch's
    /// `label_smoothing`: nll = (1 − smoothing)·(−log p(target)) + smoothing·mean(−log p).
    fn cross_entropy(
        &self,
        logits: &mut Self::Buf,
        targets: &[u32],
        weight: Option<f32>,
        smoothing: f32,
    ) -> Vec<RowLoss>;
    /// Divergence KL(teacher ‖ model) of every row, in the place of `nll`, from the logits of both (rows of `width`); the
    /// teacher's become probabilities. With `weight`, the logits become weight·d KL/d logits.
    fn distil(
        &self,
        logits: &mut Self::Buf,
        teacher: &mut Self::Buf,
        width: usize,
        weight: Option<f32>,
    ) -> Vec<RowLoss>;
    /// Logits become log-probabilities, rows of `width`.
    fn log_softmax(&self, logits: &mut Self::Buf, width: usize);
}

/// [`Ops::linears`], one after the other.
pub(in crate::ops) fn each_linear<O: Ops + ?Sized>(
    ops: &O,
    ys: &mut [O::Buf],
    x: &O::Buf,
    linears: &[Linear<'_, O::Buf, O::Weight>],
) -> Vec<Option<O::Buf>> {
    let one = |(y, l): (&mut O::Buf, &Linear<'_, O::Buf, O::Weight>)| {
        ops.linear(y, x, l.w, l.bias);
        l.pair.map(|pair| ops.low_rank(y, x, pair))
    };
    ys.iter_mut().zip(linears).map(one).collect()
}

/// [`Ops::linears_back`], one after the other.
pub(in crate::ops) fn each_linear_back<O: Ops + ?Sized>(
    ops: &O,
    mut dx: Option<InputGrad<'_, O::Buf>>,
    x: &O::Buf,
    linears: &[Linear<'_, O::Buf, O::Weight>],
    grads: Vec<LinearGrad<'_, O::Buf>>,
) {
    for (l, back) in linears.iter().zip(grads) {
        if let Some(dx) = &mut dx {
            ops.linear_back(dx.to, back.dy, l.w, std::mem::take(&mut dx.set));
        }
        if let (Some(pair), Some(down), Some(grad)) = (l.pair, back.down, back.grad) {
            ops.low_rank_back(dx.as_mut().map(|dx| &mut *dx.to), grad, back.dy, x, down, pair);
        }
    }
}
