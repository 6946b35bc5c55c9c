//! One decoder block forwards; what the backward needs of it.

use crate::model::ModelError;
use crate::model::decoder::{Decoder, Lora};
use crate::model::packed::{Packed, Read};
use crate::ops::{Heads, Linear, Ops, Qkv, Rotation, Segment};
use crate::weights::{LinearId, Site};

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

/// Values of a block that its backward reads. Norms' outputs and the gated product are made again there.
#[derive(Debug)]
pub(super) struct Saved<O: Ops> {
    pub middle: O::Buf,
    /// q and k before their norms, where the family has these.
    pub raw: Option<(O::Buf, O::Buf)>,
    pub q: O::Buf,
    pub k: O::Buf,
    pub v: O::Buf,
    pub attended: O::Buf,
    pub lse: O::Buf,
    pub gate: O::Buf,
    pub up: O::Buf,
    pub down: Downs<O>,
}

/// (mask∘x)·Aᵀ of each adapted linear, in the order of `Site::ALL`.
pub(super) type Downs<O> = [Option<<O as Ops>::Buf>; 7];

impl<O: Ops> Decoder<O> {
    pub(super) fn heads(&self) -> Heads {
        let c = self.config();
        Heads { heads: c.heads, kv_heads: c.kv_heads, head_dim: c.head_dim }
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
        let mut ys = sites.map(|site| {
            let (out, inn) = self.config().shape(site);
            self.ops().buf(self.ops().len(x) / inn * out)
        });
        for (site, down) in sites.into_iter().zip(self.ops().linears(&mut ys, x, &linears)) {
            downs[site as usize] = down;
        }
        ys
    }

    pub(super) fn norm(&self, x: &O::Buf, w: &O::Buf) -> O::Buf {
        let mut y = self.ops().buf(self.ops().len(x));
        self.ops().rms_norm(&mut y, x, w, self.config().rms_eps);
        y
    }

    /// The rows' embeddings.
    pub(super) fn embed(&self, ids: &[u32]) -> O::Buf {
        let mut x = self.ops().buf(ids.len() * self.config().hidden);
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
        let mut picked = self.ops().buf(rows.len() * self.config().hidden);
        self.ops().gather(&mut picked, x, rows, self.config().hidden);
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
        let mut down: Downs<O> = std::array::from_fn(|_| None);
        let read = self.read_at(layer, pass);
        let (rotation, segments) = read.map_or((pass.rotation, pass.segments), |r| (&r.rotation, &r.segments));
        let n = self.norm(x, &self.layer(layer).attn_norm);
        let (mut q, mut k, v) = match self.picked(&n, read) {
            None => self.linears(layer, [Site::Q, Site::K, Site::V], &n, pass.lora, &mut down).into(),
            Some(picked) => {
                let [q] = self.linears(layer, [Site::Q], &picked, pass.lora, &mut down);
                let [k, v] = self.linears(layer, [Site::K, Site::V], &n, pass.lora, &mut down);
                (q, k, v)
            }
        };
        drop(n);
        let raw = self.layer(layer).qk_norm.as_ref().map(|(wq, wk)| {
            let (nq, nk) = (self.norm(&q, wq), self.norm(&k, wk));
            (std::mem::replace(&mut q, nq), std::mem::replace(&mut k, nk))
        });
        ops.rope(&mut q, rotation, false);
        ops.rope(&mut k, pass.rotation, false);
        let mut attended = ops.buf(ops.len(&q));
        let lse = match cache {
            None => ops.attention(&mut attended, Qkv { q: &q, k: &k, v: &v }, self.heads(), segments),
            Some(cache) => {
                let width = self.config().kv_heads * self.config().head_dim;
                ops.scatter(&mut cache.keys[layer], &k, &cache.rows, width);
                ops.scatter(&mut cache.values[layer], &v, &cache.rows, width);
                let qkv = Qkv { q: &q, k: &cache.keys[layer], v: &cache.values[layer] };
                ops.attention(&mut attended, qkv, self.heads(), segments)
            }
        };
        let [mut middle] = self.linears(layer, [Site::O], &attended, pass.lora, &mut down);
        ops.add(&mut middle, self.picked(x, read).as_ref().unwrap_or(x));
        let n = self.norm(&middle, &self.layer(layer).ffn_norm);
        let [gate, up] = self.linears(layer, [Site::Gate, Site::Up], &n, pass.lora, &mut down);
        drop(n);
        let mut h = ops.buf(ops.len(&gate));
        ops.swiglu(&mut h, &gate, &up);
        let [mut out] = self.linears(layer, [Site::Down], &h, pass.lora, &mut down);
        ops.add(&mut out, &middle);
        (out, Saved { middle, raw, q, k, v, attended, lse, gate, up, down })
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
