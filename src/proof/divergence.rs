//! Divergence of two distributions over the vocabulary, in nats.

/// One row of log-probabilities per answered position, probe by probe.
pub(super) type Rows = Vec<Vec<Vec<f32>>>;

/// KL(p ‖ q) of two rows of log-probabilities.
pub(super) fn kl(p: &[f32], q: &[f32]) -> f64 {
    not_negative(p.iter().zip(q).map(|(&lp, &lq)| f64::from(lp).exp() * (f64::from(lp) - f64::from(lq))).sum())
}

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

/// Rounding may leave less than nothing of a divergence; NaN stays NaN, which `f64::max` would make 0.
fn not_negative(sum: f64) -> f64 {
    if sum < 0.0 { 0.0 } else { sum }
}

/// The id of the largest value; the lowest on ties.
pub(super) fn argmax(row: &[f32]) -> u32 {
    let mut best = 0;
    for (i, v) in row.iter().enumerate() {
        if *v > row[best] {
            best = i;
        }
    }
    best as u32
}

/// NaN where there is nothing: no divergence was found, which is not a divergence of 0.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(p: &[f64]) -> Vec<f32> {
        p.iter().map(|x| x.ln() as f32).collect()
    }

    #[test]
    fn divergences_equal_hand_sums() {
        let (p, q) = ([0.5, 0.25, 0.25], [0.25, 0.5, 0.25]);
        // 0.5 ln 2 + 0.25 ln 0.5 = 0.25 ln 2
        assert!((kl(&log(&p), &log(&q)) - 0.25 * 2f64.ln()).abs() < 1e-6);
        assert_eq!(kl(&log(&p), &log(&p)), 0.0);
        let known = [(0, 0.5f64.ln()), (1, 0.25f64.ln())];
        // The bucket is 0.25 on both sides: the same as the whole here.
        assert!((kl_of_known(&known, &log(&q)) - 0.25 * 2f64.ln()).abs() < 1e-6);
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), 1);
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let nan = [f32::NAN, f32::NAN];
        assert!(kl(&log(&[0.5, 0.5]), &nan).is_nan());
        assert!(kl_of_known(&[(0, 0.5f64.ln())], &nan).is_nan());
        assert!(mean(&[]).is_nan() && mean(&[0.0, f64::NAN]).is_nan());
    }
}
