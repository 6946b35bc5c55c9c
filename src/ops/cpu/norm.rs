//! RMSNorm over rows (of a token, or of a head).

use crate::ops::cpu::Cpu;
use crate::ops::cpu::simd::{simd, sum};

#[inline(always)]
fn inverse_rms(x: &[f32], eps: f32) -> f32 {
    let squares = sum(x.len(), |i| x[i] * x[i]);
    // Too large to be squared: a row that has diverged, of which 1/∞ would make zeros that look like numbers.
    if squares == f32::INFINITY {
        return f32::NAN;
    }
    1.0 / (squares / x.len() as f32 + eps).sqrt()
}

simd! {
    fn forward(y: &mut [f32], x: &[f32], w: &[f32], eps: f32) {
        for (y, x) in y.chunks_exact_mut(w.len()).zip(x.chunks_exact(w.len())) {
            let inverse = inverse_rms(x, eps);
            for ((y, x), w) in y.iter_mut().zip(x).zip(w) {
                *y = x * inverse * w;
            }
        }
    }
}

simd! {
    /// With x̂ = x/rms and g = dy·w: dx = (g − x̂·mean(g·x̂))/rms.
    fn backward(dx: &mut [f32], dy: &[f32], x: &[f32], w: &[f32], eps: f32, keep: f32) {
        let n = w.len();
        for ((dx, dy), x) in dx.chunks_exact_mut(n).zip(dy.chunks_exact(n)).zip(x.chunks_exact(n)) {
            let inverse = inverse_rms(x, eps);
            let mean = sum(n, |i| dy[i] * w[i] * x[i]) * inverse / n as f32;
            for i in 0..n {
                let old = if keep == 0.0 { 0.0 } else { dx[i] };
                dx[i] = old + inverse * (dy[i] * w[i] - x[i] * inverse * mean);
            }
        }
    }
}

impl Cpu {
    pub(super) fn norm_forward(&self, y: &mut [f32], x: &[f32], w: &[f32], eps: f32) {
        assert_eq!(y.len(), x.len());
        self.rows(y, w.len(), &|start, part| forward(part, &x[start..][..part.len()], w, eps));
    }

    pub(super) fn norm_backward(&self, dx: &mut [f32], dy: &[f32], x: &[f32], w: &[f32], eps: f32, set: bool) {
        assert!(dx.len() == x.len() && dy.len() == x.len());
        let keep = if set { 0.0 } else { 1.0 };
        self.rows(dx, w.len(), &|start, part| {
            let n = part.len();
            backward(part, &dy[start..][..n], &x[start..][..n], w, eps, keep);
        });
    }
}
