use super::super::dedupe_text::{jaccard, shingles};
use super::super::identity_key::identity_key;
use super::*;

/// `tests/oracles/minhash.py`: pairs of texts with their exact likeness and the estimate of datasketch.
#[derive(serde::Deserialize)]
struct Oracle {
    pairs: Vec<Pair>,
}

#[derive(serde::Deserialize)]
struct Pair {
    a: String,
    b: String,
    jaccard: f64,
    datasketch: f64,
}

fn oracle() -> Oracle {
    serde_json::from_str(include_str!("../../tests/fixtures/minhash.json")).unwrap()
}

fn estimate(a: &Signature, b: &Signature) -> f64 {
    a.iter().zip(b).filter(|(x, y)| x == y).count() as f64 / PERMUTATIONS as f64
}

#[test]
fn estimates_are_as_good_as_those_of_datasketch() {
    let hasher = MinHasher::new();
    let oracle = oracle();
    let (mut ours, mut theirs, mut bias) = (0.0, 0.0, 0.0);
    for pair in &oracle.pairs {
        let sets = [&pair.a, &pair.b].map(|text| shingles(&identity_key(text)));
        let exact = jaccard(&sets[0], &sets[1]);
        assert!((exact - pair.jaccard).abs() < 1e-12, "{} {}", pair.a, pair.b);
        let estimate = estimate(&hasher.signature(&sets[0]), &hasher.signature(&sets[1]));
        // Five standard deviations of a share of 128.
        let band = 5.0 * (exact * (1.0 - exact) / PERMUTATIONS as f64).sqrt() + 1e-9;
        assert!((estimate - exact).abs() <= band, "{exact} {estimate}");
        ours += (estimate - exact).powi(2);
        theirs += (pair.datasketch - exact).powi(2);
        bias += estimate - exact;
    }
    let n = oracle.pairs.len() as f64;
    let (ours, theirs) = ((ours / n).sqrt(), (theirs / n).sqrt());
    assert!(n >= 200.0 && ours < 1.25 * theirs && theirs < 0.06, "{ours} {theirs}");
    assert!((bias / n).abs() < 0.015, "{}", bias / n);
}

#[test]
fn nearly_equal_sets_share_a_band() {
    let hasher = MinHasher::new();
    let (mut near, mut found, mut far, mut wrong) = (0, 0, 0, 0);
    for i in 0..2000u128 {
        // 100 elements, of which `own` are not in the other set: likeness (100 - own) / (100 + own).
        let set = |from: u128, n: u128| (from..from + n).map(|k| k * 0x9e37_79b9_7f4a_7c15 + i * 1_000_003).collect();
        let own = if i % 2 == 0 { 5 } else { 80 };
        let (a, b): (Vec<u128>, Vec<u128>) = (set(0, 100), set(own, 100));
        let mut bands = Bands::default();
        bands.insert(&hasher.signature(&a), 0);
        let hit = !bands.candidates(&hasher.signature(&b)).is_empty();
        if own == 5 {
            (near, found) = (near + 1, found + usize::from(hit));
        } else {
            (far, wrong) = (far + 1, wrong + usize::from(hit));
        }
    }
    assert!(found as f64 >= 0.99 * f64::from(near), "{found} of {near}");
    // Likeness 0.11: 1 - (1 - 0.11⁴)³² = 0.5 %.
    assert!(wrong as f64 <= 0.02 * f64::from(far), "{wrong} of {far}");
}

#[test]
fn the_remainder_is_that_of_the_division() {
    for value in [0, 1, u128::from(PRIME) - 1, u128::from(PRIME), u128::from(PRIME) + 1, (1 << 122) - 1, 3 << 100] {
        assert_eq!(u128::from(modulo(value)), value % u128::from(PRIME));
    }
}
