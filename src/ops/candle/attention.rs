//! Causal attention of segments, a strip of queries at a time, so that no tokens × tokens matrix stands in memory.

use std::ops::Range;

use candle_core::{D, Result, Tensor};

use super::{Buf, Tensors};
use crate::ops::{Attended, Heads, Ops, Qkv, QkvGrad, Segment};

/// Queries whose scores are held at once.
const STRIP: usize = 256;

/// What is added to a score that is not to be seen: e to it is 0, and nothing becomes infinite (Metal computes as if nothing
/// were).
const HIDDEN: f32 = -1e30;

/// Some queries of a segment, one after the other, and the rows of the keys that the last of them sees.
struct Strip {
    queries: Range<usize>,
    keys: Vec<usize>,
    /// How many of its keys each query sees.
    seen: Vec<usize>,
}

fn strips(segments: &[Segment]) -> Vec<Strip> {
    let mut out = Vec::new();
    for s in segments {
        for (i, offsets) in s.offsets.chunks(STRIP).enumerate() {
            let first = s.query + i * STRIP;
            let part = Segment { offsets: offsets.to_vec(), ..s.clone() };
            out.push(Strip {
                queries: first..first + offsets.len(),
                keys: part.ranges().into_iter().flatten().collect(),
                seen: offsets.iter().map(|own| s.shared() + own + 1).collect(),
            });
        }
    }
    out.sort_by_key(|s| s.queries.start);
    out
}

/// Queries, or what has their shape: (kv heads, queries of its group × group, head_dim).
fn grouped(all: &Tensor, queries: &Range<usize>, h: Heads) -> Result<Tensor> {
    let (n, group) = (queries.len(), h.heads / h.kv_heads);
    let of = all.narrow(0, queries.start, n)?.reshape((n, h.kv_heads, group, h.head_dim))?;
    of.permute((1, 2, 0, 3))?.contiguous()?.reshape((h.kv_heads, group * n, h.head_dim))
}

/// Back to rows: queries × (heads × width).
fn rows(grouped: &Tensor, n: usize, h: Heads, width: usize) -> Result<Tensor> {
    let of = grouped.reshape((h.kv_heads, h.heads / h.kv_heads, n, width))?;
    of.permute((2, 0, 1, 3))?.contiguous()?.reshape((n, h.heads * width))
}

/// The strips' rows as one, zeros where no strip is.
fn joined(parts: Vec<(Range<usize>, Tensor)>, rows: usize) -> Result<Tensor> {
    let Some((_, first)) = parts.first() else { candle_core::bail!("no strip of queries") };
    let (width, kind, device) = (first.dim(1)?, first.dtype(), first.device().clone());
    let gap = |n| Tensor::zeros((n, width), kind, &device);
    let (mut all, mut at) = (Vec::new(), 0);
    for (queries, part) in parts {
        if queries.start > at {
            all.push(gap(queries.start - at)?);
        }
        at = queries.end;
        all.push(part);
    }
    if rows > at {
        all.push(gap(rows - at)?);
    }
    Tensor::cat(&all, 0)
}

impl Tensors {
    /// Keys or values of these rows: (kv heads, keys, head_dim).
    fn keys(&self, all: &Tensor, rows: &Tensor, h: Heads) -> Result<Tensor> {
        let of = all.index_select(rows, 0)?.reshape((rows.elem_count(), h.kv_heads, h.head_dim))?;
        of.transpose(0, 1)?.contiguous()
    }

    /// q·kᵀ/√d without what is not seen: (kv heads, group × queries, keys).
    fn scores(&self, q: &Tensor, k: &Tensor, strip: &Strip, h: Heads) -> Result<Tensor> {
        let (n, m, group) = (strip.seen.len(), strip.keys.len(), h.heads / h.kv_heads);
        let all = (q.matmul(&k.transpose(1, 2)?)? * (1.0 / (h.head_dim as f64).sqrt()))?;
        if strip.seen.iter().all(|&seen| seen == m) {
            return Ok(all);
        }
        let hidden = |seen: &usize| {
            let seen = *seen;
            (0..m).map(move |key| if key < seen { 0.0 } else { HIDDEN })
        };
        let mask = self.host(&strip.seen.iter().flat_map(hidden).collect::<Vec<f32>>(), (1, 1, n, m))?;
        all.reshape((h.kv_heads, group, n, m))?.broadcast_add(&mask)?.reshape((h.kv_heads, group * n, m))
    }

    /// (out, log-sum-exp) of a strip, as rows.
    fn strip(&self, qkv: Qkv<'_, Tensor>, strip: &Strip, h: Heads) -> Result<(Tensor, Tensor)> {
        let Qkv { q, k, v } = qkv;
        let at = self.indices(strip.keys.iter().copied())?;
        let s = self.scores(&grouped(q, &strip.queries, h)?, &self.keys(k, &at, h)?, strip, h)?;
        let largest = s.max_keepdim(D::Minus1)?;
        let p = s.broadcast_sub(&largest)?.exp()?;
        let sum = p.sum_keepdim(D::Minus1)?;
        let out = p.matmul(&self.keys(v, &at, h)?)?.broadcast_div(&sum)?;
        let n = strip.queries.len();
        Ok((rows(&out, n, h, h.head_dim)?, rows(&(largest + sum.log()?)?, n, h, 1)?))
    }

    pub(super) fn attend(&self, out: &mut Buf, qkv: Qkv<'_, Buf>, h: Heads, segments: &[Segment]) -> Buf {
        let Qkv { q, k, v } = qkv;
        let n = out.len / (h.heads * h.head_dim);
        let (mut outs, mut sums) = (Vec::new(), Vec::new());
        let mut each = || {
            let width = h.kv_heads * h.head_dim;
            let q = self.get(q, (n, h.heads * h.head_dim))?;
            let (k, v) = (self.get(k, (k.len / width, width))?, self.get(v, (v.len / width, width))?);
            for strip in strips(segments) {
                let (out, lse) = self.strip(Qkv { q: &q, k: &k, v: &v }, &strip, h)?;
                outs.push((strip.queries.clone(), out));
                sums.push((strip.queries, lse));
            }
            Ok(())
        };
        let all = each();
        if let Err(e) = &all {
            self.failed(e);
            return self.buf(n * h.heads);
        }
        self.set(out, || joined(outs, n));
        self.made(n * h.heads, || joined(sums, n))
    }

    /// With P the weights: dV = Pᵀ·dO, dS = P∘(dO·Vᵀ − rowsum(dO∘O)), dQ = dS·K/√d, dK = dSᵀ·Q/√d.
    pub(super) fn attend_back(
        &self,
        grad: QkvGrad<'_, Buf>,
        dout: &Buf,
        saved: Attended<'_, Buf>,
        h: Heads,
        segments: &[Segment],
    ) {
        let QkvGrad { dq, dk, dv } = grad;
        let (n, width, scale) = (dq.len / (h.heads * h.head_dim), h.kv_heads * h.head_dim, (h.head_dim as f64).sqrt());
        let each = || {
            let of = |b: &Buf| self.get(b, (n, b.len / n));
            let (q, out, dout, lse) = (of(saved.q)?, of(saved.out)?, of(dout)?, of(saved.lse)?);
            let keys = |b: &Buf| self.get(b, (b.len / width, width));
            let (k, v) = (keys(saved.k)?, keys(saved.v)?);
            let one = Heads { head_dim: 1, ..h };
            let (mut dqs, mut dk, mut dv) = (Vec::new(), k.zeros_like()?, v.zeros_like()?);
            for strip in strips(segments) {
                let at = self.indices(strip.keys.iter().copied())?;
                let (qs, ks, vs) = (grouped(&q, &strip.queries, h)?, self.keys(&k, &at, h)?, self.keys(&v, &at, h)?);
                let (douts, outs) = (grouped(&dout, &strip.queries, h)?, grouped(&out, &strip.queries, h)?);
                let lse = grouped(&lse, &strip.queries, one)?;
                let p = self.scores(&qs, &ks, &strip, h)?.broadcast_sub(&lse)?.exp()?;
                let inner = (&douts * &outs)?.sum_keepdim(D::Minus1)?;
                let ds = (&p * douts.matmul(&vs.transpose(1, 2)?)?.broadcast_sub(&inner)?)?;
                let ds = (ds / scale)?;
                let back = |of: &Tensor| of.transpose(0, 1)?.contiguous()?.reshape((strip.keys.len(), width));
                dv = dv.index_add(&at, &back(&p.transpose(1, 2)?.matmul(&douts)?)?, 0)?;
                dk = dk.index_add(&at, &back(&ds.transpose(1, 2)?.matmul(&qs)?)?, 0)?;
                dqs.push((strip.queries.clone(), rows(&ds.matmul(&ks)?, strip.queries.len(), h, h.head_dim)?));
            }
            Ok((joined(dqs, n)?, dk, dv))
        };
        match each() {
            Ok(made) => {
                self.set(dq, || Ok(made.0));
                self.set(dk, || Ok(made.1));
                self.set(dv, || Ok(made.2));
            }
            Err(e) => self.failed(&e),
        }
    }
}
