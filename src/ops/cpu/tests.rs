//! Every forward against plain f64, every backward against f64 finite differences of that and against candle's autograd.

#![expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]

use std::ops::Range;

use candle_core::{D, Device, Tensor, Var};

use super::*;
use crate::ops::random::{bits_at, uniform_at};
use crate::ops::{Encoding, Mask, RowOrder, encode_nearest};

fn random(key: u64, len: usize) -> Vec<f32> {
    (0..len as u64).map(|i| (uniform_at(key, i) as f32 - 0.5) * 2.0).collect()
}

fn pick(key: u64, from: usize, to: usize) -> usize {
    from + (bits_at(99, key) % (to - from + 1) as u64) as usize
}

/// Every route of this machine.
fn cpus() -> [Cpu; 4] {
    let of = |residency| Cpu::with(residency, 2);
    [of(Residency::Packed), of(Residency::Vectors), of(Residency::Rows), Cpu::portable(2)]
}

fn wide(v: &[f32]) -> Vec<f64> {
    v.iter().map(|&v| f64::from(v)).collect()
}

type Reference<'a> = &'a dyn Fn(&[Vec<f64>]) -> Vec<f64>;
type Candle<'a> = &'a dyn Fn(&[Tensor]) -> candle_core::Result<Tensor>;

/// `out` = f(inputs) and `grads` = ∂(Σ out·g)/∂inputs, by all three ways.
fn check(what: &str, inputs: &[&[f32]], out: &[f32], g: &[f32], grads: &[&[f32]], f: Reference<'_>, c: Candle<'_>) {
    let at: Vec<Vec<f64>> = inputs.iter().map(|v| wide(v)).collect();
    let want = f(&at);
    assert_eq!(out.len(), want.len(), "{what}");
    let size = want.iter().map(|v| v.abs()).fold(1e-3, f64::max);
    for (i, (&a, b)) in out.iter().zip(&want).enumerate() {
        assert!((f64::from(a) - b).abs() < 3e-6 * size, "{what}: value {i} is {a}, not {b}");
    }
    let objective = |at: &[Vec<f64>]| f(at).iter().zip(g).map(|(y, &g)| y * f64::from(g)).sum::<f64>();
    for (k, grad) in grads.iter().enumerate() {
        assert_eq!(grad.len(), inputs[k].len());
        for direction in 0..4 {
            let e = random(1000 + direction, grad.len());
            let moved = |h: f64| {
                let mut at = at.clone();
                at[k].iter_mut().zip(&e).for_each(|(x, &e)| *x += h * f64::from(e));
                objective(&at)
            };
            let want = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let got: f64 = grad.iter().zip(&e).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
            let norm = wide(grad).iter().map(|v| v * v).sum::<f64>().sqrt();
            assert!((got - want).abs() < 2e-5 * norm + 1e-6, "{what}: input {k}: {got}, finite difference {want}");
        }
    }
    let vars: Vec<Var> = at.iter().map(|v| Var::from_vec(v.clone(), v.len(), &Device::Cpu).unwrap()).collect();
    let tensors: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let y = c(&tensors).unwrap().flatten_all().unwrap();
    let gt = Tensor::from_vec(wide(g), g.len(), &Device::Cpu).unwrap();
    let store = (y * gt).unwrap().sum_all().unwrap().backward().unwrap();
    for (k, grad) in grads.iter().enumerate() {
        let want: Vec<f64> = store.get(&tensors[k]).expect("candle gives a gradient").to_vec1().unwrap();
        let norm = want.iter().map(|v| v * v).sum::<f64>().sqrt();
        let off = grad.iter().zip(&want).map(|(&a, b)| (f64::from(a) - b).powi(2)).sum::<f64>().sqrt();
        assert!(off <= 5e-6 * norm + 1e-7, "{what}: input {k} differs from candle by {off} of {norm}");
    }
}

/// x·Wᵀ in f64.
fn times(x: &[f64], w: &[f64], inn: usize) -> Vec<f64> {
    let dot = |x: &[f64], w: &[f64]| x.iter().zip(w).map(|(a, b)| a * b).sum();
    x.chunks(inn).flat_map(|x| w.chunks(inn).map(move |w| dot(x, w))).collect()
}

fn f32_source(w: &[f32], rows: usize, cols: usize) -> (Vec<u8>, usize, usize) {
    let mut bytes = Vec::new();
    encode_nearest(Encoding::F32, w, &mut bytes).unwrap();
    (bytes, rows, cols)
}

fn source((bytes, rows, cols): &(Vec<u8>, usize, usize)) -> WeightRef<'_> {
    WeightRef { bytes, encoding: Encoding::F32, rows: *rows, cols: *cols, row_order: RowOrder::Hf }
}

#[test]
fn linear_with_bias() {
    for cpu in cpus() {
        for case in 0..12 {
            let (rows, inn, out) = (pick(case, 1, 40), pick(case + 50, 1, 90), pick(case + 90, 1, 100));
            let (x, w, b, g) = (random(1, rows * inn), random(2, out * inn), random(3, out), random(4, rows * out));
            let bytes = f32_source(&w, out, inn);
            let resident = cpu.prepare(source(&bytes)).unwrap();
            let m = Matrix { resident: &resident, source: source(&bytes) };
            let (xb, bb, gb) = (cpu.upload(&x), cpu.upload(&b), cpu.upload(&g));
            let mut y = cpu.buf(rows * out);
            cpu.linear(&mut y, &xb, m, Some(&bb));
            let mut dx = cpu.upload(&x);
            cpu.linear_back(&mut dx, &gb, m, true);
            let mut twice = cpu.upload(&dx);
            cpu.linear_back(&mut twice, &gb, m, false);
            dx.iter().zip(&twice[..]).for_each(|(a, b)| assert!((2.0 * a - b).abs() < 1e-4));
            let (wd, bd) = (wide(&w), wide(&b));
            check(
                &format!("linear {rows}×{inn}→{out}"),
                &[&x],
                &y,
                &g,
                &[&dx],
                &|v| times(&v[0], &wd, inn).iter().enumerate().map(|(i, y)| y + bd[i % out]).collect(),
                &|v| {
                    let w = Tensor::from_vec(wd.clone(), (out, inn), &Device::Cpu)?;
                    let b = Tensor::from_vec(bd.clone(), out, &Device::Cpu)?;
                    v[0].reshape((rows, inn))?.matmul(&w.t()?)?.broadcast_add(&b)
                },
            );
        }
    }
}

#[test]
fn low_rank_term_with_and_without_dropout() {
    for cpu in cpus() {
        for case in 0..12u64 {
            let (rows, inn, out, r) =
                (pick(case, 1, 60), pick(case + 50, 1, 90), pick(case + 70, 1, 70), pick(case, 1, 17));
            let mask = (case % 3 == 0).then_some(Mask { p: 0.3, key: case });
            let (x, a, b) = (random(1, rows * inn), random(2, r * inn), random(3, out * r));
            let (y0, g) = (random(4, rows * out), random(5, rows * out));
            let pair = LowRank { a: &a, b: &b, rank: r, scale: 1.7, mask };
            let (xb, gb, mut y) = (cpu.upload(&x), cpu.upload(&g), cpu.upload(&y0));
            let down = cpu.low_rank(&mut y, &xb, pair);
            let (mut da, mut db, mut dx) = (vec![0.0; a.len()], vec![0.0; b.len()], cpu.zeros(x.len()));
            cpu.low_rank_back(Some(&mut dx), LowRankGrad { a: &mut da, b: &mut db }, &gb, (&xb, &down), pair);
            let keep: Vec<f64> = (0..x.len() as u64)
                .map(|i| mask.map_or(1.0, |m| if uniform_at(m.key, i) < m.p { 0.0 } else { 1.0 / (1.0 - m.p) }))
                .collect();
            let y0 = wide(&y0);
            check(
                &format!("low rank {rows}×{inn}→{r}→{out}, {mask:?}"),
                &[&x, &a, &b],
                &y,
                &g,
                &[&dx, &da, &db],
                &|v| {
                    let x: Vec<f64> = v[0].iter().zip(&keep).map(|(x, k)| x * k).collect();
                    let low = times(&times(&x, &v[1], inn), &v[2], r);
                    low.iter().zip(&y0).map(|(l, y)| f64::from(1.7f32) * l + y).collect()
                },
                &|v| {
                    let keep = Tensor::from_vec(keep.clone(), (rows, inn), &Device::Cpu)?;
                    let x = (v[0].reshape((rows, inn))? * keep)?;
                    let low = x.matmul(&v[1].reshape((r, inn))?.t()?)?.matmul(&v[2].reshape((out, r))?.t()?)?;
                    (low * f64::from(1.7f32))?.flatten_all()? + Tensor::from_vec(y0.clone(), rows * out, &Device::Cpu)?
                },
            );
        }
    }
}

/// Linears that share their rows, in one go and one after the other: outputs, middles, every gradient.
#[test]
fn fused_linears_equal_each_alone() {
    for cpu in cpus() {
        fused_equals_each(&cpu);
    }
}

fn fused_equals_each(cpu: &Cpu) {
    for (case, (m, inn, outs, ranks)) in [
        (1, 16, vec![8], vec![2]),
        (9, 33, vec![7, 40], vec![3, 0]),
        (30, 64, vec![64, 32, 32], vec![8, 8, 8]),
        (700, 48, vec![100], vec![16]),
        (5, 20, vec![20, 12], vec![0, 0]),
    ]
    .into_iter()
    .enumerate()
    {
        let key = 100 * case as u64;
        let x = cpu.upload(&random(key, m * inn));
        let sources: Vec<_> =
            outs.iter().zip(1..).map(|(&o, i)| f32_source(&random(key + i, o * inn), o, inn)).collect();
        let residents: Vec<_> = sources.iter().map(|s| cpu.prepare(source(s)).unwrap()).collect();
        let biases: Vec<_> = outs.iter().map(|&o| cpu.upload(&random(key + 20, o))).collect();
        let halves = |r: usize, o: usize| (random(key + 30, r * inn), random(key + 31, o * r));
        let pairs: Vec<_> = outs.iter().zip(&ranks).map(|(&o, &r)| halves(r, o)).collect();
        let linears: Vec<_> = (0..outs.len())
            .map(|i| Linear {
                w: Matrix { resident: &residents[i], source: source(&sources[i]) },
                bias: (i % 2 == 1).then_some(&biases[i]),
                pair: (ranks[i] > 0).then(|| {
                    let (a, b) = &pairs[i];
                    LowRank { a, b, rank: ranks[i], scale: 0.7, mask: None }
                }),
            })
            .collect();
        let dys: Vec<_> = outs.iter().map(|&o| cpu.upload(&random(key + 40, m * o))).collect();
        let start = random(key + 50, m * inn);
        let of = |fused: bool, set: bool| {
            let mut ys: Vec<_> = outs.iter().map(|&o| cpu.buf(m * o)).collect();
            let downs = match fused {
                true => cpu.linears(&mut ys, &x, &linears),
                false => each_linear(cpu, &mut ys, &x, &linears),
            };
            let mut grads: Vec<_> = pairs.iter().map(|(a, b)| (vec![0.5; a.len()], vec![0.25; b.len()])).collect();
            let backs = grads
                .iter_mut()
                .enumerate()
                .map(|(i, (a, b))| Back { dy: &dys[i], down: downs[i].as_ref(), grad: Some(LowRankGrad { a, b }) })
                .collect();
            let mut dx = cpu.upload(&start);
            match fused {
                true => cpu.linears_back(Some((&mut dx, set)), &x, &linears, backs),
                false => each_linear_back(cpu, Some((&mut dx, set)), &x, &linears, backs),
            }
            let mut all: Vec<Vec<f32>> = ys.iter().map(|y| y.to_vec()).collect();
            all.extend(downs.iter().flatten().map(|d| d.to_vec()));
            all.extend(grads.into_iter().flat_map(|(a, b)| [a, b]));
            all.push(dx.to_vec());
            all
        };
        for set in [false, true] {
            for (one, other) in of(true, set).into_iter().zip(of(false, set)) {
                assert_eq!(one.len(), other.len());
                let scale = other.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
                assert!(one.iter().zip(&other).all(|(a, b)| (a - b).abs() <= 2e-6 * scale), "case {case}");
            }
        }
    }
}

#[test]
fn dropout_keeps_the_share_it_says() {
    let cpu = Cpu::new(1);
    let x = cpu.upload(&vec![1.0; 50_000]);
    let mut y = cpu.zeros(50_000);
    let pair = LowRank { a: &[1.0], b: &[1.0], rank: 1, scale: 1.0, mask: Some(Mask { p: 0.1, key: 3 }) };
    cpu.low_rank(&mut y, &x, pair);
    let zeros = y.iter().filter(|&&y| y == 0.0).count() as f64 / 50_000.0;
    assert!((zeros - 0.1).abs() < 0.005, "{zeros}");
    assert!((y.iter().sum::<f32>() / 50_000.0 - 1.0).abs() < 0.01);
}

#[test]
fn rms_norm() {
    let cpu = Cpu::new(2);
    for case in 0..8 {
        let (rows, n) = (pick(case, 1, 50), pick(case + 20, 1, 130));
        let (x, w, g) = (random(1, rows * n), random(2, n), random(3, rows * n));
        let (xb, wb, gb) = (cpu.upload(&x), cpu.upload(&w), cpu.upload(&g));
        let (mut y, mut dx) = (cpu.buf(x.len()), cpu.upload(&x));
        cpu.rms_norm(&mut y, &xb, &wb, 1e-5);
        cpu.rms_norm_back(&mut dx, &gb, &xb, &wb, 1e-5, true);
        let wd = wide(&w);
        let eps = f64::from(1e-5f32);
        check(
            &format!("rms_norm {rows}×{n}"),
            &[&x],
            &y,
            &g,
            &[&dx],
            &|v| {
                let row = |x: &[f64]| {
                    let rms = (x.iter().map(|x| x * x).sum::<f64>() / n as f64 + eps).sqrt();
                    x.iter().zip(&wd).map(|(x, w)| x / rms * w).collect::<Vec<_>>()
                };
                v[0].chunks(n).flat_map(row).collect()
            },
            &|v| {
                let x = v[0].reshape((rows, n))?;
                let mean = (x.sqr()?.sum_keepdim(D::Minus1)? / n as f64)?;
                let w = Tensor::from_vec(wd.clone(), n, &Device::Cpu)?;
                x.broadcast_div(&(mean + eps)?.sqrt()?)?.broadcast_mul(&w)
            },
        );
        let mut twice = cpu.upload(&dx);
        cpu.rms_norm_back(&mut twice, &gb, &xb, &wb, 1e-5, false);
        dx.iter().zip(&twice[..]).for_each(|(a, b)| assert!((2.0 * a - b).abs() < 1e-5));
    }
}

#[test]
fn rope_in_both_orders() {
    let cpu = Cpu::new(2);
    for (case, order) in [(0, RowOrder::Hf), (1, RowOrder::Ggml), (2, RowOrder::Hf), (3, RowOrder::Ggml)] {
        let (rows, heads, half) = (pick(case, 1, 30), pick(case + 9, 1, 5), pick(case + 20, 1, 33));
        let dim = 2 * half;
        let angles = random(7, rows * half);
        let rotation = Rotation {
            cos: angles.iter().map(|a| a.cos()).collect(),
            sin: angles.iter().map(|a| a.sin()).collect(),
            order,
            head_dim: dim,
        };
        let (x, g) = (random(1, rows * heads * dim), random(2, rows * heads * dim));
        let (mut y, mut dx) = (cpu.upload(&x), cpu.upload(&g));
        cpu.rope(&mut y, &rotation, false);
        cpu.rope(&mut dx, &rotation, true);
        let (cos, sin) = (wide(&rotation.cos), wide(&rotation.sin));
        // Each order as one gather: y = x·c + x[partner]·s.
        let n = x.len();
        let (mut partner, mut c, mut s) = (vec![0u32; n], vec![0.0; n], vec![0.0; n]);
        for i in 0..n {
            let (row, l) = (i / (heads * dim), i % dim);
            let (pair, first) = if order == RowOrder::Hf { (l % half, l < half) } else { (l / 2, l % 2 == 0) };
            let distance = if order == RowOrder::Hf { half } else { 1 };
            partner[i] = (if first { i + distance } else { i - distance }) as u32;
            c[i] = cos[row * half + pair];
            s[i] = sin[row * half + pair] * if first { -1.0 } else { 1.0 };
        }
        check(
            &format!("rope {order:?}"),
            &[&x],
            &y,
            &g,
            &[&dx],
            &|v| (0..n).map(|i| v[0][i] * c[i] + v[0][partner[i] as usize] * s[i]).collect(),
            &|v| {
                let tensor = |v: &[f64]| Tensor::from_vec(v.to_vec(), n, &Device::Cpu);
                let index = Tensor::from_vec(partner.clone(), n, &Device::Cpu)?;
                (&v[0] * tensor(&c)?)? + (v[0].index_select(&index, 0)? * tensor(&s)?)?
            },
        );
    }
}

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

fn check_attention(cpu: &Cpu, (queries, keys): (usize, usize), heads: Heads, segments: &[Segment]) {
    let (wq, wk) = (heads.heads * heads.head_dim, heads.kv_heads * heads.head_dim);
    let (q, k, v, g) = (random(1, queries * wq), random(2, keys * wk), random(3, keys * wk), random(4, queries * wq));
    let up = |v: &[f32]| cpu.upload(v);
    let (qb, kb, vb, gb) = (up(&q), up(&k), up(&v), up(&g));
    let mut out = cpu.buf(q.len());
    let lse = cpu.attention(&mut out, (&qb, &kb, &vb), heads, segments);
    let (mut dq, mut dk, mut dv) = (cpu.buf(q.len()), cpu.buf(k.len()), cpu.buf(v.len()));
    let saved = Attended { q: &qb, k: &kb, v: &vb, out: &out, lse: &lse };
    cpu.attention_back((&mut dq, &mut dk, &mut dv), &gb, saved, heads, segments);
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
        // (tokens, heads, kv heads, head size): one token, 8:1, odd sizes, more than a block of queries.
        for (t, h, kv, d) in [(1, 1, 1, 2), (7, 8, 1, 6), (54, 9, 3, 64), (130, 2, 2, 10), (65, 4, 2, 17)] {
            let heads = Heads { heads: h, kv_heads: kv, head_dim: d };
            check_attention(&cpu, (t, t), heads, &[Segment::alone(0, t)]);
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
        check_attention(&cpu, (55, 55), heads, &all);
        let some = [
            Segment { query: 0, own: 0, offsets: vec![1, 4], before: vec![] },
            Segment { query: 2, own: 10, offsets: (3..40).collect(), before: vec![0..5, 8..10] },
            Segment { query: 39, own: 51, offsets: vec![0], before: vec![] },
        ];
        check_attention(&cpu, (40, 55), heads, &some);
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
    cpu.attention(&mut out, (&qb, &kb, &vb), heads, &segments);
    let want = plain_attention(&[wide(&q[..9 * 32]), wide(&k), wide(&v)], heads, &segments);
    for (a, b) in out.iter().zip(want) {
        assert!((f64::from(*a) - b).abs() < 2e-6);
    }
}

#[test]
fn swiglu() {
    let cpu = Cpu::new(2);
    for n in [1, 37, 20_000] {
        let (gate, up, g) = (random(1, n).iter().map(|v| v * 6.0).collect::<Vec<_>>(), random(2, n), random(3, n));
        let (gb, ub, hb) = (cpu.upload(&gate), cpu.upload(&up), cpu.upload(&g));
        let (mut h, mut dg, mut du) = (cpu.buf(n), cpu.buf(n), cpu.buf(n));
        cpu.swiglu(&mut h, &gb, &ub);
        cpu.swiglu_back(&mut dg, &mut du, &hb, &gb, &ub);
        check(
            "swiglu",
            &[&gate, &up],
            &h,
            &g,
            &[&dg, &du],
            &|v| v[0].iter().zip(&v[1]).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect(),
            &|v| (&v[0] / (v[0].neg()?.exp()? + 1.0)?)? * &v[1],
        );
    }
}

#[test]
fn cross_entropy_of_trained_rows() {
    let cpu = Cpu::new(2);
    for (rows, width) in [(1, 3), (5, 1000), (3, 4097), (0, 7)] {
        let logits: Vec<f32> = random(1, rows * width).iter().map(|v| v * 8.0).collect();
        let targets: Vec<u32> = (0..rows).map(|i| pick(i as u64, 0, width - 1) as u32).collect();
        let mut grad = cpu.upload(&logits);
        let losses = cpu.cross_entropy(&mut grad, &targets, Some(0.25), 0.0);
        assert_eq!(losses.len(), rows);
        if rows == 0 {
            continue;
        }
        let nll: Vec<f32> = losses.iter().map(|l| l.nll as f32).collect();
        let log_sum = |l: &[f64]| l.iter().map(|l| l.exp()).sum::<f64>().ln();
        check(
            "cross entropy",
            &[&logits],
            &nll,
            &vec![0.25; rows],
            &[&grad],
            &|v| v[0].chunks(width).zip(&targets).map(|(l, &t)| log_sum(l) - l[t as usize]).collect(),
            &|v| {
                let l = v[0].reshape((rows, width))?;
                let log_sum = l.exp()?.sum(D::Minus1)?.log()?;
                let index = Tensor::from_vec(targets.clone(), (rows, 1), &Device::Cpu)?;
                log_sum - l.gather(&index, 1)?.squeeze(1)?
            },
        );
        let mut plain = cpu.upload(&logits);
        assert_eq!(cpu.cross_entropy(&mut plain, &targets, None, 0.0), losses);
        assert_eq!(&plain[..], &logits[..], "without a weight the logits stay");
        cpu.log_softmax(&mut plain, width);
        for (i, (l, p)) in logits.chunks(width).zip(plain.chunks(width)).enumerate() {
            let wide = wide(l);
            let entropy: f64 = wide.iter().map(|v| (log_sum(&wide) - v) * (v - log_sum(&wide)).exp()).sum();
            assert!((losses[i].entropy - entropy).abs() < 1e-5, "{} {entropy}", losses[i].entropy);
            assert!(p.iter().zip(&wide).all(|(&p, v)| (f64::from(p) - (v - log_sum(&wide))).abs() < 2e-6));
            assert!(l.iter().all(|&v| v <= l[losses[i].argmax as usize]));
        }
    }
    let mut tie = cpu.upload(&[1.0, 7.0, 7.0, 0.0]);
    assert_eq!(cpu.cross_entropy(&mut tie, &[0], None, 0.0)[0].argmax, 1, "the lowest id wins a tie");
}

#[test]
fn cross_entropy_of_smoothed_labels() {
    let (cpu, rows, width, smoothing) = (Cpu::new(2), 5, 1000, 0.1);
    let logits: Vec<f32> = random(2, rows * width).iter().map(|v| v * 8.0).collect();
    let targets: Vec<u32> = (0..rows).map(|i| pick(i as u64, 0, width - 1) as u32).collect();
    let mut grad = cpu.upload(&logits);
    let losses = cpu.cross_entropy(&mut grad, &targets, Some(0.25), smoothing as f32);
    let nll: Vec<f32> = losses.iter().map(|l| l.nll as f32).collect();
    let log_sum = |l: &[f64]| l.iter().map(|l| l.exp()).sum::<f64>().ln();
    check(
        "smoothed cross entropy",
        &[&logits],
        &nll,
        &vec![0.25; rows],
        &[&grad],
        &|v| {
            let row = |(l, &t): (&[f64], &u32)| {
                let all = log_sum(l) - l.iter().sum::<f64>() / width as f64;
                (1.0 - smoothing) * (log_sum(l) - l[t as usize]) + smoothing * all
            };
            v[0].chunks(width).zip(&targets).map(row).collect()
        },
        &|v| {
            let l = v[0].reshape((rows, width))?;
            let log_sum = l.exp()?.sum(D::Minus1)?.log()?;
            let index = Tensor::from_vec(targets.clone(), (rows, 1), &Device::Cpu)?;
            let told = (&log_sum - l.gather(&index, 1)?.squeeze(1)?)?;
            (told * (1.0 - smoothing))? + ((log_sum - l.mean(D::Minus1)?)? * smoothing)?
        },
    );
}

#[test]
fn rows_gathered_and_scattered() {
    let cpu = Cpu::new(1);
    let x = cpu.upload(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let mut out = cpu.buf(4);
    cpu.gather(&mut out, &x, &[2, 0], 2);
    assert_eq!(&out[..], &[4.0, 5.0, 0.0, 1.0]);
    let mut back = cpu.zeros(6);
    cpu.scatter_add(&mut back, &out, &[2, 2], 2);
    assert_eq!(&back[..], &[0.0, 0.0, 0.0, 0.0, 4.0, 6.0]);
    let bytes = f32_source(&x, 3, 2);
    cpu.embed(&mut out, &[1, 2], source(&bytes));
    assert_eq!(&out[..], &[2.0, 3.0, 4.0, 5.0]);
}

/// `rows × cols` in any encoding; where none can be made, random blocks with sane scales.
fn encoded(encoding: Encoding, rows: usize, cols: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    if encode_nearest(encoding, &random(2, rows * cols), &mut bytes).is_err() {
        bytes = (0..encoding.bytes_for(rows * cols) as u64).map(|i| bits_at(8, i) as u8).collect();
        for b in bytes.chunks_exact_mut(encoding.block().1) {
            let at = if encoding == Encoding::Q6K { 208 } else { 0 };
            b[at..at + 2].copy_from_slice(&half::f16::from_f32(0.01).to_le_bytes());
            if at == 0 {
                b[2..4].copy_from_slice(&half::f16::from_f32(0.02).to_le_bytes());
            }
        }
    }
    bytes
}

/// Decoding reads the blocks themselves; it must say what the f32 copy says, and of a row what it would say of it alone.
#[test]
fn few_rows_of_every_encoding_equal_the_widened_product_row_by_row() {
    for cpu in cpus() {
        for (seed, encoding) in (0..6).flat_map(|seed| Encoding::ALL.map(|e| (seed, e))) {
            let pick = |i, n: usize| bits_at(40 + seed, i + 8 * encoding as u64) as usize % n;
            let (rows, out) = (1 + pick(0, FEW_ROWS), 1 + pick(1, 70));
            // Whole blocks; f32 and the 16-bit kinds take any number of columns.
            let inn = encoding.block().0 * (1 + pick(2, if encoding.block().0 == 256 { 3 } else { 40 }));
            let bytes = encoded(encoding, out, inn);
            let w = WeightRef { bytes: &bytes, encoding, rows: out, cols: inn, row_order: RowOrder::Hf };
            let resident = cpu.prepare(w).unwrap();
            let w = Matrix { resident: &resident, source: w };
            let mut values = vec![0.0; out * inn];
            decode(encoding, &bytes, &mut values);
            let values = wide(&values);
            let x = random(seed, rows * inn);
            let mut y = cpu.buf(rows * out);
            cpu.linear(&mut y, &cpu.upload(&x), w, None);
            let want = times(&wide(&x), &values, inn);
            let size = want.iter().map(|v| v.abs()).fold(0.0, f64::max);
            for (a, b) in y.iter().zip(&want) {
                assert!((f64::from(*a) - b).abs() < 2e-6 * size, "{encoding:?} {rows}·{out}×{inn}: {a} {b}");
            }
            for (x, y) in x.chunks(inn).zip(y.chunks(out)) {
                let mut alone = cpu.buf(out);
                cpu.linear(&mut alone, &cpu.upload(x), w, None);
                assert!(alone[..] == *y, "{encoding:?} {rows}·{out}×{inn}");
            }
        }
    }
}

/// Products that share their input, and low-rank terms of few rows: as one by one.
#[test]
fn products_of_one_input_and_low_rank_terms_row_by_row() {
    for cpu in cpus() {
        let (rows, inn, sizes, r) = (7, 96, [40, 8, 17], 5);
        let (x, bias) = (cpu.upload(&random(1, rows * inn)), cpu.upload(&random(3, 8)));
        let bytes = sizes.map(|out| encoded(Encoding::Q5_1, out, inn));
        let sources: Vec<_> = bytes
            .iter()
            .zip(sizes)
            .map(|(bytes, rows)| WeightRef {
                bytes,
                encoding: Encoding::Q5_1,
                rows,
                cols: inn,
                row_order: RowOrder::Hf,
            })
            .collect();
        let residents: Vec<_> = sources.iter().map(|&w| cpu.prepare(w).unwrap()).collect();
        let mut ys = sizes.map(|out| cpu.buf(rows * out));
        let matrices = residents.iter().zip(&sources).map(|(resident, &source)| Matrix { resident, source });
        let matrices: Vec<_> = matrices.collect();
        let bias_of = |i| (i == 1).then_some(&bias);
        let linears: Vec<_> =
            matrices.iter().enumerate().map(|(i, &w)| Linear { w, bias: bias_of(i), pair: None }).collect();
        cpu.linears(&mut ys, &x, &linears);
        let (a, b) = (random(4, r * inn), random(5, sizes[0] * r));
        let pair = LowRank { a: &a, b: &b, rank: r, scale: 0.5, mask: None };
        for (i, (y, &w)) in ys.iter().zip(&matrices).enumerate() {
            let mut one = cpu.buf(y.len());
            cpu.linear(&mut one, &x, w, bias_of(i));
            assert!(one[..] == y[..]);
        }
        let mut together = cpu.upload(&ys[0]);
        let down = cpu.low_rank(&mut together, &x, pair);
        for row in 0..rows {
            let mut alone = cpu.upload(&ys[0][row * sizes[0]..][..sizes[0]]);
            let one = cpu.low_rank(&mut alone, &cpu.upload(&x[row * inn..][..inn]), pair);
            assert!(alone[..] == together[row * sizes[0]..][..sizes[0]] && one[..] == down[row * r..][..r]);
        }
    }
}

#[test]
fn torn_weights_are_refused() {
    let cpu = Cpu::new(1);
    let mut w = WeightRef { bytes: &[0; 34], encoding: Encoding::Q8_0, rows: 1, cols: 32, row_order: RowOrder::Hf };
    assert!(cpu.prepare(w).is_ok());
    w.cols = 33;
    assert!(matches!(cpu.prepare(w), Err(OpsError::Block { .. })));
    (w.cols, w.rows) = (32, 2);
    assert!(matches!(cpu.prepare(w), Err(OpsError::BaseSize { .. })));
}

/// `cargo test --release --lib few_rows_speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn few_rows_speed() {
    let cpu = Cpu::new(1);
    let cases = [(576, 576), (1536, 576), (576, 1536), (49152, 576)].into_iter().flat_map(|shape| {
        [Encoding::F32, Encoding::F16, Encoding::Q8_0, Encoding::Q4_1, Encoding::Q5_0, Encoding::Q4K, Encoding::Q6K]
            .map(|e| (shape, e))
    });
    for ((out, inn), encoding) in cases.filter(|((_, inn), e)| inn % e.block().0 == 0) {
        let bytes = encoded(encoding, out, inn);
        let w = WeightRef { bytes: &bytes, encoding, rows: out, cols: inn, row_order: RowOrder::Hf };
        let resident = cpu.prepare(w).unwrap();
        let m = Matrix { resident: &resident, source: w };
        let mut line = format!("{out}x{inn} {encoding:?}, GFLOP/s at rows:");
        for rows in [1, 2, 4, 8, 16, 32, 33] {
            let (x, mut y) = (cpu.upload(&random(1, rows * inn)), cpu.buf(rows * out));
            let n = (10_000_000 / (out * inn * rows)).max(1);
            let mut best = f64::MAX;
            // Many short runs: one of them has the core to itself.
            for _ in 0..100 {
                let t = std::time::Instant::now();
                (0..n).for_each(|_| cpu.linear(&mut y, &x, m, None));
                best = best.min(t.elapsed().as_secs_f64() / n as f64);
            }
            line += &format!("  {rows}: {:.1}", 2e-9 * (out * inn * rows) as f64 / best);
        }
        std::io::Write::write_all(&mut std::io::stderr(), (line + "\n").as_bytes()).unwrap();
    }
}
