//! Attention of sequences alone, over a common beginning, and behind a cache.

#![expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]

use std::ops::Range;

use super::*;

/// The rows of k that query `i` of a segment sees.
fn seen(s: &Segment, i: usize) -> Vec<usize> {
    s.before.iter().cloned().flatten().chain(s.own..=s.own + s.offsets[i]).collect()
}

/// Plain attention in f64.
fn plain_attention(v: &[Vec<f64>], heads: Heads, segments: &[Segment]) -> Vec<f64> {
    let (wq, wk, d) = (heads.heads * heads.head_dim, heads.kv_heads * heads.head_dim, heads.head_dim);
    let mut out = vec![0.0; v[0].len()];
    for s in segments {
        for i in 0..s.queries() {
            for h in 0..heads.heads {
                let (at, kv) = ((s.query + i) * wq + h * d, h / (heads.heads / heads.kv_heads));
                let q = &v[0][at..at + d];
                let key = |j: usize| j * wk + kv * d;
                let keys = seen(s, i);
                let scores: Vec<f64> = keys
                    .iter()
                    .map(|&j| q.iter().zip(&v[1][key(j)..]).map(|(a, b)| a * b).sum::<f64>() / (d as f64).sqrt())
                    .collect();
                let total: f64 = scores.iter().map(|s| s.exp()).sum();
                for (j, s) in keys.into_iter().zip(scores) {
                    for l in 0..d {
                        out[at + l] += s.exp() / total * v[2][key(j) + l];
                    }
                }
            }
        }
    }
    out
}

/// The same by a mask over all queries and keys.
fn candle_attention(v: &[Tensor], heads: Heads, segments: &[Segment]) -> candle_core::Result<Tensor> {
    let (h, kv, d) = (heads.heads, heads.kv_heads, heads.head_dim);
    let (queries, keys) = (v[0].elem_count() / h / d, v[1].elem_count() / kv / d);
    let q = v[0].reshape((queries, h, d))?.transpose(0, 1)?.contiguous()?;
    let spread = |t: &Tensor| -> candle_core::Result<Tensor> {
        let t = t.reshape((keys, kv, 1, d))?.broadcast_as((keys, kv, h / kv, d))?.contiguous()?;
        t.reshape((keys, h, d))?.transpose(0, 1)?.contiguous()
    };
    let (k, vv) = (spread(&v[1])?, spread(&v[2])?);
    let mut mask = vec![-1e30; queries * keys];
    for (s, i) in segments.iter().flat_map(|s| (0..s.queries()).map(move |i| (s, i))) {
        seen(s, i).into_iter().for_each(|key| mask[(s.query + i) * keys + key] = 0.0);
    }
    let mask = Tensor::from_vec(mask, (1, queries, keys), &Device::Cpu)?;
    let scores = (q.matmul(&k.t()?)? / (d as f64).sqrt())?.broadcast_add(&mask)?;
    let max = scores.max_keepdim(D::Minus1)?.detach();
    let e = scores.broadcast_sub(&max)?.exp()?;
    let p = e.broadcast_div(&e.sum_keepdim(D::Minus1)?)?;
    p.matmul(&vv)?.transpose(0, 1)?.contiguous()?.flatten_all()
}

fn check_attention(cpu: &Cpu, queries: usize, keys: usize, heads: Heads, segments: &[Segment]) {
    let (wq, wk) = (heads.heads * heads.head_dim, heads.kv_heads * heads.head_dim);
    let (q, k, v, g) = (random(1, queries * wq), random(2, keys * wk), random(3, keys * wk), random(4, queries * wq));
    let up = |v: &[f32]| cpu.upload(v);
    let (qb, kb, vb, gb) = (up(&q), up(&k), up(&v), up(&g));
    let mut out = cpu.buf(q.len());
    let lse = cpu.attention(&mut out, Qkv { q: &qb, k: &kb, v: &vb }, heads, segments);
    let (mut dq, mut dk, mut dv) = (cpu.buf(q.len()), cpu.buf(k.len()), cpu.buf(v.len()));
    let saved = Attended { q: &qb, k: &kb, v: &vb, out: &out, lse: &lse };
    let grad = QkvGrad { dq: &mut dq, dk: &mut dk, dv: &mut dv };
    cpu.attention_back(grad, &gb, saved, heads, segments);
    check(
        &format!("attention {queries}, {heads:?}"),
        &[&q, &k, &v],
        &out,
        &g,
        &[&dq, &dk, &dv],
        &|v| plain_attention(v, heads, segments),
        &|v| candle_attention(v, heads, segments),
    );
}

#[test]
fn attention_with_shared_heads_and_any_head_size() {
    for cpu in cpus() {
        // (tokens, heads, kv heads, head size): one token, 8:1, odd sizes, more than a block of queries, than a tile of keys.
        for (t, h, kv, d) in
            [(1, 1, 1, 2), (7, 8, 1, 6), (54, 9, 3, 64), (130, 2, 2, 10), (65, 4, 2, 17), (1601, 2, 1, 3)]
        {
            let heads = Heads { heads: h, kv_heads: kv, head_dim: d };
            check_attention(&cpu, t, t, heads, &[Segment::alone(0, t)]);
        }
    }
}

/// A run of 5 that two others follow, one of these followed by two more; then one alone. And the same where only some
/// of the queries are asked.
#[test]
fn attention_over_a_common_beginning() {
    let run = |query, n: usize, own, before: &[Range<usize>]| Segment {
        query,
        own,
        offsets: (0..n).collect(),
        before: before.to_vec(),
    };
    for cpu in cpus() {
        let heads = Heads { heads: 6, kv_heads: 2, head_dim: 5 };
        let all = [
            run(0, 5, 0, &[]),
            run(5, 3, 5, &[0..5]),
            run(8, 2, 8, &[0..5]),
            run(10, 40, 10, &[0..5, 8..10]),
            run(50, 1, 50, &[0..5, 8..10]),
            run(51, 4, 51, &[]),
        ];
        check_attention(&cpu, 55, 55, heads, &all);
        let some = [
            Segment { query: 0, own: 0, offsets: vec![1, 4], before: vec![] },
            Segment { query: 2, own: 10, offsets: (3..40).collect(), before: vec![0..5, 8..10] },
            Segment { query: 39, own: 51, offsets: vec![0], before: vec![] },
        ];
        check_attention(&cpu, 40, 55, heads, &some);
        // Tiles of keys that begin and end within the ranges.
        let heads = Heads { heads: 2, kv_heads: 1, head_dim: 3 };
        let long = [run(0, 70, 1800, &[0..500, 700..1000, 1100..1700]), run(70, 40, 1900, &[0..500, 700..1000])];
        check_attention(&cpu, 110, 1940, heads, &long);
    }
}

/// Later tiles of keys weigh more than all before, or less, and some queries begin in the last one's middle.
#[test]
fn what_later_keys_outweigh_is_made_less() {
    let (heads, shared, own) = (Heads { heads: 2, kv_heads: 1, head_dim: 4 }, 1500, 700);
    let (q, v) = (random(1, own * 8), random(3, (shared + own) * 4));
    for grows in [true, false] {
        let along = |j: usize| if grows { j } else { shared + own - j } as f32 / 200.0;
        let k: Vec<f32> = random(2, (shared + own) * 4).iter().enumerate().map(|(i, k)| k * along(i / 4)).collect();
        let segment = Segment { query: 0, own: shared, offsets: (0..own).collect(), before: vec![0..shared] };
        let want = plain_attention(&[wide(&q), wide(&k), wide(&v)], heads, std::slice::from_ref(&segment));
        for cpu in cpus() {
            let mut out = cpu.buf(q.len());
            let (q, k, v) = (cpu.upload(&q), cpu.upload(&k), cpu.upload(&v));
            cpu.attention(&mut out, Qkv { q: &q, k: &k, v: &v }, heads, std::slice::from_ref(&segment));
            for (a, b) in out.iter().zip(&want) {
                assert!((f64::from(*a) - b).abs() < 1e-5, "{a}, not {b}");
            }
        }
    }
}

#[test]
fn packed_sequences_do_not_see_each_other_and_a_cache_continues() {
    let cpu = Cpu::new(2);
    let heads = Heads { heads: 4, kv_heads: 2, head_dim: 8 };
    let (q, k, v) = (random(1, 20 * 32), random(2, 20 * 16), random(3, 20 * 16));
    let segments = [
        Segment::alone(0, 5),
        Segment { query: 5, own: 13, offsets: vec![0], before: vec![5..13] },
        Segment { query: 6, own: 17, offsets: vec![0, 1, 2], before: vec![14..17] },
    ];
    let (qb, kb, vb) = (cpu.upload(&q[..9 * 32]), cpu.upload(&k), cpu.upload(&v));
    let mut out = cpu.buf(9 * 32);
    cpu.attention(&mut out, Qkv { q: &qb, k: &kb, v: &vb }, heads, &segments);
    let want = plain_attention(&[wide(&q[..9 * 32]), wide(&k), wide(&v)], heads, &segments);
    for (a, b) in out.iter().zip(want) {
        assert!((f64::from(*a) - b).abs() < 2e-6);
    }
}
