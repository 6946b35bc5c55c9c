//! Paired binary outcomes: Tango's score test and interval (Tango 1998, Stat Med 17:891; closed form of
//! Yang, Sun & Hardin 2013), McNemar's exact test and mid-p (Fagerland, Lydersen & Laake 2013).

/// The standard normal's 95 % point: one-sided α = .05.
pub(super) const Z95: f64 = 1.644_853_626_951_472_2;
/// The 99 % point: one-sided α = .01.
pub(super) const Z99: f64 = 2.326_347_874_040_840_8;

/// `n` prompts of which `broken` are right before and wrong after, `fixed` the reverse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Pairs {
    pub n: usize,
    pub broken: usize,
    pub fixed: usize,
}

impl Pairs {
    /// After minus before, as a share.
    pub fn difference(self) -> f64 {
        if self.n == 0 { 0.0 } else { (self.fixed as f64 - self.broken as f64) / self.n as f64 }
    }
}

/// Tango's score statistic for H0: difference = `d0`; large when the true difference is above it. −1 < d0 < 1.
pub fn tango_z(pairs: Pairs, d0: f64) -> f64 {
    let (n, b, c) = (pairs.n as f64, pairs.broken as f64, pairs.fixed as f64);
    let a2 = 2.0 * n;
    let a1 = -b - c + (2.0 * n - c + b) * d0;
    let a0 = -b * d0 * (1.0 - d0);
    let q = ((a1 * a1 - 4.0 * a2 * a0).max(0.0).sqrt() - a1) / (2.0 * a2);
    let variance = n * (2.0 * q + d0 * (1.0 - d0));
    let distance = c - b - n * d0;
    if variance > 0.0 {
        distance / variance.sqrt()
    } else if distance == 0.0 || pairs.n == 0 {
        0.0
    } else {
        distance.signum() * f64::INFINITY
    }
}

/// The interval of differences that the score test at `z` does not reject (`z` 1.645: 90 % two-sided, 95 % each side).
pub fn tango_interval(pairs: Pairs, z: f64) -> (f64, f64) {
    if pairs.n == 0 {
        return (-1.0, 1.0);
    }
    let d = pairs.difference();
    let root = |target: f64, mut low: f64, mut high: f64| {
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            if tango_z(pairs, middle) > target { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    };
    (root(z, -1.0 + 1e-12, d), root(-z, d, 1.0 - 1e-12))
}

/// McNemar's mid-p, two-sided: shown beside the interval, never a gate.
pub fn mcnemar_midp(pairs: Pairs) -> f64 {
    let n = pairs.broken + pairs.fixed;
    if n == 0 {
        return 1.0;
    }
    let (below, at) = binomial_tail(n, pairs.broken.min(pairs.fixed));
    if pairs.broken == pairs.fixed { 1.0 - 0.5 * at } else { (2.0 * below - at).min(1.0) }
}

/// McNemar's exact test, one-sided: the chance of at least `broken` of the flips going that way where both ways are
/// equally likely. Small when v2 is worse.
pub fn mcnemar_worse(pairs: Pairs) -> f64 {
    // P(X ≥ broken) = P(X ≤ fixed), X binomial with ½.
    binomial_tail(pairs.broken + pairs.fixed, pairs.fixed).0.min(1.0)
}

/// The exact sign test, two-sided: the chance of a split at least as uneven where both ways are equally likely.
pub(super) fn sign_test(wins: usize, losses: usize) -> f64 {
    (2.0 * binomial_tail(wins + losses, wins.min(losses)).0).min(1.0)
}

/// P(X ≤ k) and P(X = k) of a binomial with n trials of ½.
fn binomial_tail(n: usize, k: usize) -> (f64, f64) {
    // log C(n, i) − n log 2, summed up term by term.
    let mut log_term = -(n as f64) * std::f64::consts::LN_2;
    let (mut below, mut at) = (0.0, 0.0);
    for i in 0..=k.min(n) {
        if i > 0 {
            log_term += ((n - i + 1) as f64 / i as f64).ln();
        }
        at = log_term.exp();
        below += at;
    }
    (below, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `tests/oracles/paired_stats.py` (statsmodels 0.15.0, scipy 1.17.1).
    const VECTORS: &str = include_str!("../../tests/fixtures/paired_stats.json");

    fn vectors(key: &str) -> Vec<serde_json::Value> {
        serde_json::from_str::<serde_json::Value>(VECTORS).unwrap()[key].as_array().unwrap().clone()
    }

    fn pairs(v: &serde_json::Value) -> Pairs {
        let get = |k: &str| v[k].as_u64().unwrap_or(0) as usize;
        Pairs { n: get("n"), broken: get("b"), fixed: get("c") }
    }

    #[test]
    fn tango_equals_the_published_example_and_the_oracle() {
        let mut rows = 0;
        for v in vectors("tango95") {
            let (low, high) = tango_interval(pairs(&v), 1.959_963_984_540_054);
            assert!(
                (low - v["ci"][0].as_f64().unwrap()).abs() < 1e-9 && (high - v["ci"][1].as_f64().unwrap()).abs() < 1e-9,
                "{v}"
            );
            rows += 1;
        }
        assert_eq!(rows, 5);
        let (low, high) = tango_interval(Pairs { n: 21, broken: 7, fixed: 1 }, 1.959_963_984_540_054);
        assert!((low + 0.5172).abs() < 5e-5 && (high + 0.0260).abs() < 5e-5, "{low} {high}");
    }

    #[test]
    fn mcnemar_equals_statsmodels() {
        for v in vectors("mcnemar") {
            let p = mcnemar_midp(pairs(&v));
            assert!((p - v["midp"].as_f64().unwrap()).abs() < 1e-12, "{v}: {p}");
        }
        assert!(mcnemar_midp(Pairs { n: 9000, broken: 4000, fixed: 4100 }).is_finite());
    }

    #[test]
    fn the_exact_test_is_the_binomials_tail() {
        let p = |broken, fixed| mcnemar_worse(Pairs { n: 300, broken, fixed });
        for (broken, fixed, expected) in
            [(0, 0, 1.0), (5, 0, 1.0 / 32.0), (0, 5, 1.0), (4, 0, 1.0 / 16.0), (7, 1, 9.0 / 256.0), (3, 3, 42.0 / 64.0)]
        {
            assert!((p(broken, fixed) - expected).abs() < 1e-12, "{broken} {fixed}: {}", p(broken, fixed));
        }
        assert!(mcnemar_worse(Pairs { n: 9000, broken: 4300, fixed: 3900 }) < 1e-4);
    }

    /// The gate's promise, simulated with a seed: a candidate exactly at the margin passes in at most 7 % of runs.
    #[test]
    fn a_candidate_at_the_margin_seldom_passes() {
        use rand::{Rng, SeedableRng};
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(20_261_118);
        for (n, discordance, margin) in
            [(30, 0.3, 0.1), (50, 0.2, 0.1), (100, 0.2, 0.05), (120, 0.3, 0.1), (200, 0.1, 0.05)]
        {
            let broken_rate = (discordance + margin) / 2.0;
            let passes = (0..2000)
                .filter(|_| {
                    let mut pairs = Pairs { n, ..Pairs::default() };
                    for _ in 0..n {
                        let u: f64 = random.random();
                        pairs.broken += usize::from(u < broken_rate);
                        pairs.fixed += usize::from(u >= broken_rate && u < discordance);
                    }
                    tango_z(pairs, -margin) > Z95
                })
                .count();
            assert!(passes <= 140, "n={n} discordance={discordance} margin={margin}: {passes} of 2000");
        }
    }

    proptest::proptest! {
        #[test]
        fn intervals_are_bounded_mirrored_and_shrink(n in 1usize..300, b in 0usize..100, c in 0usize..100) {
            let (b, c) = (b.min(n), c.min(n - b.min(n)));
            let (low, high) = tango_interval(Pairs { n, broken: b, fixed: c }, Z95);
            let d = (c as f64 - b as f64) / n as f64;
            proptest::prop_assert!((-1.0..=1.0).contains(&low) && (-1.0..=1.0).contains(&high) && low <= d + 1e-9 && d <= high + 1e-9);
            let (mlow, mhigh) = tango_interval(Pairs { n, broken: c, fixed: b }, Z95);
            proptest::prop_assert!((low + mhigh).abs() < 1e-6 && (high + mlow).abs() < 1e-6);
            let (l4, h4) = tango_interval(Pairs { n: 4 * n, broken: 4 * b, fixed: 4 * c }, Z95);
            proptest::prop_assert!(l4 >= low - 1e-9 && h4 <= high + 1e-9);
        }
    }
}
