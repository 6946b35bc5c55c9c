//! Every copy of the elementwise kernels, whatever vectors it was compiled for.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::ops::cpu::simd::{Vectors, forced};

/// What the kernels make of `n` values, as bits; a NaN's own bits mean nothing.
#[derive(Debug, Default)]
struct Outputs(Vec<(&'static str, Vec<u64>)>);

impl Outputs {
    fn add(&mut self, what: &'static str, values: &[f32]) {
        let bits = |v: &f32| if v.is_nan() { u64::MAX } else { u64::from(v.to_bits()) };
        self.0.push((what, values.iter().map(bits).collect()));
    }

    fn losses(&mut self, what: &'static str, rows: &[RowLoss]) {
        let bits = |r: &RowLoss| [r.nll.to_bits(), r.entropy.to_bits(), u64::from(r.argmax)];
        self.0.push((what, rows.iter().flat_map(bits).collect()));
    }
}

/// All of it on this thread, whose copy is forced: with one thread the pool's tasks run where they are asked for.
fn outputs(cpu: &Cpu, n: usize) -> Outputs {
    let mut out = Outputs::default();
    norms_and_rope(cpu, n, &mut out);
    gates(cpu, n, &mut out);
    losses(cpu, n, &mut out);
    attentions(cpu, n.min(70), &mut out);
    linears(cpu, n, &mut out);
    out
}

fn norms_and_rope(cpu: &Cpu, n: usize, out: &mut Outputs) {
    let (mut x, w, g) = (random(1, 3 * n), random(2, n), cpu.upload(&random(3, 3 * n)));
    // One row that has no norm.
    x[n] = 3e19;
    let (x, w) = (cpu.upload(&x), cpu.upload(&w));
    let (mut y, mut dx) = (cpu.buf(3 * n), cpu.upload(&g));
    cpu.rms_norm(&mut y, &x, &w, 1e-5);
    out.add("norm", &y);
    for set in [true, false] {
        cpu.rms_norm_back(&mut dx, &g, &x, &w, 1e-5, set);
        out.add("norm, back", &dx);
    }
    let (cos, sin) = random(4, 3 * n).iter().map(|a| (a.cos(), a.sin())).unzip::<_, _, Vec<_>, Vec<_>>();
    for order in [RowOrder::Hf, RowOrder::Ggml] {
        let rotation = Rotation { cos: cos.clone(), sin: sin.clone(), order, head_dim: 2 * n };
        let mut x = cpu.upload(&random(5, 3 * 2 * 2 * n));
        for back in [false, true] {
            cpu.rope(&mut x, &rotation, back);
            out.add("rope", &x);
        }
    }
}

fn gates(cpu: &Cpu, n: usize, out: &mut Outputs) {
    // Up to where σ is 0 or 1 and e^x leaves its range.
    let gate: Vec<f32> = random(1, n).iter().map(|v| v * 100.0).collect();
    let (gate, up, dh) = (cpu.upload(&gate), cpu.upload(&random(2, n)), cpu.upload(&random(3, n)));
    let (mut h, mut dgate, mut dup) = (cpu.buf(n), cpu.buf(n), cpu.buf(n));
    cpu.swiglu(&mut h, &gate, &up);
    cpu.swiglu_back(&mut dgate, &mut dup, &dh, &gate, &up);
    cpu.add(&mut h, &up);
    [("gate", &h), ("gate, back", &dgate), ("up, back", &dup)].into_iter().for_each(|(what, v)| out.add(what, v));
}

fn losses(cpu: &Cpu, n: usize, out: &mut Outputs) {
    let logits = |key| cpu.upload(&random(key, 2 * n).iter().map(|v| v * 8.0).collect::<Vec<_>>());
    for (weight, smoothing) in [(None, 0.0), (Some(0.25), 0.0), (Some(0.25), 0.1)] {
        let mut l = logits(1);
        out.losses("cross entropy", &cpu.cross_entropy(&mut l, &[0, n as u32 - 1], weight, smoothing));
        out.add("cross entropy, back", &l);
        let (mut l, mut teacher) = (logits(1), logits(2));
        out.losses("distil", &cpu.distil(&mut l, &mut teacher, n, weight));
        out.add("distil, back", &l);
        out.add("distil, the teacher's", &teacher);
    }
    let mut l = logits(3);
    cpu.log_softmax(&mut l, n);
    out.add("log softmax", &l);
}

/// Heads of `n` values: a sequence alone, and a lone query behind a cache.
fn attentions(cpu: &Cpu, n: usize, out: &mut Outputs) {
    let heads = Heads { heads: 4, kv_heads: 2, head_dim: n };
    let segments = [
        Segment::alone(0, 18),
        Segment { query: 18, own: 37, offsets: vec![0], before: vec![std::ops::Range { start: 18, end: 37 }] },
    ];
    let [q, dout] = [1, 2].map(|key| cpu.upload(&random(key, 19 * 4 * n)));
    let [k, v] = [3, 4].map(|key| cpu.upload(&random(key, 38 * 2 * n)));
    let mut y = cpu.buf(q.len());
    let lse = cpu.attention(&mut y, Qkv { q: &q, k: &k, v: &v }, heads, &segments);
    let (mut dq, mut dk, mut dv) = (cpu.buf(q.len()), cpu.buf(k.len()), cpu.buf(v.len()));
    let saved = Attended { q: &q, k: &k, v: &v, out: &y, lse: &lse };
    let grad = QkvGrad { dq: &mut dq, dk: &mut dk, dv: &mut dv };
    cpu.attention_back(grad, &dout, saved, heads, &segments);
    let all = [("attention", &y), ("its log-sums", &lse), ("dq", &dq), ("dk", &dk), ("dv", &dv)];
    all.into_iter().for_each(|(what, v)| out.add(what, v));
}

/// Products of one row and of a few, and the scaling within low-rank terms.
fn linears(cpu: &Cpu, n: usize, out: &mut Outputs) {
    let (bytes, a, b) = (f32_source(&random(1, 5 * n), 5, n), random(2, 2 * n), random(3, 5 * 2));
    let w = Matrix { resident: bare(), source: source(&bytes), compute: Compute::F32 };
    let pair = LowRank { a: &a, b: &b, rank: 2, scale: 0.3, mask: None };
    for rows in [1, 6] {
        let (x, mut y) = (cpu.upload(&random(4, rows * n)), cpu.buf(rows * 5));
        cpu.linear(&mut y, &x, w, None);
        out.add("product", &y);
        cpu.low_rank(&mut y, &x, pair);
        out.add("low-rank term", &y);
    }
}

/// The kernels' names as they stand in the sources: `simd! {` at the beginning of a line, and the `fn` after it.
fn declared(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.extend(declared(&path));
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            let after = |part: &str| part.split_once("fn ").unwrap().1.split_once('(').unwrap().0.to_owned();
            names.extend(text.split("\nsimd! {").skip(1).map(after));
        }
    }
    names.sort();
    names
}

/// The widest copy is what all other tests run. The others are to give its very bits: the order of every sum is written
/// out, and the compiler neither fuses nor reorders what f32 would round otherwise.
#[test]
fn every_copy_of_a_kernel_gives_the_same_bits() {
    let mut ran = BTreeSet::new();
    for cpu in Cpu::all(1) {
        for n in [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 65, 100, 129, 255, 1001, 4095, 4113] {
            let (widest, names) = forced::with(Vectors::widest(), || outputs(&cpu, n));
            ran.extend(names);
            for copy in forced::copies() {
                let (this, _) = forced::with(copy, || outputs(&cpu, n));
                for ((what, this), (_, widest)) in this.0.iter().zip(&widest.0) {
                    assert!(this == widest, "{what} of {n} values on {}: {copy:?} differs", cpu.route());
                }
            }
        }
    }
    let mut ran: Vec<_> = ran.into_iter().map(|name| name.rsplit("::").next().unwrap_or(name).to_owned()).collect();
    ran.sort();
    let folder = Path::new(file!()).ancestors().nth(2).unwrap();
    assert_eq!(ran, declared(folder), "a kernel that this test does not run");
}
