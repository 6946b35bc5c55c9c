//! Every forward against plain f64, every backward against f64 finite differences of that and against candle's autograd.

mod attention_tests;
mod copies_tests;
mod exhausted_tests;
mod few_tests;
mod linears_tests;
mod readers_tests;

use candle_core::{D, Device, Tensor, Var};

use super::*;
use crate::ops::api::{each_linear, each_linear_back};
use crate::ops::random::{bits_at, uniform_at};
use crate::ops::{
    Attended, Compute, Encoding, Heads, InputGrad, Linear, LinearGrad, LowRank, LowRankGrad, Mask, Matrix, Ops,
    OpsError, Qkv, QkvGrad, Rotation, RowLoss, RowOrder, Segment, WeightRef, decode, encode_nearest,
};

fn random(key: u64, len: usize) -> Vec<f32> {
    (0..len as u64).map(|i| (uniform_at(key, i) as f32 - 0.5) * 2.0).collect()
}

fn pick(key: u64, from: usize, to: usize) -> usize {
    from + (bits_at(99, key) % (to - from + 1) as u64) as usize
}

/// Every route of this machine.
fn cpus() -> Vec<Cpu> {
    Cpu::all(2)
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

/// A weight in f32, as it is stored.
struct F32Weight {
    bytes: Vec<u8>,
    rows: usize,
    cols: usize,
}

fn f32_source(w: &[f32], rows: usize, cols: usize) -> F32Weight {
    let mut bytes = Vec::new();
    encode_nearest(Encoding::F32, w, &mut bytes).unwrap();
    F32Weight { bytes, rows, cols }
}

/// Of a weight nothing is held beside its bytes.
fn bare() -> &'static Codes {
    static BARE: std::sync::OnceLock<Codes> = std::sync::OnceLock::new();
    BARE.get_or_init(Codes::default)
}

fn source(w: &F32Weight) -> WeightRef<'_> {
    WeightRef { bytes: &w.bytes, encoding: Encoding::F32, rows: w.rows, cols: w.cols, row_order: RowOrder::Hf }
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

/// A row that cannot be squared has no norm; the rows beside it do.
#[test]
fn a_row_too_large_for_its_norm_is_no_number() {
    let cpu = Cpu::new(1);
    let mut x = random(1, 3 * 20);
    x[27] = 3e19;
    let (xb, w) = (cpu.upload(&x), cpu.upload(&[1.0; 20]));
    let mut y = cpu.buf(60);
    cpu.rms_norm(&mut y, &xb, &w, 1e-5);
    assert!(y[20..40].iter().all(|v| v.is_nan()) && y[..20].iter().chain(&y[40..]).all(|v| v.is_finite()));
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
