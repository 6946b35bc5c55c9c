//! Causal attention with shared key/value heads. Scores live in blocks of 64 queries; the backward makes them again.

use std::cell::RefCell;

use crate::ops::cpu::Cpu;
use crate::ops::cpu::arena::Buf;
use crate::ops::cpu::matmul::{Store, View, ViewMut, matmul_here};
use crate::ops::cpu::simd::{exp, max, simd, sum};
use crate::ops::pool::Parts;
use crate::ops::{Attended, Heads, Ops, Segment};

/// Queries of a block.
const BLOCK: usize = 64;

thread_local! {
    static SCRATCH: RefCell<(Vec<f32>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

simd! {
    /// Scores of a row to probabilities; returns log Σ exp(scale·s).
    fn softmax(s: &mut [f32], visible: usize, scale: f32) -> f32 {
        let (seen, hidden) = s.split_at_mut(visible);
        hidden.fill(0.0);
        let m = max(seen) * scale;
        seen.iter_mut().for_each(|s| *s = exp(*s * scale - m));
        let total = sum(seen.len(), |i| seen[i]);
        let inverse = 1.0 / total;
        seen.iter_mut().for_each(|s| *s *= inverse);
        m + total.ln()
    }
}

simd! {
    /// A lone query's scores with every key, rows of `width`.
    fn scores(s: &mut [f32], q: &[f32], k: &[f32], width: usize) {
        for (s, k) in s.iter_mut().zip(k.chunks(width)) {
            let k = &k[..q.len()];
            *s = sum(q.len(), |i| q[i] * k[i]);
        }
    }
}

simd! {
    /// out = Σ p·v over rows of `width`.
    fn mix(out: &mut [f32], p: &[f32], v: &[f32], width: usize) {
        out.fill(0.0);
        for (p, v) in p.iter().zip(v.chunks(width)) {
            out.iter_mut().zip(v).for_each(|(out, v)| *out += p * v);
        }
    }
}

simd! {
    /// Scores to probabilities by the saved log-sum; then dp to ds = p·(dp − Σ dout·out)·scale.
    fn softmax_back(p: &mut [f32], dp: &mut [f32], visible: usize, scale: f32, lse: f32, inner: f32) {
        let n = p.len();
        let dp = &mut dp[..n];
        for i in 0..visible {
            p[i] = exp(p[i] * scale - lse);
            dp[i] = p[i] * (dp[i] - inner) * scale;
        }
        p[visible..].fill(0.0);
        dp[visible..].fill(0.0);
    }
}

simd! {
    fn dot(a: &[f32], b: &[f32]) -> f32 {
        let b = &b[..a.len()];
        sum(a.len(), |i| a[i] * b[i])
    }
}

/// A head's rows within a token-major buffer.
fn head<'a>(x: &'a [f32], first: usize, rows: usize, width: usize, head: usize, dim: usize) -> View<'a> {
    View::new(&x[(first * width + head * dim).min(x.len())..], rows, dim, width)
}

/// The blocks of a segment: (first query, queries, keys that its last query sees).
fn blocks(s: Segment) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..s.queries).step_by(BLOCK).map(move |first| {
        let n = BLOCK.min(s.queries - first);
        (first, n, s.keys - s.queries + first + n)
    })
}

impl Cpu {
    fn check(&self, q: &[f32], k: &[f32], heads: Heads, segments: &[Segment]) -> (usize, usize, f32) {
        let (wq, wk) = (heads.heads * heads.head_dim, heads.kv_heads * heads.head_dim);
        assert!(heads.heads.is_multiple_of(heads.kv_heads));
        for s in segments {
            assert!(s.queries <= s.keys && (s.query + s.queries) * wq <= q.len() && (s.key + s.keys) * wk <= k.len());
        }
        (wq, wk, 1.0 / (heads.head_dim as f32).sqrt())
    }

    /// Few scores are computed here and now; waking threads would take longer.
    fn over(&self, tasks: usize, segments: &[Segment], task: &(dyn Fn(usize) + Sync)) {
        let scores: usize = segments.iter().map(|s| s.queries * s.keys).sum();
        if scores < 256 { (0..tasks).for_each(task) } else { self.pool.run(tasks, task) }
    }

    pub(super) fn attend(
        &self,
        out: &mut [f32],
        (q, k, v): (&[f32], &[f32], &[f32]),
        heads: Heads,
        segments: &[Segment],
    ) -> Buf {
        let (wq, wk, scale) = self.check(q, k, heads, segments);
        assert!(out.len() == q.len() && v.len() == k.len());
        let (group, dim) = (heads.heads / heads.kv_heads, heads.head_dim);
        let mut lse = self.buf(q.len() / dim);
        let (out, lse_parts) = (Parts::new(out), Parts::new(&mut lse));
        self.over(segments.len() * heads.heads, segments, &|task| {
            let (s, h) = (segments[task / heads.heads], task % heads.heads);
            if s.queries == 1 {
                let (kv, keys) = (s.key * wk + h / group * dim, s.keys);
                return SCRATCH.with_borrow_mut(|(p, _)| {
                    p.resize(keys.max(p.len()), 0.0);
                    let p = &mut p[..keys];
                    scores(p, &q[s.query * wq + h * dim..][..dim], &k[kv..], wk);
                    // SAFETY: (row, head) belongs to this task.
                    let (lse, out) = unsafe {
                        (lse_parts.slice(s.query * heads.heads + h, 1), out.slice(s.query * wq + h * dim, dim))
                    };
                    lse[0] = softmax(p, keys, scale);
                    mix(out, p, &v[kv..], wk);
                });
            }
            SCRATCH.with_borrow_mut(|(p, o)| {
                for (first, n, keys) in blocks(s) {
                    p.resize((n * keys).max(p.len()), 0.0);
                    o.resize((n * dim).max(o.len()), 0.0);
                    let (p, o) = (&mut p[..n * keys], &mut o[..n * dim]);
                    let qs = head(q, s.query + first, n, wq, h, dim);
                    let (ks, vs) = (head(k, s.key, keys, wk, h / group, dim), head(v, s.key, keys, wk, h / group, dim));
                    matmul_here(self.route, ViewMut::packed(p, n, keys), qs, ks.t(), Store::Set);
                    for (i, row) in p.chunks_exact_mut(keys).enumerate() {
                        let log = softmax(row, keys - n + i + 1, scale);
                        // SAFETY: (row, head) belongs to this task.
                        unsafe { lse_parts.slice((s.query + first + i) * heads.heads + h, 1)[0] = log };
                    }
                    matmul_here(self.route, ViewMut::packed(o, n, dim), View::packed(p, n, keys), vs, Store::Set);
                    for (i, row) in o.chunks_exact(dim).enumerate() {
                        // SAFETY: as above.
                        unsafe { out.slice((s.query + first + i) * wq + h * dim, dim) }.copy_from_slice(row);
                    }
                }
            });
        });
        lse
    }

    pub(super) fn attend_back(
        &self,
        (dq, dk, dv): (&mut [f32], &mut [f32], &mut [f32]),
        dout: &[f32],
        saved: Attended<'_, Buf>,
        heads: Heads,
        segments: &[Segment],
    ) {
        let (q, k, out) = (saved.q, saved.k, saved.out);
        self.check(q, k, heads, segments);
        assert!(dq.len() == q.len() && dk.len() == k.len() && dv.len() == k.len());
        assert!(dout.len() == q.len() && out.len() == q.len());
        dk.fill(0.0);
        dv.fill(0.0);
        let (dq, dk, dv) = (Parts::new(dq), Parts::new(dk), Parts::new(dv));
        let group = heads.heads / heads.kv_heads;
        // A key/value head and its queries' heads make one task: nobody else adds to its dk and dv.
        self.over(segments.len() * heads.kv_heads, segments, &|task| {
            let (s, kv) = (segments[task / heads.kv_heads], task % heads.kv_heads);
            let mut acc = [self.zeros(s.keys * heads.head_dim), self.zeros(s.keys * heads.head_dim)];
            for h in kv * group..(kv + 1) * group {
                self.head_back(&dq, &mut acc, dout, saved, (heads, s, h));
            }
            let (wk, dim) = (heads.kv_heads * heads.head_dim, heads.head_dim);
            for (i, (dk_row, dv_row)) in acc[0].chunks_exact(dim).zip(acc[1].chunks_exact(dim)).enumerate() {
                let at = (s.key + i) * wk + kv * dim;
                // SAFETY: (key, kv head) belongs to this task.
                unsafe {
                    dk.slice(at, dim).copy_from_slice(dk_row);
                    dv.slice(at, dim).copy_from_slice(dv_row);
                }
            }
        });
    }

    /// One query head: sets its dq, adds to the segment's dk and dv.
    fn head_back(
        &self,
        dq: &Parts<f32>,
        [dk, dv]: &mut [Buf; 2],
        dout: &[f32],
        saved: Attended<'_, Buf>,
        (heads, s, h): (Heads, Segment, usize),
    ) {
        let (q, k, v, out, lse) = (&saved.q[..], &saved.k[..], &saved.v[..], &saved.out[..], &saved.lse[..]);
        let (dim, group) = (heads.head_dim, heads.heads / heads.kv_heads);
        let (wq, wk, scale) = (heads.heads * dim, heads.kv_heads * dim, 1.0 / (dim as f32).sqrt());
        let mm = |c: ViewMut<'_>, a: View<'_>, b: View<'_>, store| matmul_here(self.route, c, a, b, store);
        SCRATCH.with_borrow_mut(|(p, dp)| {
            for (first, n, keys) in blocks(s) {
                p.resize((n * keys).max(p.len()), 0.0);
                dp.resize((n * keys).max(dp.len()), 0.0);
                let (qs, douts) = (head(q, s.query + first, n, wq, h, dim), head(dout, s.query + first, n, wq, h, dim));
                let (ks, vs) = (head(k, s.key, keys, wk, h / group, dim), head(v, s.key, keys, wk, h / group, dim));
                mm(ViewMut::packed(p, n, keys), qs, ks.t(), Store::Set);
                mm(ViewMut::packed(dp, n, keys), douts, vs.t(), Store::Set);
                for i in 0..n {
                    let (row, at) = (s.query + first + i, (s.query + first + i) * wq + h * dim);
                    let inner = dot(&dout[at..at + dim], &out[at..at + dim]);
                    let (p, dp) = (&mut p[i * keys..(i + 1) * keys], &mut dp[i * keys..(i + 1) * keys]);
                    softmax_back(p, dp, keys - n + i + 1, scale, lse[row * heads.heads + h], inner);
                }
                mm(ViewMut::packed(dv, keys, dim), View::packed(p, n, keys).t(), douts, Store::Add);
                mm(ViewMut::packed(dk, keys, dim), View::packed(dp, n, keys).t(), qs, Store::Add);
                let mut rows = self.buf(n * dim);
                mm(ViewMut::packed(&mut rows, n, dim), View::packed(dp, n, keys), ks, Store::Set);
                for (i, row) in rows.chunks_exact(dim).enumerate() {
                    // SAFETY: (row, head) belongs to this task.
                    unsafe { dq.slice((s.query + first + i) * wq + h * dim, dim) }.copy_from_slice(row);
                }
            }
        });
    }
}
