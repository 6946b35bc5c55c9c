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
    match a.len() + b.len() - common {
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
}
