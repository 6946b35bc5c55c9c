//! Cross-entropy and log-softmax over rows of logits.

use crate::ops::RowLoss;
use crate::ops::cpu::Cpu;
use crate::ops::cpu::simd::{LANES, exp, max, simd};
use crate::ops::pool::Parts;

simd! {
    /// (Σ e^{l−m}, Σ e^{l−m}·(l−m)) in 16 f64 lanes... the lanes are f32 over stretches of 4096, then f64.
    fn exponentials(l: &[f32], m: f32) -> (f64, f64) {
        let (mut total, mut weighted) = (0.0f64, 0.0f64);
        for stretch in l.chunks(4096) {
            let (mut s, mut w) = ([0.0f32; LANES], [0.0f32; LANES]);
            let chunks = stretch.chunks_exact(LANES);
            let rest = chunks.remainder();
            for c in chunks {
                for i in 0..LANES {
                    let d = c[i] - m;
                    let e = exp(d);
                    s[i] += e;
                    w[i] += e * d;
                }
            }
            for (i, &l) in rest.iter().enumerate() {
                let e = exp(l - m);
                s[i] += e;
                w[i] += e * (l - m);
            }
            total += s.iter().map(|&v| f64::from(v)).sum::<f64>();
            weighted += w.iter().map(|&v| f64::from(v)).sum::<f64>();
        }
        (total, weighted)
    }
}

simd! {
    fn to_gradient(l: &mut [f32], log_sum: f32, weight: f32) {
        l.iter_mut().for_each(|l| *l = exp(*l - log_sum) * weight);
    }
}

simd! {
    fn subtract(l: &mut [f32], by: f32) {
        l.iter_mut().for_each(|l| *l -= by);
    }
}

simd! {
    /// Σ p·(log p − log q); the teacher's logits become its probabilities p.
    fn divergence(t: &mut [f32], l: &[f32], teacher_log_sum: f32, log_sum: f32) -> f64 {
        let mut total = 0.0f64;
        for (t, l) in t.chunks_mut(4096).zip(l.chunks(4096)) {
            let mut lanes = [0.0f32; LANES];
            let (mut ts, mut ls) = (t.chunks_exact_mut(LANES), l.chunks_exact(LANES));
            for (t, l) in (&mut ts).zip(&mut ls) {
                for i in 0..LANES {
                    let log_p = t[i] - teacher_log_sum;
                    t[i] = exp(log_p);
                    lanes[i] += t[i] * (log_p - (l[i] - log_sum));
                }
            }
            for (t, l) in ts.into_remainder().iter_mut().zip(ls.remainder()) {
                let log_p = *t - teacher_log_sum;
                *t = exp(log_p);
                lanes[0] += *t * (log_p - (*l - log_sum));
            }
            total += lanes.iter().map(|&v| f64::from(v)).sum::<f64>();
        }
        total
    }
}

simd! {
    fn to_difference(l: &mut [f32], p: &[f32], log_sum: f32, weight: f32) {
        l.iter_mut().zip(p).for_each(|(l, p)| *l = (exp(*l - log_sum) - *p) * weight);
    }
}

/// The row's largest, where it is first, log Σ e^l, and the distribution's entropy.
fn whole(l: &[f32]) -> (u32, f64, f64) {
    let m = max(l);
    let (total, weighted) = exponentials(l, m);
    let argmax = l.iter().position(|&v| v == m).unwrap_or(0) as u32;
    (argmax, f64::from(m) + total.ln(), total.ln() - weighted / total)
}

fn distilled(l: &mut [f32], t: &mut [f32], weight: Option<f32>) -> RowLoss {
    let (argmax, log_sum, entropy) = whole(l);
    let (_, teachers, _) = whole(t);
    let nll = divergence(t, l, teachers as f32, log_sum as f32);
    if let Some(weight) = weight {
        to_difference(l, t, log_sum as f32, weight);
    }
    RowLoss { nll, entropy, argmax }
}

fn row(l: &mut [f32], target: usize, weight: Option<f32>, smoothing: f32) -> RowLoss {
    let m = max(l);
    let argmax = l.iter().position(|&v| v == m).unwrap_or(0) as u32;
    let (total, weighted) = exponentials(l, m);
    let log_total = total.ln();
    let mut nll = log_total - (f64::from(l[target]) - f64::from(m));
    if smoothing > 0.0 {
        let mean = l.iter().map(|&v| f64::from(v)).sum::<f64>() / l.len() as f64;
        nll += f64::from(smoothing) * (f64::from(m) + log_total - mean - nll);
    }
    let entropy = log_total - weighted / total;
    if let Some(weight) = weight {
        to_gradient(l, (f64::from(m) + log_total) as f32, weight);
        if smoothing > 0.0 {
            subtract(l, weight * smoothing / l.len() as f32);
        }
        l[target] -= weight * (1.0 - smoothing);
    }
    RowLoss { nll, entropy, argmax }
}

impl Cpu {
    pub(super) fn cross_entropy_rows(
        &self,
        logits: &mut [f32],
        targets: &[u32],
        weight: Option<f32>,
        smoothing: f32,
    ) -> Vec<RowLoss> {
        let mut rows = vec![RowLoss::default(); targets.len()];
        if rows.is_empty() {
            return rows;
        }
        let width = logits.len() / targets.len();
        assert!(logits.len() == width * targets.len() && targets.iter().all(|&t| (t as usize) < width));
        let (logits, out) = (Parts::new(logits), Parts::new(&mut rows));
        self.pool.run(targets.len(), &|i| {
            // SAFETY: each task takes its own row.
            let (l, out) = unsafe { (logits.slice(i * width, width), out.slice(i, 1)) };
            out[0] = row(l, targets[i] as usize, weight, smoothing);
        });
        rows
    }

    pub(super) fn distil_rows(
        &self,
        logits: &mut [f32],
        teacher: &mut [f32],
        width: usize,
        weight: Option<f32>,
    ) -> Vec<RowLoss> {
        assert!(logits.len() == teacher.len() && logits.len().is_multiple_of(width));
        let mut rows = vec![RowLoss::default(); logits.len() / width];
        let (n, logits, teacher, out) = (rows.len(), Parts::new(logits), Parts::new(teacher), Parts::new(&mut rows));
        self.pool.run(n, &|i| {
            // SAFETY: each task takes its own rows.
            let (l, t, out) =
                unsafe { (logits.slice(i * width, width), teacher.slice(i * width, width), out.slice(i, 1)) };
            out[0] = distilled(l, t, weight);
        });
        rows
    }

    pub(super) fn log_softmax_rows(&self, logits: &mut [f32], width: usize) {
        self.rows(logits, width, &|_, part| {
            for l in part.chunks_exact_mut(width) {
                let m = max(l);
                let (total, _) = exponentials(l, m);
                subtract(l, (f64::from(m) + total.ln()) as f32);
            }
        });
    }
}
