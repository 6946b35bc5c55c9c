//! The bound for scores that are not 0 or 1, and for prompts in clusters: bootstrap-t over clusters; where nearly all
//! clusters have one value, the adjusted interval of Bonett and Price (2012, J Educ Behav Stat 37:479) over clusters.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::paired::{Z95, Z99};

const ROUNDS: usize = 2000;
/// With fewer clusters off the commonest value, a resample often has none of them: then it has no spread of its own, and the
/// bootstrap's t is no number (e⁻² of the resamples at two such clusters, e⁻¹⁰ at ten).
const LEAST_OFF_MODE: usize = 10;

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
    let units = units(clusters);
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
    if let Some(mode) = sparse_mode(&units) {
        return adjusted(&units, mode, confidence);
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

/// How [`bootstrap_t`] computes the bounds of these differences.
pub(super) fn method(clusters: &[Vec<f64>]) -> &'static str {
    let units = units(clusters);
    let differs = units.len() >= 2 && ratio(units.iter().copied(), units.len()).1 > f64::EPSILON;
    if differs && sparse_mode(&units).is_some() { "bonett-price" } else { "bootstrap-t" }
}

/// Sum and size of each cluster.
fn units(clusters: &[Vec<f64>]) -> Vec<(f64, f64)> {
    clusters.iter().filter(|c| !c.is_empty()).map(|c| (c.iter().sum(), c.len() as f64)).collect()
}

/// The value that more than half of the clusters have, where fewer than [`LEAST_OFF_MODE`] have another.
fn sparse_mode(units: &[(f64, f64)]) -> Option<f64> {
    let mut means: Vec<f64> = units.iter().map(|(sum, size)| sum / size).collect();
    means.sort_by(f64::total_cmp);
    // More than half: the middle one has it.
    let mode = means[means.len() / 2];
    let off = means.iter().filter(|mean| (**mean - mode).abs() > f64::EPSILON).count();
    (off < LEAST_OFF_MODE && 2 * off < means.len()).then_some(mode)
}

/// Mean ± z standard errors after two clusters of mean size are added: what an unseen prompt could still do at most, 1 above
/// the mode and 1 below it.
fn adjusted(units: &[(f64, f64)], mode: f64, confidence: Confidence) -> (f64, f64) {
    let size = units.iter().map(|(_, size)| size).sum::<f64>() / units.len() as f64;
    let unseen = [((mode + 1.0) * size, size), ((mode - 1.0) * size, size)];
    let (mean, error) = ratio(units.iter().copied().chain(unseen), units.len() + 2);
    let half = confidence.z() * error;
    ((mean - half).max(-1.0), (mean + half).min(1.0))
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
    use crate::eval::paired::{Pairs, tango_interval};

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

    /// Made by `tests/oracles/paired_stats.py` (statsmodels 0.15.0): weighted least squares, cluster-robust error.
    #[test]
    fn sparse_differences_have_the_oracles_interval() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/paired_stats.json")).unwrap();
        let rows = vectors["sparse90"].as_array().unwrap();
        for row in rows {
            let clusters: Vec<Vec<f64>> = serde_json::from_value(row["clusters"].clone()).unwrap();
            let (low, high) = bootstrap_t(&clusters, 1, Confidence::P95);
            assert_eq!(method(&clusters), "bonett-price");
            let expected = (row["ci"][0].as_f64().unwrap(), row["ci"][1].as_f64().unwrap());
            assert!((low - expected.0).abs() < 1e-9 && (high - expected.1).abs() < 1e-9, "{low} {high} {row}");
        }
        assert_eq!(rows.len(), 6);
    }

    /// Independent right and wrong answers have Tango's interval; the one here is near it.
    #[test]
    fn sparse_differences_are_near_tangos_interval() {
        for (n, broken, fixed) in [(37, 0, 2), (37, 1, 1), (37, 2, 0), (52, 0, 1), (100, 3, 5), (200, 0, 9), (40, 2, 4)]
        {
            let d: Vec<f64> =
                (0..n).map(|i| if i < broken { -1.0 } else { f64::from(u8::from(i < broken + fixed)) }).collect();
            let (low, high) = bootstrap_t(&singles(&d), 1, Confidence::P95);
            let tango = tango_interval(Pairs { n, broken, fixed }, Z95);
            let far = 0.02;
            assert!(
                (low - tango.0).abs() < far && (high - tango.1).abs() < far,
                "{n} {broken} {fixed}: {low} {high} {tango:?}"
            );
        }
    }

    /// Two of 37 questions, two of them of one document: the bound was +1.1 to +100.0 points.
    #[test]
    fn two_of_37_prove_nothing() {
        let mut clusters = singles(&[0.0; 33]);
        clusters.extend([vec![0.0, 1.0], vec![1.0, 0.0]]);
        for confidence in [Confidence::P95, Confidence::P99] {
            let (low, high) = bootstrap_t(&clusters, 1, confidence);
            assert!((-0.08..0.0).contains(&low) && (0.10..0.20).contains(&high), "{low} {high}");
        }
    }

    /// Seeded: few clusters of two that differ, the true mean within the bounds in at least 93 of 100 runs on each side.
    #[test]
    fn bounds_of_sparse_clusters_hold() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        for (clusters, better, worse) in [(40, 0.02, 0.02), (40, 0.06, 0.0), (60, 0.1, 0.02), (100, 0.04, 0.01)] {
            let truth = better - worse;
            let (mut below, mut above) = (0, 0);
            for _ in 0..400 {
                let groups: Vec<Vec<f64>> = (0..clusters)
                    .map(|_| {
                        let u: f64 = random.random();
                        let d = if u < better {
                            1.0
                        } else if u < better + worse {
                            -1.0
                        } else {
                            0.0
                        };
                        vec![d; 2]
                    })
                    .collect();
                let (low, high) = bootstrap_t(&groups, 1, Confidence::P95);
                below += usize::from(truth < low);
                above += usize::from(truth > high);
            }
            assert!(below <= 28 && above <= 28, "{clusters} {better} {worse}: {below} {above} of 400");
        }
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
