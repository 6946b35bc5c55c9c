//! Every operation beside the CPU's own, which has its own oracles; on every device that there is.

use super::*;
use crate::ops::{Attended, Compute, Cpu, Encoding, Mask, RowOrder, uniform_at};

fn random(key: u64, n: usize) -> Vec<f32> {
    (0..n).map(|i| uniform_at(key, i as u64) as f32 * 2.0 - 1.0).collect()
}

fn close(what: &str, ours: &[f32], theirs: &[f32]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let scale = ours.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() <= 2e-5 * scale, "{what}: value {i}: {a} on our CPU, {b} there");
    }
}

/// The same work for both, and what it left.
trait Work {
    fn of<O: Ops>(&self, ops: &O) -> Vec<Vec<f32>>;
}

fn same(what: &str, work: &impl Work) {
    let ours = work.of(&Cpu::new(2));
    for device in Tensors::all() {
        let theirs = work.of(&device);
        assert!(device.fault().is_none(), "{what}");
        let name = |i| format!("{what} on {}: result {i}", device.route());
        ours.iter().zip(&theirs).enumerate().for_each(|(i, (a, b))| close(&name(i), a, b));
        assert_eq!(ours.len(), theirs.len());
    }
}

struct Elementwise {
    rows: usize,
    heads: usize,
    order: RowOrder,
}

impl Work for Elementwise {
    fn of<O: Ops>(&self, ops: &O) -> Vec<Vec<f32>> {
        let (rows, width) = (self.rows, self.heads * 8);
        let up = |key| ops.upload(&random(key, rows * width));
        let (x, g, w) = (up(1), up(2), ops.upload(&random(3, width)));
        let (mut y, mut dx) = (ops.buf(rows * width), up(4));
        ops.rms_norm(&mut y, &x, &w, 1e-5);
        ops.rms_norm_back(&mut dx, &g, &x, &w, 1e-5, false);
        let mut set = up(5);
        ops.rms_norm_back(&mut set, &g, &x, &w, 1e-5, true);
        let angles = random(6, rows * 4);
        let of = |f: fn(f32) -> f32| angles.iter().map(|a| f(*a)).collect();
        let rotation = Rotation { cos: of(f32::cos), sin: of(f32::sin), order: self.order, head_dim: 8 };
        let (mut turned, mut back) = (up(7), up(8));
        ops.rope(&mut turned, &rotation, false);
        ops.rope(&mut back, &rotation, true);
        let (mut h, mut dgate, mut dup) = (ops.buf(rows * width), ops.buf(rows * width), up(9));
        ops.swiglu(&mut h, &x, &g);
        ops.swiglu_back(&mut dgate, &mut dup, &h, &x, &g);
        let mut sum = up(10);
        ops.add(&mut sum, &x);
        let picked: Vec<usize> = (0..rows).filter(|r| r % 3 != 1).collect();
        let mut few = ops.buf(picked.len() * width);
        ops.gather(&mut few, &x, &picked, width);
        ops.scatter_add(&mut sum, &few, &picked, width);
        let mut put = ops.zeros(rows * width);
        ops.scatter(&mut put, &few, &picked, width);
        [y, dx, set, turned, back, h, dgate, dup, sum, few, put].iter().map(|b| ops.download(b)).collect()
    }
}

#[test]
fn elementwise_as_on_our_cpu() {
    for (rows, heads, order) in [(1, 1, RowOrder::Hf), (7, 3, RowOrder::Ggml), (50, 2, RowOrder::Hf)] {
        same(&format!("{rows} rows"), &Elementwise { rows, heads, order });
    }
}

struct Linears {
    rows: usize,
    mask: Option<Mask>,
}

impl Work for Linears {
    fn of<O: Ops>(&self, ops: &O) -> Vec<Vec<f32>> {
        let (rows, inn, out, rank) = (self.rows, 24, 40, 3);
        let bytes: Vec<u8> = random(1, out * inn).iter().flat_map(|v| v.to_le_bytes()).collect();
        let source =
            WeightRef { bytes: &bytes, encoding: Encoding::F32, rows: out, cols: inn, row_order: RowOrder::Hf };
        let resident = ops.prepare(source).unwrap();
        let w = Matrix { resident: &resident, source, compute: Compute::F32 };
        let (x, dy, bias) =
            (ops.upload(&random(2, rows * inn)), ops.upload(&random(3, rows * out)), ops.upload(&random(4, out)));
        let (a, b) = (random(5, rank * inn), random(6, out * rank));
        let pair = LowRank { a: &a, b: &b, rank, scale: 1.7, mask: self.mask };
        let (mut y, mut dx) = (ops.buf(rows * out), ops.upload(&random(7, rows * inn)));
        ops.linear(&mut y, &x, w, Some(&bias));
        let down = ops.low_rank(&mut y, &x, pair);
        ops.linear_back(&mut dx, &dy, w, false);
        let (mut da, mut db) = (random(8, a.len()), random(9, b.len()));
        let grad = LowRankGrad { a: &mut da, b: &mut db };
        ops.low_rank_back(Some(&mut dx), grad, &dy, &x, &down, pair);
        let mut embedded = ops.buf(3 * inn);
        ops.embed(&mut embedded, &[39, 0, 7], source);
        let mut out: Vec<_> = [y, down, dx, embedded].iter().map(|b| ops.download(b)).collect();
        out.extend([da, db]);
        out
    }
}

#[test]
fn linears_as_on_our_cpu() {
    for (rows, mask) in
        [(1, None), (5, Some(Mask { p: 0.3, key: 11 })), (70, Some(Mask { p: 0.1, key: 2 })), (64, None)]
    {
        same(&format!("{rows} rows, {mask:?}"), &Linears { rows, mask });
    }
}

struct Attention {
    heads: Heads,
    segments: Vec<Segment>,
    /// Rows of q, and of k and v.
    rows: (usize, usize),
}

impl Work for Attention {
    fn of<O: Ops>(&self, ops: &O) -> Vec<Vec<f32>> {
        let h = self.heads;
        let (n, m) = (self.rows.0 * h.heads * h.head_dim, self.rows.1 * h.kv_heads * h.head_dim);
        let (q, k, v) = (ops.upload(&random(1, n)), ops.upload(&random(2, m)), ops.upload(&random(3, m)));
        let dout = ops.upload(&random(4, n));
        let mut out = ops.buf(n);
        let lse = ops.attention(&mut out, Qkv { q: &q, k: &k, v: &v }, h, &self.segments);
        let (mut dq, mut dk, mut dv) = (ops.buf(n), ops.buf(m), ops.buf(m));
        let saved = Attended { q: &q, k: &k, v: &v, out: &out, lse: &lse };
        let grad = QkvGrad { dq: &mut dq, dk: &mut dk, dv: &mut dv };
        ops.attention_back(grad, &dout, saved, h, &self.segments);
        [out, lse, dq, dk, dv].iter().map(|b| ops.download(b)).collect()
    }
}

#[test]
fn attention_as_on_our_cpu() {
    let heads = |heads, kv_heads| Heads { heads, kv_heads, head_dim: 4 };
    let alone = |first, n| Segment::alone(first, n);
    // A beginning, two that go on from it, and one alone.
    let trie = vec![
        alone(0, 5),
        Segment { before: std::iter::once(0..5).collect(), ..alone(5, 3) },
        Segment { before: vec![0..5, 5..8], ..alone(8, 4) },
        alone(12, 1),
    ];
    // Longer than a strip; and read at some of its rows only, fewer queries than keys.
    let read = vec![Segment { query: 0, own: 0, offsets: vec![2, 5, 299], before: Vec::new() }];
    for (h, segments, rows) in [
        (heads(1, 1), vec![alone(0, 1)], (1, 1)),
        (heads(6, 2), trie, (13, 13)),
        (heads(4, 4), vec![alone(0, 300)], (300, 300)),
        (heads(3, 1), read, (3, 300)),
    ] {
        same(&format!("{h:?}, {rows:?}"), &Attention { heads: h, segments, rows });
    }
}

struct Losses {
    weight: Option<f32>,
    smoothing: f32,
}

impl Work for Losses {
    fn of<O: Ops>(&self, ops: &O) -> Vec<Vec<f32>> {
        let (rows, width) = (9, 77);
        let logits = |key| ops.upload(&random(key, rows * width).iter().map(|v| 9.0 * v).collect::<Vec<_>>());
        let (mut l, mut teacher, mut pupil, mut log) = (logits(1), logits(2), logits(3), logits(4));
        let targets: Vec<u32> = (0..rows as u32).map(|r| r * 8).collect();
        let mut said = ops.cross_entropy(&mut l, &targets, self.weight, self.smoothing);
        said.extend(ops.distil(&mut pupil, &mut teacher, width, self.weight));
        ops.log_softmax(&mut log, width);
        let told = said.iter().flat_map(|r| [r.nll as f32, r.entropy as f32, r.argmax as f32]).collect();
        let mut out = vec![told, ops.download(&teacher), ops.download(&log)];
        if self.weight.is_some() {
            out.extend([ops.download(&l), ops.download(&pupil)]);
        }
        out
    }
}

#[test]
fn losses_as_on_our_cpu() {
    for (weight, smoothing) in [(None, 0.0), (Some(0.25), 0.0), (Some(1.5), 0.1)] {
        same(&format!("weight {weight:?}, smoothing {smoothing}"), &Losses { weight, smoothing });
    }
}

/// What failed is told once, and nobody takes what was computed after it for a result.
#[test]
fn a_failure_is_kept_until_somebody_asks() {
    for device in Tensors::all() {
        let (x, mut y) = (device.upload(&[1.0, 2.0]), device.buf(2));
        let torn = device.made(2, || device.get(&x, 2)?.narrow(0, 1, 2));
        device.add(&mut y, &torn);
        let fault = device.fault();
        assert!(matches!(fault, Some(OpsError::Device(_) | OpsError::DeviceMemory)), "{fault:?}");
        assert!(device.fault().is_none());
    }
    let device = &Tensors::all()[0];
    device.failed(&candle_core::Error::Msg("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")".to_owned()));
    assert!(matches!(device.fault(), Some(OpsError::DeviceMemory)));
}
