//! How alike two questions are: shingles of their keys.

/// Characters of a shingle.
const SHINGLE: usize = 5;

/// The different runs of five characters, sorted; of a shorter text, the text. Five characters of 21 bits are exact in a
/// `u128`.
pub(super) fn shingles(key: &str) -> Vec<u128> {
    let mut out = Vec::with_capacity(key.len());
    let (mut window, mut seen) = (0u128, 0usize);
    for c in key.chars() {
        window = (window << 21 | u128::from(u32::from(c))) & ((1 << (21 * SHINGLE)) - 1);
        seen += 1;
        if seen >= SHINGLE {
            out.push(window);
        }
    }
    if (1..SHINGLE).contains(&seen) {
        out.push(window);
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// Of two sorted lists without duplicates; two empty ones are equal.
pub(super) fn jaccard(a: &[u128], b: &[u128]) -> f64 {
    let (mut i, mut j, mut common) = (0, 0, 0usize);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, common) = (i + 1, j + 1, common + 1),
        }
    }
    likeness(a.len() + b.len(), common)
}

/// Whether the likeness of two sorted lists is `least` or more (above 0); most unlike ones are told by their beginnings.
pub(super) fn is_alike(a: &[u128], b: &[u128], least: f64) -> bool {
    // Common shingles that it takes; one less, as the product is rounded.
    let needed = ((a.len() + b.len()) as f64 * least / (1.0 + least)).floor().max(1.0) as usize - 1;
    let (mut i, mut j, mut common) = (0, 0, 0_usize);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        if common + (a.len() - i).min(b.len() - j) < needed {
            return false;
        }
        match x.cmp(y) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, common) = (i + 1, j + 1, common + 1),
        }
    }
    likeness(a.len() + b.len(), common) >= least
}

/// `lengths`: of both lists together.
fn likeness(lengths: usize, common: usize) -> f64 {
    match lengths - common {
        0 => 1.0,
        all => common as f64 / all as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_is_jaccard_of_shingles() {
        let like = |a: &str, b: &str| jaccard(&shingles(a), &shingles(b));
        assert_eq!(like("abcdef", "abcdef"), 1.0);
        // abcde bcdef | abcde bcdeg
        assert_eq!(like("abcdef", "abcdeg"), 1.0 / 3.0);
        assert_eq!((like("ab", "ab"), like("ab", "ac"), like("", "")), (1.0, 0.0, 1.0));
    }

    proptest::proptest! {
        #[test]
        fn likeness_is_told_early(a in "[ab ]{0,24}", b in "[ab ]{0,24}", least in 0.05..1.0) {
            let (a, b) = (shingles(&a), shingles(&b));
            proptest::prop_assert_eq!(is_alike(&a, &b, least), jaccard(&a, &b) >= least);
        }
    }
}
