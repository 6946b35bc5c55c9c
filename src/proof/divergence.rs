//! Divergences of a proof, in nats: of distributions of which the daemon shows a part.

use crate::model::not_negative;

/// One row of log-probabilities per answered position, probe by probe.
pub(super) type Rows = Vec<Vec<Vec<f32>>>;

/// KL of a distribution known only at some ids (`known`: id, log-probability) from a whole row; what is not known is one
/// bucket on both sides, so this is a lower bound of the true KL (data-processing inequality).
pub(super) fn kl_of_known(known: &[(u32, f64)], row: &[f32]) -> f64 {
    let (mut sum, mut mass_p, mut mass_q) = (0.0, 0.0, 0.0);
    for &(id, lp) in known {
        let lq = f64::from(row[id as usize]);
        sum += lp.exp() * (lp - lq);
        mass_p += lp.exp();
        mass_q += lq.exp();
    }
    let (rest_p, rest_q) = (1.0 - mass_p, 1.0 - mass_q);
    // Rounding of nearly-one sums: a rest below 1e-6 says nothing.
    if rest_p > 1e-6 && rest_q > 1e-9 {
        sum += rest_p * (rest_p / rest_q).ln();
    }
    not_negative(sum)
}

/// NaN where there is nothing: no divergence was found, which is not a divergence of 0.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_one_bucket() {
        let row = [0.25f64, 0.5, 0.25].map(|x| x.ln() as f32);
        let known = [(0, 0.5f64.ln()), (1, 0.25f64.ln())];
        // The bucket is 0.25 on both sides: the same as the whole, 0.25 ln 2, here.
        assert!((kl_of_known(&known, &row) - 0.25 * 2f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn what_is_no_number_stays_none() {
        assert!(kl_of_known(&[(0, 0.5f64.ln())], &[f32::NAN, f32::NAN]).is_nan());
        assert!(mean(&[]).is_nan() && mean(&[0.0, f64::NAN]).is_nan());
    }
}
