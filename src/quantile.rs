//! Quantiles of measured values; those that are not finite are left out.

/// None where there is no value.
pub fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    quantile(values, 0.5)
}

/// Linear between the order statistics (numpy's default).
pub fn quantile(values: impl Iterator<Item = f64>, q: f64) -> Option<f64> {
    let mut v: Vec<f64> = values.filter(|x| x.is_finite()).collect();
    v.sort_by(f64::total_cmp);
    let last = v.len().checked_sub(1)?;
    let at = q * last as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    Some(v[low] + (v[high] - v[low]) * (at - low as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpys() {
        assert_eq!(quantile([4.0, 1.0, 2.0].into_iter(), 0.95), Some(3.8));
        assert_eq!(median([].into_iter()), None);
    }
}
