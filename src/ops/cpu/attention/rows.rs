//! What attention does with a row of scores, or with a row of a head.

use crate::ops::cpu::simd::{exp, max, simd, sum};

simd! {
    /// Scores of a row's tile to e^(scale·s − most), hidden ones to 0. `state`: the row's largest score so far and Σ e^(…);
    /// where it grows, that and `out`, Σ e^(…)·v of the tiles before, shrink.
    pub(super) fn weigh(s: &mut [f32], visible: usize, scale: f32, state: &mut [f32], out: &mut [f32]) {
        let (seen, hidden) = s.split_at_mut(visible);
        hidden.fill(0.0);
        let (before, here) = (state[0], max(seen) * scale);
        if here > before {
            state[0] = here;
            if before > f32::NEG_INFINITY {
                let less = exp(before - here);
                state[1] *= less;
                out.iter_mut().for_each(|out| *out *= less);
            }
        }
        let most = state[0];
        seen.iter_mut().for_each(|s| *s = exp(*s * scale - most));
        state[1] += sum(seen.len(), |i| seen[i]);
    }
}

simd! {
    /// out = x / total.
    pub(super) fn settle(out: &mut [f32], x: &[f32], total: f32) {
        let inverse = 1.0 / total;
        out.iter_mut().zip(x).for_each(|(out, x)| *out = x * inverse);
    }
}

simd! {
    /// A lone query's scores with every key, rows of `width`.
    pub(super) fn scores(s: &mut [f32], q: &[f32], k: &[f32], width: usize) {
        for (s, k) in s.iter_mut().zip(k.chunks(width)) {
            let k = &k[..q.len()];
            *s = sum(q.len(), |i| q[i] * k[i]);
        }
    }
}

simd! {
    /// out = Σ p·v over rows of `width`.
    pub(super) fn mix(out: &mut [f32], p: &[f32], v: &[f32], width: usize) {
        out.fill(0.0);
        for (p, v) in p.iter().zip(v.chunks(width)) {
            out.iter_mut().zip(v).for_each(|(out, v)| *out += p * v);
        }
    }
}

simd! {
    /// Scores to probabilities by the saved log-sum; then dp to ds = p·(dp − Σ dout·out)·scale.
    pub(super) fn softmax_back(p: &mut [f32], dp: &mut [f32], visible: usize, scale: f32, lse: f32, inner: f32) {
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
    pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
        let b = &b[..a.len()];
        sum(a.len(), |i| a[i] * b[i])
    }
}

simd! {
    pub(super) fn add(y: &mut [f32], x: &[f32]) {
        y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
    }
}
