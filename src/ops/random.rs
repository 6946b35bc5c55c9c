//! A counter-based generator: the number at (key, index) depends on nothing else, so order and threads don't matter.

/// SplitMix64's finaliser (Steele, Lea & Flood 2014; constants of Stafford's variant 13).
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// 64 random bits at (key, index).
pub const fn bits_at(key: u64, index: u64) -> u64 {
    mix(mix(key).wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// Uniform in [0, 1) with 53 bits.
pub fn uniform_at(key: u64, index: u64) -> f64 {
    (bits_at(key, index) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// Folds a further number into a key.
pub const fn subkey(key: u64, part: u64) -> u64 {
    mix(mix(key ^ 0x6a09_e667_f3bc_c909).wrapping_add(part).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_has_the_moments_of_a_uniform_and_no_neighbour_correlation() {
        let n = 100_000u64;
        let (mut mean, mut square, mut lag) = (0.0, 0.0, 0.0);
        for i in 0..n {
            let u = uniform_at(7, i) - 0.5;
            mean += u;
            square += u * u;
            lag += u * (uniform_at(7, i + 1) - 0.5);
        }
        let n = n as f64;
        assert!((mean / n).abs() < 0.004, "{mean}");
        assert!((square / n - 1.0 / 12.0).abs() < 0.001);
        assert!((lag / n).abs() < 0.002);
        assert_ne!(bits_at(1, 0), bits_at(2, 0));
        assert_ne!(subkey(1, 2), subkey(2, 1));
    }
}
