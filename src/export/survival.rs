//! How much of an intended ΔW is in the bytes that were written (DESIGN §7).

use super::Survival;

/// Sums over the elements of one tensor; parts add up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    base: f64,
    intended: f64,
    cross: f64,
    /// Σ d²r², Σ d³r, Σ d⁴ for intended d and realised r.
    fourth: [f64; 3],
    residual: f64,
    expected: f64,
}

/// One row: the base, ΔW and their sum as they were meant, what was written, and the grid there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub base: &'a [f32],
    pub delta: &'a [f32],
    pub wanted: &'a [f32],
    pub written: &'a [f32],
    pub steps: &'a [f32],
    pub dithered: bool,
}

impl Sums {
    pub(super) fn add_row(&mut self, row: Row<'_>) {
        for (i, (&base, &delta)) in row.base.iter().zip(row.delta).enumerate() {
            let (base, delta) = (f64::from(base), f64::from(delta));
            let (wanted, written) = (f64::from(row.wanted[i]), f64::from(row.written[i]));
            let realised = written - base;
            self.base += base * base;
            self.intended += delta * delta;
            let (d2, dr) = (delta * delta, delta * realised);
            self.fourth[0] += dr * dr;
            self.fourth[1] += d2 * dr;
            self.fourth[2] += d2 * d2;
            self.cross += realised * delta;
            self.residual += (written - wanted) * (written - wanted);
            self.expected += rounding(written - wanted, f64::from(row.steps[i]), row.dithered);
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.base += other.base;
        self.intended += other.intended;
        self.fourth.iter_mut().zip(other.fourth).for_each(|(a, b)| *a += b);
        self.cross += other.cross;
        self.residual += other.residual;
        self.expected += other.expected;
    }

    pub(super) fn survival(&self, tensor: &str, from: &'static str, to: &'static str, dithered: bool) -> Survival {
        let slope = if self.intended > 0.0 { self.cross / self.intended } else { 1.0 };
        // Σ d²e² / (Σ d²)² for e = r − slope · d (White 1980), because dithering's noise grows with |d|: the usual formula,
        // for even noise, says √2 too little for a weak tune.
        let [rr, dr, dd] = self.fourth;
        let noise = (rr - 2.0 * slope * dr + slope * slope * dd).max(0.0) / self.intended;
        let root = |part: f64, whole: f64| if whole > 0.0 { (part / whole).sqrt() } else { 0.0 };
        Survival {
            tensor: tensor.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            dithered,
            slope,
            standard_error: root(noise, self.intended),
            relative_delta: root(self.intended, self.base),
            residual: root(self.residual, self.expected),
        }
    }
}

/// The squared error that rounding right leaves on average, given how far from a grid point the wanted value lies:
/// (step · distance)² to nearest, step² · f (1 − f) dithered. An absent step is a grid without width. The small floor
/// covers the last bit of the f32 sum.
fn rounding(error: f64, step: f64, dithered: bool) -> f64 {
    if step <= 0.0 {
        return 0.0;
    }
    let f = (error / step).abs().fract();
    let share = if dithered { f * (1.0 - f) } else { f.min(1.0 - f).powi(2) };
    step * step * share.max(1e-4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(written: impl Fn(f32, f32) -> f32, dithered: bool) -> Survival {
        let mut sums = Sums::default();
        for r in 0..64 {
            let base: Vec<f32> = (0..64).map(|c| ((r * 64 + c) as f32 * 0.37).sin()).collect();
            let delta: Vec<f32> = (0..64).map(|c| ((r * 64 + c) as f32 * 0.11).cos() * 0.01).collect();
            let wanted: Vec<f32> = base.iter().zip(&delta).map(|(b, d)| b + d).collect();
            let written: Vec<f32> = base.iter().zip(&delta).map(|(b, d)| written(*b, *d)).collect();
            sums.add_row(Row {
                base: &base,
                delta: &delta,
                wanted: &wanted,
                written: &written,
                steps: &[0.05; 64],
                dithered,
            });
        }
        sums.survival("t", "F32", "Q8_0", dithered)
    }

    #[test]
    fn the_slope_is_the_share_that_arrived() {
        let all = sums(|b, d| b + d, false);
        assert!((all.slope - 1.0).abs() < 1e-5 && all.residual < 0.01, "{all:?}");
        assert!((sums(|b, d| b + 0.5 * d, false).slope - 0.5).abs() < 1e-5);
        assert!(sums(|b, _| b, false).slope.abs() < 1e-6);
        let rounded = sums(|b, d| ((b + d) / 0.05).round() * 0.05, false);
        assert!((rounded.slope - 1.0).abs() < 4.0 * rounded.standard_error, "{rounded:?}");
        assert!((rounded.residual - 1.0).abs() < 0.01, "{rounded:?}");
    }

    #[test]
    fn an_error_beyond_rounding_shows_in_the_residual() {
        assert!(sums(|b, d| ((b + d) / 0.05).round() * 0.05 + 0.1, false).residual > 3.0);
        assert!(sums(|b, d| ((b - d) / 0.05).floor() * 0.05 - 0.1, true).residual > 1.5);
    }
}
