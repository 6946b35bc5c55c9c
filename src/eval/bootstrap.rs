//! The bound for scores that are not 0 or 1, and for prompts in clusters: bootstrap-t over clusters.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::paired::{Z95, Z99};

const ROUNDS: usize = 2000;

/// How sure a one-sided bound is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Confidence {
    P95,
    P99,
}

impl Confidence {
    fn alpha(self) -> f64 {
        match self {
            Self::P95 => 0.05,
            Self::P99 => 0.01,
        }
    }

    pub(super) fn z(self) -> f64 {
        match self {
            Self::P95 => Z95,
            Self::P99 => Z99,
        }
    }
}

/// One-sided bounds of the mean of the differences. `clusters`: the differences, grouped by what is not independent
/// (each prompt a group of its own where nothing is said). Deterministic in `seed`.
pub fn bootstrap_t(clusters: &[Vec<f64>], seed: u64, confidence: Confidence) -> (f64, f64) {
    let units: Vec<(f64, f64)> =
        clusters.iter().filter(|c| !c.is_empty()).map(|c| (c.iter().sum(), c.len() as f64)).collect();
    if units.len() < 2 {
        return (-1.0, 1.0);
    }
    let (mean, error) = ratio(units.iter().copied(), units.len());
    if error <= f64::EPSILON {
        // Nothing differs between prompts: not certainty, but what an unseen prompt could still do (as Tango's bound at no flips).
        let z2 = confidence.z().powi(2);
        let unseen = z2 / (units.len() as f64 + z2);
        return ((mean - unseen).max(-1.0), (mean + unseen).min(1.0));
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = vec![(0.0, 0.0); units.len()];
    let mut t: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            for slot in &mut draw {
                *slot = units[random.random_range(0..units.len())];
            }
            let (m, e) = ratio(draw.iter().copied(), draw.len());
            match (m - mean, e) {
                (d, e) if e > f64::EPSILON => d / e,
                (d, _) if d.abs() <= f64::EPSILON => 0.0,
                (d, _) => d.signum() * f64::INFINITY,
            }
        })
        .collect();
    t.sort_by(f64::total_cmp);
    let bound = |quantile: f64| mean - t[((ROUNDS as f64 * quantile) as usize).min(ROUNDS - 1)] * error;
    (bound(1.0 - confidence.alpha()).max(-1.0), bound(confidence.alpha()).min(1.0))
}

/// Mean over all members and its standard error from the spread between clusters (ratio estimator).
fn ratio(units: impl Iterator<Item = (f64, f64)> + Clone, count: usize) -> (f64, f64) {
    let (sum, size) = units.clone().fold((0.0, 0.0), |(s, n), (a, b)| (s + a, n + b));
    let mean = sum / size;
    let spread: f64 = units.map(|(s, n)| (s - mean * n).powi(2)).sum();
    let count = count as f64;
    (mean, (count / (count - 1.0) * spread).sqrt() / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn singles(d: &[f64]) -> Vec<Vec<f64>> {
        d.iter().map(|x| vec![*x]).collect()
    }

    #[test]
    fn bounds_hold_the_mean_and_know_clusters() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let d: Vec<f64> = (0..60).map(|_| random.random::<f64>() * 0.4 - 0.15).collect();
        let mean = d.iter().sum::<f64>() / 60.0;
        let (low, high) = bootstrap_t(&singles(&d), 1, Confidence::P95);
        assert!(low < mean && mean < high && high - low < 0.12, "{low} {mean} {high}");
        assert_eq!(bootstrap_t(&singles(&d), 1, Confidence::P95), (low, high));
        // The same numbers three times over, said to be clusters, prove no more than once.
        let thrice: Vec<Vec<f64>> = d.iter().map(|x| vec![*x; 3]).collect();
        let (l3, h3) = bootstrap_t(&thrice, 1, Confidence::P95);
        assert!((l3 - low).abs() < 1e-9 && (h3 - high).abs() < 1e-9);
        let (l0, h0) = bootstrap_t(&singles(&[0.0; 52]), 1, Confidence::P95);
        let (low99, high99) = bootstrap_t(&singles(&d), 1, Confidence::P99);
        assert!(low99 < low && high < high99, "{low99} {high99}");
        assert!((-0.05..-0.04).contains(&l0) && h0 > 0.04);
        assert_eq!(bootstrap_t(&singles(&[0.3]), 1, Confidence::P95), (-1.0, 1.0));
    }

    /// Seeded: a mean exactly at the margin passes in at most 8 % of runs at n = 60.
    #[test]
    fn a_mean_at_the_margin_seldom_passes() {
        let mut random = ChaCha8Rng::seed_from_u64(11);
        let passes = (0..250)
            .filter(|i| {
                // Mean −0.05 with a left tail: one in twenty loses all.
                let d: Vec<f64> = (0..60)
                    .map(|_| if random.random_bool(0.05) { -0.9 } else { random.random::<f64>() * 0.2 - 0.105_263 })
                    .collect();
                bootstrap_t(&singles(&d), *i, Confidence::P95).0 > -0.05
            })
            .count();
        assert!(passes <= 20, "{passes} of 250");
    }
}
