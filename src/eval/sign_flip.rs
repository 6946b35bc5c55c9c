//! The paired sign-flip (randomisation) test over clusters, and Holm's correction for several tests.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Clusters whose signs are all tried, at most.
const EXACT: usize = 14;
const ROUNDS: u32 = 9_999;

/// The two-sided p of the hypothesis that either sign of each cluster's sum of differences is equally likely. With more than 14
/// clusters that differ, of 9,999 drawn signs: (1 + as far from 0) / (1 + drawn) (Phipson & Smyth 2010, Stat Appl Genet Mol
/// Biol 9:39). Deterministic in `seed`.
pub(super) fn sign_flip(sums: &[f64], seed: u64) -> f64 {
    let sums: Vec<f64> = sums.iter().copied().filter(|sum| *sum != 0.0).collect();
    let observed: f64 = sums.iter().sum::<f64>().abs();
    // Sums in another order round otherwise.
    let least = observed - 1e-9 * sums.iter().map(|sum| sum.abs()).sum::<f64>();
    if sums.len() <= EXACT {
        let all = 1u32 << sums.len();
        let signed = |signs: u32| -> f64 {
            sums.iter().enumerate().map(|(i, sum)| if signs >> i & 1 == 1 { -sum } else { *sum }).sum()
        };
        return f64::from((0..all).filter(|signs| signed(*signs).abs() >= least).count() as u32) / f64::from(all);
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut flipped = || sums.iter().map(|sum| if random.random::<bool>() { -sum } else { *sum }).sum::<f64>();
    let far = (0..ROUNDS).filter(|_| flipped().abs() >= least).count();
    (1 + far) as f64 / f64::from(1 + ROUNDS)
}

/// Holm's adjusted p (Holm 1979, Scand J Stat 6:65), in the order of `p`.
pub(super) fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut least = 0.0f64;
    for (rank, index) in order.into_iter().enumerate() {
        least = least.max((p.len() - rank) as f64 * p[index]).min(1.0);
        adjusted[index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R: `p.adjust(c(.01, .04, .03, .005), "holm")`, and of the page of `p.adjust.methods`.
    #[test]
    fn holm_is_that_of_r() {
        assert_eq!(holm(&[0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]);
        assert_eq!(holm(&[0.5, 0.6]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    /// Of differences of one size the test is the exact sign test: twice the binomial's tail.
    #[test]
    fn equal_differences_give_the_exact_sign_test() {
        for (plus, minus, p) in
            [(5, 0, 2.0 / 32.0), (8, 2, 112.0 / 1024.0), (6, 6, 1.0), (0, 0, 1.0), (12, 1, 28.0 / 8192.0)]
        {
            let sums: Vec<f64> = std::iter::repeat_n(100.0, plus).chain(std::iter::repeat_n(-100.0, minus)).collect();
            assert!((sign_flip(&sums, 1) - p).abs() < 1e-12, "{plus} {minus}: {}", sign_flip(&sums, 1));
        }
        // 20 and 5 of 25: 0.00408 (R: binom.test(5, 25)$p.value).
        let drawn = sign_flip(&[vec![0.1; 20], vec![-0.1; 5]].concat(), 7);
        assert!((drawn - 0.004_077).abs() < 0.002, "{drawn}");
        assert_eq!(drawn, sign_flip(&[vec![0.1; 20], vec![-0.1; 5]].concat(), 7));
    }

    /// scipy 1.17.1: `permutation_test((x,), np.mean, permutation_type="samples", alternative="two-sided")` with
    /// x = [1.5, -0.3, 2.2, 0.9, -1.1, 3.0] gives 0.1875 (12 of 64).
    #[test]
    fn unequal_differences_give_the_exact_permutation_test() {
        assert_eq!(sign_flip(&[1.5, -0.3, 2.2, 0.9, -1.1, 3.0], 1), 0.1875);
    }
}
