//! Causal attention with shared key/value heads: scores live in tiles of some queries, all heads of a group beside each
//! other, and some keys, which stay in a cache; each tile is one product. The softmax goes along with the tiles of a row
//! (Milakov and Gimelshein 2018, arXiv:1805.02867). The backward makes the scores again.

mod rows;

use std::cell::RefCell;
use std::ops::Range;

use rows::{add, dot, mix, scores, settle, softmax_back, weigh};

use crate::ops::cpu::Cpu;
use crate::ops::cpu::arena::Buf;
use crate::ops::cpu::gemm::{Store, View, ViewMut, matmul_here};
use crate::ops::cpu::words::grown;
use crate::ops::pool::Parts;
use crate::ops::{Attended, Heads, Qkv, QkvGrad, Segment};

/// Rows of scores of a block, about: queries × heads of a group.
const BLOCK: usize = 96;
/// Keys of a tile, at most: its scores and their gradients, 96 rows of them, take 0.6 MB.
const KEYS: usize = 768;

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
    /// Two for each row.
    state: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
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

/// One segment's queries of one key/value head.
#[derive(Clone, Copy)]
struct Group<'a> {
    shape: Shape,
    segment: &'a Segment,
    /// The rows of keys that the segment sees.
    ranges: &'a [Range<usize>],
    kv: usize,
}

/// The rows of joined ranges from the `from`th on, `n` of them.
fn part(ranges: &[Range<usize>], mut from: usize, mut n: usize) -> Vec<Range<usize>> {
    let mut out = Vec::with_capacity(ranges.len());
    for r in ranges {
        let skipped = from.min(r.len());
        let taken = n.min(r.len() - skipped);
        from -= skipped;
        n -= taken;
        if taken > 0 {
            out.push(r.start + skipped..r.start + skipped + taken);
        }
    }
    out
}

/// About equal parts of so many keys.
fn tiles(keys: usize) -> impl Iterator<Item = Range<usize>> {
    let step = keys.div_ceil(keys.div_ceil(KEYS).max(1)).next_multiple_of(32);
    (0..keys).step_by(step).map(move |at| at..keys.min(at + step))
}

/// How many of a tile's keys are among the first `visible`.
fn within(tile: &Range<usize>, visible: usize) -> usize {
    visible.saturating_sub(tile.start).min(tile.len())
}

impl Cpu {
    /// Few scores are computed here and now; waking threads would take longer.
    fn over(&self, tasks: usize, segments: &[Segment], task: &(dyn Fn(usize) + Sync)) {
        let scores: usize = segments.iter().map(|s| s.queries() * (s.shared() + s.queries())).sum();
        if scores < 256 { (0..tasks).for_each(task) } else { self.pool.run(tasks, task) }
    }

    /// The rows' log-sum-exp; None where there is no memory.
    pub(super) fn attend(
        &self,
        out: &mut [f32],
        qkv: Qkv<'_, [f32]>,
        heads: Heads,
        segments: &[Segment],
    ) -> Option<Buf> {
        let Qkv { q, k, v } = qkv;
        let shape = Shape::new(q, k, heads, segments);
        assert!(out.len() == q.len() && v.len() == k.len());
        let (block, dim) = (shape.block(), heads.head_dim);
        let mut lse = self.scratch(q.len() / dim)?;
        let (out, lse_parts) = (Parts::new(out), Parts::new(&mut lse));
        let cut = |s: usize| (0..segments[s].queries()).step_by(block).map(move |first| (s, first));
        let blocks: Vec<(usize, usize)> = (0..segments.len()).flat_map(cut).collect();
        // A row of a head, Σ e^(…)·v and the state that belongs to it.
        let done = |row: usize, head: usize, x: &[f32], [most, total]: [f32; 2]| {
            let at = row * heads.heads + head;
            // SAFETY: (row, head) belongs to one task.
            let (lse, out) = unsafe { (lse_parts.slice(at, 1), out.slice(at * dim, dim)) };
            lse[0] = most + total.ln();
            settle(out, x, total);
        };
        self.over(blocks.len() * heads.kv_heads, segments, &|task| {
            let ((s, from), kv) = (blocks[task / heads.kv_heads], task % heads.kv_heads);
            let s = &segments[s];
            if let ([_], [seen]) = (&s.offsets[..], &s.ranges()[..]) {
                let at = seen.start * shape.wide.1 + kv * dim;
                let (k, v, wk) = (&k[at..], &v[at..], shape.wide.1);
                return SCRATCH.with_borrow_mut(|scratch| {
                    let (p, o) = (grown(&mut scratch.p, seen.len()), grown(&mut scratch.out, dim));
                    for head in kv * shape.group..(kv + 1) * shape.group {
                        scores(p, &q[s.query * shape.wide.0 + head * dim..][..dim], k, wk);
                        let mut state = [f32::NEG_INFINITY, 0.0];
                        weigh(p, p.len(), shape.scale, &mut state, o);
                        mix(o, p, v, wk);
                        done(s.query, head, o, state);
                    }
                });
            }
            let n = block.min(s.queries() - from);
            let (first, shared, offsets) = (s.query + from, s.shared(), &s.offsets[from..from + n]);
            let (rows, ranges) = (shape.group * n, s.ranges());
            SCRATCH.with_borrow_mut(|scratch| {
                let Scratch { q: qs, k: ks, v: vs, p, out: o, state, .. } = scratch;
                let (o, state) = (grown(o, rows * dim), grown(state, rows * 2));
                state.chunks_exact_mut(2).for_each(|s| s.copy_from_slice(&[f32::NEG_INFINITY, 0.0]));
                let qs = View::packed(shape.stacked(qs, q, first, n, kv), rows, dim);
                for tile in tiles(shared + offsets[n - 1] + 1) {
                    let (seen, wide) = (part(&ranges, tile.start, tile.len()), tile.len());
                    let (p, v) = (grown(p, rows * wide), shape.keys(vs, v, &seen, kv));
                    let k = shape.keys(ks, k, &seen, kv);
                    matmul_here(self.route, ViewMut::packed(p, rows, wide), qs, k.t(), Store::Set);
                    for (i, p) in p.chunks_exact_mut(wide).enumerate() {
                        let (visible, out) = (within(&tile, shared + offsets[i % n] + 1), &mut o[i * dim..][..dim]);
                        weigh(p, visible, shape.scale, &mut state[2 * i..][..2], out);
                    }
                    let store = if tile.start == 0 { Store::Set } else { Store::Add };
                    matmul_here(self.route, ViewMut::packed(o, rows, dim), View::packed(p, rows, wide), v, store);
                }
                for (i, (o, state)) in o.chunks_exact(dim).zip(state.chunks_exact(2)).enumerate() {
                    let (row, head) = shape.place(i, first, n, kv);
                    done(row, head, o, [state[0], state[1]]);
                }
            });
        });
        Some(lse)
    }

    pub(super) fn attend_back(
        &self,
        grad: QkvGrad<'_, [f32]>,
        dout: &[f32],
        saved: Attended<'_, Buf>,
        heads: Heads,
        segments: &[Segment],
    ) {
        let QkvGrad { dq, dk, dv } = grad;
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
        let Some(mut shares) = self.scratch(len) else { return };
        shares.fill(0.0);
        let (dq, parts) = (Parts::new(dq), Parts::new(&mut shares));
        self.over(segments.len() * heads.kv_heads, segments, &|task| {
            let (s, kv) = (task / heads.kv_heads, task % heads.kv_heads);
            let ranges = segments[s].ranges();
            let share = ranges.iter().map(Range::len).sum::<usize>() * 2 * dim;
            // SAFETY: (segment, kv head) belongs to this task.
            let share = unsafe { parts.slice(at[s] + kv * share, share) };
            let (dk, dv) = share.split_at_mut(share.len() / 2);
            let group = Group { shape, segment: &segments[s], ranges: &ranges, kv };
            self.group_back(&dq, dk, dv, dout, saved, group);
        });
        self.gather_shares(dk, dv, &shares, &at, shape, segments);
    }

    /// Sets the dq of a group's queries, adds to its segment's share of dk and dv.
    fn group_back(
        &self,
        dq: &Parts<'_, f32>,
        dk: &mut [f32],
        dv: &mut [f32],
        dout: &[f32],
        saved: Attended<'_, Buf>,
        group: Group<'_>,
    ) {
        let Group { shape, segment: s, ranges, kv } = group;
        let (dim, block, shared) = (shape.heads.head_dim, shape.block(), s.shared());
        let mm = |c: ViewMut<'_>, a: View<'_>, b: View<'_>, store| matmul_here(self.route, c, a, b, store);
        SCRATCH.with_borrow_mut(|scratch| {
            for from in (0..s.queries()).step_by(block) {
                let n = block.min(s.queries() - from);
                let (first, offsets, rows) = (s.query + from, &s.offsets[from..from + n], shape.group * n);
                let Scratch { q, k, v, p, dp, out, dout: d, state } = &mut *scratch;
                let qs = View::packed(shape.stacked(q, saved.q, first, n, kv), rows, dim);
                let d = shape.stacked(d, dout, first, n, kv);
                let state = grown(state, rows);
                for (i, (inner, d)) in state.iter_mut().zip(d.chunks_exact(dim)).enumerate() {
                    let (row, head) = shape.place(i, first, n, kv);
                    *inner = dot(d, &saved.out[row * shape.wide.0 + head * dim..][..dim]);
                }
                let (d, out) = (View::packed(d, rows, dim), grown(out, rows * dim));
                for tile in tiles(shared + offsets[n - 1] + 1) {
                    let (seen, wide) = (part(ranges, tile.start, tile.len()), tile.len());
                    let (p, dp) = (grown(p, rows * wide), grown(dp, rows * wide));
                    let (ks, vs) = (shape.keys(k, saved.k, &seen, kv), shape.keys(v, saved.v, &seen, kv));
                    mm(ViewMut::packed(p, rows, wide), qs, ks.t(), Store::Set);
                    mm(ViewMut::packed(dp, rows, wide), d, vs.t(), Store::Set);
                    for (i, (p, dp)) in p.chunks_exact_mut(wide).zip(dp.chunks_exact_mut(wide)).enumerate() {
                        let (row, head) = shape.place(i, first, n, kv);
                        let lse = saved.lse[row * shape.heads.heads + head];
                        let visible = within(&tile, shared + offsets[i % n] + 1);
                        softmax_back(p, dp, visible, shape.scale, lse, state[i]);
                    }
                    let (p, dp) = (View::packed(p, rows, wide), View::packed(dp, rows, wide));
                    let at = tile.start * dim..tile.end * dim;
                    mm(ViewMut::packed(&mut dv[at.clone()], wide, dim), p.t(), d, Store::Add);
                    mm(ViewMut::packed(&mut dk[at], wide, dim), dp.t(), qs, Store::Add);
                    let store = if tile.start == 0 { Store::Set } else { Store::Add };
                    mm(ViewMut::packed(out, rows, dim), dp, ks, store);
                }
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
        dk: &mut [f32],
        dv: &mut [f32],
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
