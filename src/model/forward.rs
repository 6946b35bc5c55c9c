//! One decoder block forwards; what the backward needs of it.

use std::collections::BTreeMap;

use crate::lora::Ranks;
use crate::model::ModelError;
use crate::model::decoder::{Decoder, Lora};
use crate::model::packed::{Packed, Read};
use crate::ops::{Heads, Linear, Ops, Qkv, Rotation, Segment};
use crate::weights::{Activation, BlockSpec, LinearId, Norm, Site};

/// Keys and values of earlier positions, a buffer a layer; each sequence has its own stretch of rows.
#[derive(Debug)]
pub(super) struct Cache<O: Ops> {
    pub keys: Vec<O::Buf>,
    pub values: Vec<O::Buf>,
    /// The rows that a pass's new keys and values take.
    pub rows: Vec<usize>,
}

/// What one pass shares among its layers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass<'a> {
    pub rotation: &'a Rotation,
    pub segments: &'a [Segment],
    /// Where the last layer is read; everywhere if None.
    pub read: Option<&'a Read>,
    pub lora: Lora<'a>,
}

impl<'a> Pass<'a> {
    pub(super) fn of(packed: &'a Packed, lora: Lora<'a>) -> Self {
        Self { rotation: &packed.rotation, segments: &packed.segments, read: packed.read.as_ref(), lora }
    }
}

/// Values of a block that its backward reads; their widths are in [`SavedWidth::of`]. Norms' outputs and the gated product are
/// made again there.
#[derive(Debug)]
pub(super) struct Saved<O: Ops> {
    pub middle: O::Buf,
    /// q before its norm, where the block has that.
    pub raw_q: Option<O::Buf>,
    /// k before its norm, where the block has that.
    pub raw_k: Option<O::Buf>,
    pub q: O::Buf,
    pub k: O::Buf,
    pub v: O::Buf,
    pub attended: O::Buf,
    pub lse: O::Buf,
    pub gate: O::Buf,
    pub up: O::Buf,
    pub down: Downs<O>,
}

/// (mask∘x)·Aᵀ of each adapted linear.
pub(super) type Downs<O> = BTreeMap<Site, <O as Ops>::Buf>;

/// Linears that the last layer, too, computes for every row: there the others have the rows alone at which it is read.
pub(super) const OF_ALL_ROWS: [Site; 2] = [Site::K, Site::V];

/// Floats that [`Saved`] holds per row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SavedWidth {
    /// Per row of the pass.
    pub all: usize,
    /// Per row at which the block is read.
    pub read: usize,
}

impl SavedWidth {
    /// Of a block and the adapter's ranks there.
    pub(super) fn of(block: &BlockSpec, layer: usize, ranks: &Ranks) -> Self {
        let (q, kv) = (block.attention.q_width(), block.attention.kv_width());
        let before = |norm, width| if block.has_norm(norm) { width } else { 0 };
        let (raw_q, raw_k) = (before(Norm::Q, q), before(Norm::K, kv));
        let (middle, attended, lse) = (block.hidden, q, block.attention.heads);
        let (gate, up) = (block.feed_forward.width, block.feed_forward.width);
        let (mut all, mut read) = (raw_k + kv + kv, middle + raw_q + q + attended + lse + gate + up);
        for linear in &block.linears {
            let down = ranks.get(&LinearId { layer, site: linear.site }).copied().unwrap_or(0);
            *if OF_ALL_ROWS.contains(&linear.site) { &mut all } else { &mut read } += down;
        }
        Self { all, read }
    }

    /// Floats of a pass of so many rows, the block read at so many of them.
    pub(super) fn floats(self, rows: usize, read: usize) -> usize {
        rows * self.all + read * self.read
    }
}

impl<O: Ops> Decoder<O> {
    pub(super) fn heads(&self, layer: usize) -> Heads {
        let a = self.spec().blocks[layer].attention;
        Heads { heads: a.heads, kv_heads: a.kv_heads, head_dim: a.head_dim }
    }

    /// A linear with its bias and low-rank term, as it is asked of `Ops`.
    pub(super) fn one<'a>(&'a self, layer: usize, site: Site, lora: Lora<'a>) -> Linear<'a, O::Buf, O::Weight> {
        let id = LinearId { layer, site };
        Linear { w: self.matrix(id, lora.compute), bias: self.bias(id), pair: self.low_rank(lora, id) }
    }

    /// Linears of a layer that read the same rows.
    fn linears<const N: usize>(
        &self,
        layer: usize,
        sites: [Site; N],
        x: &O::Buf,
        lora: Lora<'_>,
        downs: &mut Downs<O>,
    ) -> [O::Buf; N] {
        let linears = sites.map(|site| self.one(layer, site, lora));
        let mut ys: [O::Buf; N] = std::array::from_fn(|i| {
            let weight = linears[i].w.source;
            self.ops().buf(self.ops().len(x) / weight.cols * weight.rows)
        });
        let new = sites.into_iter().zip(self.ops().linears(&mut ys, x, &linears));
        downs.extend(new.filter_map(|(site, down)| Some((site, down?))));
        ys
    }

    pub(super) fn norm(&self, x: &O::Buf, w: &O::Buf) -> O::Buf {
        let mut y = self.ops().buf(self.ops().len(x));
        self.ops().rms_norm(&mut y, x, w, self.spec().norm_eps);
        y
    }

    /// Queries or keys after their norm, if the block has it, and before it.
    fn normed_heads(&self, layer: usize, norm: Norm, x: O::Buf) -> (O::Buf, Option<O::Buf>) {
        match self.optional_norm(layer, norm) {
            Some(w) => (self.norm(&x, w), Some(x)),
            None => (x, None),
        }
    }

    /// The feed-forward's product of its gate, activated, and up.
    pub(super) fn gated(&self, layer: usize, gate: &O::Buf, up: &O::Buf) -> O::Buf {
        let mut h = self.ops().buf(self.ops().len(gate));
        match self.spec().blocks[layer].feed_forward.activation {
            Activation::Silu => self.ops().swiglu(&mut h, gate, up),
        }
        h
    }

    /// The rows' embeddings.
    pub(super) fn embed(&self, ids: &[u32]) -> O::Buf {
        let mut x = self.ops().buf(ids.len() * self.spec().hidden);
        self.ops().embed(&mut x, ids, self.weights().embedding());
        x
    }

    /// The rows at which the block is read, where these are not all.
    pub(super) fn read_at<'a>(&self, layer: usize, pass: Pass<'a>) -> Option<&'a Read> {
        pass.read.filter(|_| layer + 1 == self.layer_count())
    }

    /// These rows of x; None where that is x itself.
    pub(super) fn picked(&self, x: &O::Buf, read: Option<&Read>) -> Option<O::Buf> {
        let rows = &read?.rows;
        let mut picked = self.ops().buf(rows.len() * self.spec().hidden);
        self.ops().gather(&mut picked, x, rows, self.spec().hidden);
        Some(picked)
    }

    /// One block: the new residual stream, and what the backward needs. With a cache, the new keys and values are put
    /// there first, and the segments see its rows.
    pub(super) fn block(
        &self,
        layer: usize,
        x: &O::Buf,
        pass: Pass<'_>,
        cache: Option<&mut Cache<O>>,
    ) -> (O::Buf, Saved<O>) {
        let ops = self.ops();
        let mut down = Downs::<O>::new();
        let read = self.read_at(layer, pass);
        let (rotation, segments) = read.map_or((pass.rotation, pass.segments), |r| (&r.rotation, &r.segments));
        let n = self.norm(x, self.norm_weight(layer, Norm::Attn));
        let (q, k, v) = match self.picked(&n, read) {
            None => self.linears(layer, [Site::Q, Site::K, Site::V], &n, pass.lora, &mut down).into(),
            Some(picked) => {
                let [q] = self.linears(layer, [Site::Q], &picked, pass.lora, &mut down);
                let [k, v] = self.linears(layer, OF_ALL_ROWS, &n, pass.lora, &mut down);
                (q, k, v)
            }
        };
        drop(n);
        let (mut q, raw_q) = self.normed_heads(layer, Norm::Q, q);
        let (mut k, raw_k) = self.normed_heads(layer, Norm::K, k);
        ops.rope(&mut q, rotation, false);
        ops.rope(&mut k, pass.rotation, false);
        let mut attended = ops.buf(ops.len(&q));
        let lse = match cache {
            None => ops.attention(&mut attended, Qkv { q: &q, k: &k, v: &v }, self.heads(layer), segments),
            Some(cache) => {
                let width = self.spec().blocks[layer].attention.kv_width();
                ops.scatter(&mut cache.keys[layer], &k, &cache.rows, width);
                ops.scatter(&mut cache.values[layer], &v, &cache.rows, width);
                let qkv = Qkv { q: &q, k: &cache.keys[layer], v: &cache.values[layer] };
                ops.attention(&mut attended, qkv, self.heads(layer), segments)
            }
        };
        let [mut middle] = self.linears(layer, [Site::O], &attended, pass.lora, &mut down);
        ops.add(&mut middle, self.picked(x, read).as_ref().unwrap_or(x));
        let n = self.norm(&middle, self.norm_weight(layer, Norm::Ffn));
        let [gate, up] = self.linears(layer, [Site::Gate, Site::Up], &n, pass.lora, &mut down);
        drop(n);
        let h = self.gated(layer, &gate, &up);
        let [mut out] = self.linears(layer, [Site::Down], &h, pass.lora, &mut down);
        ops.add(&mut out, &middle);
        (out, Saved { middle, raw_q, raw_k, q, k, v, attended, lse, gate, up, down })
    }

    /// The whole stack, nothing kept.
    pub(super) fn stack(
        &self,
        ids: &[u32],
        pass: Pass<'_>,
        mut cache: Option<&mut Cache<O>>,
    ) -> Result<O::Buf, ModelError> {
        let mut x = self.embed(ids);
        for layer in 0..self.layer_count() {
            self.still_wanted()?;
            x = self.block(layer, &x, pass, cache.as_deref_mut()).0;
        }
        Ok(x)
    }

    /// The whole stack with what the backward needs: the input of each layer from `lowest` on, and, of the last `keep`
    /// layers, their inner values.
    pub(super) fn stack_kept(
        &self,
        ids: &[u32],
        pass: Pass<'_>,
        lowest: usize,
        keep: usize,
    ) -> Result<(O::Buf, Vec<Kept<O>>), ModelError> {
        let mut x = self.embed(ids);
        let mut kept = Vec::new();
        for layer in 0..self.layer_count() {
            self.still_wanted()?;
            let (next, saved) = self.block(layer, &x, pass, None);
            let input = std::mem::replace(&mut x, next);
            if layer >= lowest {
                kept.push(Kept { input, saved: (layer.saturating_add(keep) >= self.layer_count()).then_some(saved) });
            }
        }
        Ok((x, kept))
    }

    /// A copy of the values kept, made again from the layer's input where they were not.
    pub(super) fn restored(&self, layer: usize, kept: Kept<O>, pass: Pass<'_>) -> (O::Buf, Saved<O>) {
        let saved = kept.saved.unwrap_or_else(|| self.block(layer, &kept.input, pass, None).1);
        (kept.input, saved)
    }
}

/// A layer's input and, unless memory is short, its inner values.
#[derive(Debug)]
pub(super) struct Kept<O: Ops> {
    pub input: O::Buf,
    pub saved: Option<Saved<O>>,
}
