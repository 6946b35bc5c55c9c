//! Two distributions over the vocabulary, given as rows of log-probabilities: their divergence, in nats; the likeliest token of one.

/// KL(p ‖ q).
pub fn kl_divergence(p: &[f32], q: &[f32]) -> f64 {
    let sum: f64 = p.iter().zip(q).map(|(&lp, &lq)| f64::from(lp).exp() * (f64::from(lp) - f64::from(lq))).sum();
    not_negative(sum)
}

/// Rounding may leave less than nothing of a divergence; NaN stays NaN, which `f64::max` would make 0.
pub fn not_negative(sum: f64) -> f64 {
    if sum < 0.0 { 0.0 } else { sum }
}

/// The id of the largest value; the lowest on ties.
pub fn argmax(row: &[f32]) -> u32 {
    let mut best = 0;
    for (i, v) in row.iter().enumerate() {
        if *v > row[best] {
            best = i;
        }
    }
    best as u32
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
        assert!((kl_divergence(&log(&p), &log(&q)) - 0.25 * 2f64.ln()).abs() < 1e-6);
        assert_eq!(kl_divergence(&log(&p), &log(&p)), 0.0);
        assert!(kl_divergence(&log(&[0.5, 0.5]), &[f32::NAN, f32::NAN]).is_nan());
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), 1);
    }
}
