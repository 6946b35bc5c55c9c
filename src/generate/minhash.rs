//! MinHash: sets that are probably alike are found without comparing each with each.
//!
//! 128 permutations `(a·x + b) mod 2⁶¹−1` of BLAKE3 hashes; 32 bands of 4 rows, so that two sets of Jaccard likeness 0.85 share a
//! band with probability 1 − (1 − 0.85⁴)³² > 0.9999.

use std::collections::HashMap;

pub(super) const PERMUTATIONS: usize = 128;
const BANDS: usize = 32;
const ROWS: usize = PERMUTATIONS / BANDS;
/// A Mersenne prime.
const PRIME: u64 = (1 << 61) - 1;
const SEED: &str = "tunesmith minhash 1";

pub(super) type Signature = [u64; PERMUTATIONS];

/// Factors and summands of the permutations.
pub(super) struct MinHasher {
    factors: [u64; PERMUTATIONS],
    summands: [u64; PERMUTATIONS],
}

impl MinHasher {
    pub(super) fn new() -> Self {
        let mut stream = blake3::Hasher::new().update(SEED.as_bytes()).finalize_xof();
        let mut next = || {
            let mut bytes = [0; 8];
            stream.fill(&mut bytes);
            u64::from_le_bytes(bytes) % (PRIME - 1)
        };
        let factors = std::array::from_fn(|_| next() + 1);
        let summands = std::array::from_fn(|_| next());
        Self { factors, summands }
    }

    /// Of the empty set: all maxima.
    pub(super) fn signature(&self, set: &[u128]) -> Signature {
        let mut signature = [u64::MAX; PERMUTATIONS];
        for element in set {
            let x = hash64(&element.to_le_bytes()) % PRIME;
            for (least, (a, b)) in signature.iter_mut().zip(self.factors.iter().zip(&self.summands)) {
                *least = (*least).min(modulo(u128::from(*a) * u128::from(x) + u128::from(*b)));
            }
        }
        signature
    }
}

/// `value mod 2⁶¹−1`, of a value below 2¹²².
fn modulo(value: u128) -> u64 {
    let folded = (value as u64 & PRIME) + (value >> 61) as u64;
    let folded = (folded & PRIME) + (folded >> 61);
    if folded >= PRIME { folded - PRIME } else { folded }
}

fn hash64(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// Sets by the bands of their signatures.
#[derive(Default)]
pub(super) struct Bands(HashMap<[u64; ROWS + 1], Vec<u32>>);

impl Bands {
    fn keys(signature: &Signature) -> impl Iterator<Item = [u64; ROWS + 1]> {
        signature.chunks_exact(ROWS).zip(0..).map(|(rows, band)| {
            let mut key = [band; ROWS + 1];
            key[..ROWS].copy_from_slice(rows);
            key
        })
    }

    /// Those that share a band, rising, each once.
    pub(super) fn candidates(&self, signature: &Signature) -> Vec<u32> {
        let mut found: Vec<u32> = Self::keys(signature).filter_map(|key| self.0.get(&key)).flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    pub(super) fn insert(&mut self, signature: &Signature, set: u32) {
        Self::keys(signature).for_each(|key| self.0.entry(key).or_default().push(set));
    }
}

#[cfg(test)]
#[path = "minhash_tests.rs"]
mod tests;
