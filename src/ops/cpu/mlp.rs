//! The gated MLP's elementwise part, and addition.

use crate::ops::cpu::Cpu;
use crate::ops::cpu::simd::{exp, simd};
use crate::ops::pool::Parts;

simd! {
    pub(super) fn add(y: &mut [f32], x: &[f32]) {
        y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
    }
}

simd! {
    fn gate(h: &mut [f32], gate: &[f32], up: &[f32]) {
        for ((h, &g), &u) in h.iter_mut().zip(gate).zip(up) {
            *h = g / (1.0 + exp(-g)) * u;
        }
    }
}

simd! {
    /// silu′(g) = σ(g)·(1 + g·(1 − σ(g))).
    fn gate_back(dgate: &mut [f32], dup: &mut [f32], dh: &[f32], gate: &[f32], up: &[f32]) {
        let n = dgate.len();
        let (dup, dh, gate, up) = (&mut dup[..n], &dh[..n], &gate[..n], &up[..n]);
        for i in 0..n {
            let s = 1.0 / (1.0 + exp(-gate[i]));
            dup[i] = dh[i] * gate[i] * s;
            dgate[i] = dh[i] * up[i] * s * (1.0 + gate[i] * (1.0 - s));
        }
    }
}

impl Cpu {
    pub(super) fn gate_forward(&self, h: &mut [f32], g: &[f32], up: &[f32]) {
        assert!(h.len() == g.len() && h.len() == up.len());
        self.rows(h, 1, &|start, part| gate(part, &g[start..][..part.len()], &up[start..][..part.len()]));
    }

    pub(super) fn gate_backward(&self, dgate: &mut [f32], dup: &mut [f32], dh: &[f32], g: &[f32], up: &[f32]) {
        let n = dgate.len();
        assert!([dup.len(), dh.len(), g.len(), up.len()].iter().all(|&l| l == n));
        let dup = Parts::new(dup);
        self.rows(dgate, 1, &|start, part| {
            let n = part.len();
            // SAFETY: the same range as `part`, which belongs to this task.
            let dup = unsafe { dup.slice(start, n) };
            gate_back(part, dup, &dh[start..][..n], &g[start..][..n], &up[start..][..n]);
        });
    }
}
