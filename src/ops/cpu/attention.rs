//! Causal attention with shared key/value heads: scores live in blocks of some queries, all heads of a group beside each
//! other, so that each block is one product with the group's keys. The backward makes the scores again.

use std::cell::RefCell;
use std::ops::Range;

use crate::ops::cpu::Cpu;
use crate::ops::cpu::arena::Buf;
use crate::ops::cpu::matmul::{Store, View, ViewMut, matmul_here};
use crate::ops::cpu::simd::{exp, max, simd, sum};
use crate::ops::pool::Parts;
use crate::ops::{Attended, Heads, Ops, Segment};

/// Rows of scores of a block, about: queries × heads of a group.
const BLOCK: usize = 96;

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

simd! {
    fn add(y: &mut [f32], x: &[f32]) {
        y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
    }
}

/// A thread's buffers, kept from call to call.
#[derive(Default)]
struct Scratch {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    p: Vec<f32>,
    dp: Vec<f32>,
    out: Vec<f32>,
    dout: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

fn grown(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}

/// What all tasks of a call share.
#[derive(Clone, Copy)]
struct Shape {
    heads: Heads,
    group: usize,
    /// Of a row of q, and of k or v.
    wide: (usize, usize),
    scale: f32,
}

impl Shape {
    fn new(q: &[f32], k: &[f32], heads: Heads, segments: &[Segment]) -> Self {
        let wide = (heads.heads * heads.head_dim, heads.kv_heads * heads.head_dim);
        assert!(heads.heads.is_multiple_of(heads.kv_heads));
        for s in segments {
            assert!((s.query + s.queries()) * wide.0 <= q.len() && s.offsets.is_sorted());
            assert!(s.ranges().iter().all(|r| r.end * wide.1 <= k.len()));
        }
        Self { heads, group: heads.heads / heads.kv_heads, wide, scale: 1.0 / (heads.head_dim as f32).sqrt() }
    }

    /// Queries of a block.
    fn block(&self) -> usize {
        (BLOCK / self.group).max(8)
    }

    /// The group's heads of these rows of q, `[head][row]`.
    fn stacked<'s>(&self, to: &'s mut Vec<f32>, q: &[f32], first: usize, n: usize, kv: usize) -> &'s [f32] {
        let dim = self.heads.head_dim;
        let to = grown(to, self.group * n * dim);
        for (i, to) in to.chunks_exact_mut(dim).enumerate() {
            let (g, row) = (i / n, first + i % n);
            to.copy_from_slice(&q[row * self.wide.0 + (kv * self.group + g) * dim..][..dim]);
        }
        to
    }

    /// Where row `i` of [`Shape::stacked`] lies in q.
    fn place(&self, i: usize, first: usize, n: usize, kv: usize) -> (usize, usize) {
        let (g, row) = (i / n, first + i % n);
        (row, kv * self.group + g)
    }

    /// One head's keys or values of some rows: in their place where they stand together, else copied.
    fn keys<'s>(&self, to: &'s mut Vec<f32>, k: &'s [f32], ranges: &[Range<usize>], kv: usize) -> View<'s> {
        let (dim, wide) = (self.heads.head_dim, self.wide.1);
        if let [one] = ranges {
            return View::new(&k[one.start * wide + kv * dim..], one.len(), dim, wide);
        }
        let rows = ranges.iter().map(Range::len).sum();
        let to = grown(to, rows * dim);
        for (to, row) in to.chunks_exact_mut(dim).zip(ranges.iter().cloned().flatten()) {
            to.copy_from_slice(&k[row * wide + kv * dim..][..dim]);
        }
        View::packed(to, rows, dim)
    }
}

/// The first `n` rows of joined ranges.
fn first_rows(ranges: &[Range<usize>], mut n: usize) -> Vec<Range<usize>> {
    let mut out = Vec::with_capacity(ranges.len());
    for r in ranges {
        let part = r.start..r.start + r.len().min(n);
        n -= part.len();
        if !part.is_empty() {
            out.push(part);
        }
    }
    out
}

impl Cpu {
    /// Few scores are computed here and now; waking threads would take longer.
    fn over(&self, tasks: usize, segments: &[Segment], task: &(dyn Fn(usize) + Sync)) {
        let scores: usize = segments.iter().map(|s| s.queries() * (s.shared() + s.queries())).sum();
        if scores < 256 { (0..tasks).for_each(task) } else { self.pool.run(tasks, task) }
    }

    pub(super) fn attend(
        &self,
        out: &mut [f32],
        (q, k, v): (&[f32], &[f32], &[f32]),
        heads: Heads,
        segments: &[Segment],
    ) -> Buf {
        let shape = Shape::new(q, k, heads, segments);
        assert!(out.len() == q.len() && v.len() == k.len());
        let (block, dim) = (shape.block(), heads.head_dim);
        let mut lse = self.buf(q.len() / dim);
        let (out, lse_parts) = (Parts::new(out), Parts::new(&mut lse));
        let cut = |s: usize| (0..segments[s].queries()).step_by(block).map(move |first| (s, first));
        let blocks: Vec<(usize, usize)> = (0..segments.len()).flat_map(cut).collect();
        self.over(blocks.len() * heads.kv_heads, segments, &|task| {
            let ((s, from), kv) = (blocks[task / heads.kv_heads], task % heads.kv_heads);
            let s = &segments[s];
            if let ([_], [seen]) = (&s.offsets[..], &s.ranges()[..]) {
                let at = seen.start * shape.wide.1 + kv * dim;
                let (k, v, wk) = (&k[at..], &v[at..], shape.wide.1);
                return SCRATCH.with_borrow_mut(|scratch| {
                    let p = grown(&mut scratch.p, seen.len());
                    for head in kv * shape.group..(kv + 1) * shape.group {
                        scores(p, &q[s.query * shape.wide.0 + head * dim..][..dim], k, wk);
                        // SAFETY: (row, head) belongs to this task.
                        let (lse, out) = unsafe {
                            let at = s.query * heads.heads + head;
                            (lse_parts.slice(at, 1), out.slice(at * dim, dim))
                        };
                        lse[0] = softmax(p, p.len(), shape.scale);
                        mix(out, p, v, wk);
                    }
                });
            }
            let n = block.min(s.queries() - from);
            let (first, shared, offsets) = (s.query + from, s.shared(), &s.offsets[from..from + n]);
            let keys = shared + offsets[n - 1] + 1;
            SCRATCH.with_borrow_mut(|scratch| {
                let Scratch { q: qs, k: ks, v: vs, p, out: o, .. } = scratch;
                let (p, o, rows) = (grown(p, shape.group * n * keys), grown(o, shape.group * n * dim), shape.group * n);
                let seen = first_rows(&s.ranges(), keys);
                let qs = View::packed(shape.stacked(qs, q, first, n, kv), rows, dim);
                let (ks, vs) = (shape.keys(ks, k, &seen, kv), shape.keys(vs, v, &seen, kv));
                matmul_here(self.route, ViewMut::packed(p, rows, keys), qs, ks.t(), Store::Set);
                for (i, p) in p.chunks_exact_mut(keys).enumerate() {
                    let log = softmax(p, shared + offsets[i % n] + 1, shape.scale);
                    let (row, head) = shape.place(i, first, n, kv);
                    // SAFETY: (row, head) belongs to this task.
                    unsafe { lse_parts.slice(row * heads.heads + head, 1)[0] = log };
                }
                matmul_here(self.route, ViewMut::packed(o, rows, dim), View::packed(p, rows, keys), vs, Store::Set);
                for (i, o) in o.chunks_exact(dim).enumerate() {
                    let (row, head) = shape.place(i, first, n, kv);
                    // SAFETY: as above.
                    unsafe { out.slice(row * shape.wide.0 + head * dim, dim) }.copy_from_slice(o);
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
        let shape = Shape::new(q, k, heads, segments);
        assert!(dq.len() == q.len() && dk.len() == k.len() && dv.len() == k.len());
        assert!(dout.len() == q.len() && out.len() == q.len());
        let dim = heads.head_dim;
        // Each segment's share of dk and dv, `[kv head][keys][2·dim]`; several may see the same keys.
        let mut at = Vec::with_capacity(segments.len());
        let mut len = 0;
        for s in segments {
            at.push(len);
            len += heads.kv_heads * s.ranges().iter().map(Range::len).sum::<usize>() * 2 * dim;
        }
        let mut shares = self.zeros(len);
        let (dq, parts) = (Parts::new(dq), Parts::new(&mut shares));
        self.over(segments.len() * heads.kv_heads, segments, &|task| {
            let (s, kv) = (task / heads.kv_heads, task % heads.kv_heads);
            let ranges = segments[s].ranges();
            let share = ranges.iter().map(Range::len).sum::<usize>() * 2 * dim;
            // SAFETY: (segment, kv head) belongs to this task.
            let share = unsafe { parts.slice(at[s] + kv * share, share) };
            let (dk, dv) = share.split_at_mut(share.len() / 2);
            self.group_back(&dq, (dk, dv), dout, saved, (shape, &segments[s], &ranges, kv));
        });
        self.gather_shares((dk, dv), &shares, &at, shape, segments);
    }

    /// One segment's queries of one key/value head: sets their dq, adds to the segment's share of dk and dv.
    fn group_back(
        &self,
        dq: &Parts<f32>,
        (dk, dv): (&mut [f32], &mut [f32]),
        dout: &[f32],
        saved: Attended<'_, Buf>,
        (shape, s, ranges, kv): (Shape, &Segment, &[Range<usize>], usize),
    ) {
        let (dim, block, shared) = (shape.heads.head_dim, shape.block(), s.shared());
        let mm = |c: ViewMut<'_>, a: View<'_>, b: View<'_>, store| matmul_here(self.route, c, a, b, store);
        SCRATCH.with_borrow_mut(|scratch| {
            for from in (0..s.queries()).step_by(block) {
                let n = block.min(s.queries() - from);
                let (first, offsets, rows) = (s.query + from, &s.offsets[from..from + n], shape.group * n);
                let keys = shared + offsets[n - 1] + 1;
                let seen = first_rows(ranges, keys);
                let Scratch { q, k, v, p, dp, out, dout: d } = &mut *scratch;
                let (p, dp) = (grown(p, rows * keys), grown(dp, rows * keys));
                let qs = View::packed(shape.stacked(q, saved.q, first, n, kv), rows, dim);
                let d = shape.stacked(d, dout, first, n, kv);
                let (ks, vs) = (shape.keys(k, saved.k, &seen, kv), shape.keys(v, saved.v, &seen, kv));
                mm(ViewMut::packed(p, rows, keys), qs, ks.t(), Store::Set);
                mm(ViewMut::packed(dp, rows, keys), View::packed(d, rows, dim), vs.t(), Store::Set);
                for (i, (p, dp)) in p.chunks_exact_mut(keys).zip(dp.chunks_exact_mut(keys)).enumerate() {
                    let (row, head) = shape.place(i, first, n, kv);
                    let inner = dot(&d[i * dim..][..dim], &saved.out[row * shape.wide.0 + head * dim..][..dim]);
                    let lse = saved.lse[row * shape.heads.heads + head];
                    softmax_back(p, dp, shared + offsets[i % n] + 1, shape.scale, lse, inner);
                }
                let (p, dp) = (View::packed(p, rows, keys), View::packed(dp, rows, keys));
                mm(ViewMut::packed(&mut dv[..keys * dim], keys, dim), p.t(), View::packed(d, rows, dim), Store::Add);
                mm(ViewMut::packed(&mut dk[..keys * dim], keys, dim), dp.t(), qs, Store::Add);
                let out = grown(out, rows * dim);
                mm(ViewMut::packed(out, rows, dim), dp, ks, Store::Set);
                for (i, o) in out.chunks_exact(dim).enumerate() {
                    let (row, head) = shape.place(i, first, n, kv);
                    // SAFETY: (row, head) belongs to this task.
                    unsafe { dq.slice(row * shape.wide.0 + head * dim, dim) }.copy_from_slice(o);
                }
            }
        });
    }

    /// Sums the segments' shares, in the segments' order.
    fn gather_shares(
        &self,
        (dk, dv): (&mut [f32], &mut [f32]),
        shares: &[f32],
        at: &[usize],
        shape: Shape,
        segments: &[Segment],
    ) {
        // (rows of k, the segment's share, its keys, the key of the first row)
        let mut adds = Vec::new();
        for (s, &share) in segments.iter().zip(at) {
            let ranges = s.ranges();
            let keys = ranges.iter().map(Range::len).sum::<usize>();
            let mut key = 0;
            for r in ranges {
                adds.push((r.clone(), share, keys, key));
                key += r.len();
            }
        }
        let (dim, wide) = (shape.heads.head_dim, shape.wide.1);
        let dv = Parts::new(dv);
        self.rows(dk, wide, &|start, dk| {
            dk.fill(0.0);
            // SAFETY: the same range as `dk`, which belongs to this task.
            let dv = unsafe { dv.slice(start, dk.len()) };
            dv.fill(0.0);
            let mine = start / wide..(start + dk.len()) / wide;
            for (rows, share, keys, key) in &adds {
                for row in rows.start.max(mine.start)..rows.end.min(mine.end) {
                    for kv in 0..shape.heads.kv_heads {
                        let from = share + kv * keys * 2 * dim + (key + row - rows.start) * dim;
                        let to = (row - mine.start) * wide + kv * dim;
                        add(&mut dk[to..to + dim], &shares[from..from + dim]);
                        add(&mut dv[to..to + dim], &shares[from + keys * dim..][..dim]);
                    }
                }
            }
        });
    }
}
