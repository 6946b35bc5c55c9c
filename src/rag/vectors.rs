//! Vectors of unit length, one for each chunk, searched one by one.
//!
//! `vectors.f32` holds them as little-endian f32, row by row, without a header. There is no approximate index: a scan of 100,000
//! vectors of 384 numbers takes some ten milliseconds, a generated answer takes seconds.

use super::error::Damage;
use super::ranked::{Ranked, best};

/// How far from 1 the length of a vector may be: models that compute in half precision miss it by about this much.
const TOLERANCE: f64 = 1e-3;
/// Sums that run side by side; fixed, so that every machine adds in the same order.
const LANES: usize = 8;

/// Vectors of one length, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Vectors {
    dims: usize,
    values: Vec<f32>,
}

impl Vectors {
    pub(super) fn new(dims: usize) -> Self {
        Self { dims, values: Vec::new() }
    }

    /// `vector` has been checked: `dims` numbers, unit length.
    pub(super) fn push(&mut self, vector: &[f32]) {
        self.values.extend_from_slice(vector);
    }

    pub fn dims(&self) -> usize {
        self.dims
    }

    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.dims).unwrap_or(0)
    }

    pub fn row(&self, index: usize) -> Option<&[f32]> {
        let start = index.checked_mul(self.dims)?;
        self.values.get(start..start.checked_add(self.dims)?)
    }

    /// The `k` rows with the largest cosine, best first.
    pub fn top(&self, query: &[f32], k: usize) -> Vec<Ranked> {
        if query.len() != self.dims || self.dims == 0 {
            return Vec::new();
        }
        let rows = self.values.chunks_exact(self.dims).enumerate();
        best(rows.map(|(document, row)| Ranked { document, score: dot(row, query) }).collect(), k)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    pub(super) fn decode(bytes: &[u8], rows: usize, dims: usize) -> Result<Self, Damage> {
        let expected = rows.checked_mul(dims).and_then(|n| n.checked_mul(4)).filter(|_| dims > 0);
        let expected = expected.ok_or(Damage::Value("the number of dimensions"))?;
        if bytes.len() != expected {
            return Err(Damage::Size { found: bytes.len() as u64, expected: expected as u64 });
        }
        let values: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        if values.chunks_exact(dims).any(|row| !is_unit(row)) {
            return Err(Damage::Value("the length of a vector"));
        }
        Ok(Self { dims, values })
    }
}

pub(super) fn length(vector: &[f32]) -> f64 {
    vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
}

/// False where a number is not finite, too.
pub(super) fn is_unit(vector: &[f32]) -> bool {
    (length(vector) - 1.0).abs() <= TOLERANCE
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a.zip(b) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(super) fn unit(values: &[f32]) -> Vec<f32> {
        let length = length(values) as f32;
        values.iter().map(|x| x / length).collect()
    }

    fn sample() -> Vectors {
        let mut vectors = Vectors::new(10);
        for seed in 0..5 {
            vectors.push(&unit(&(0..10).map(|i| ((seed * 7 + i * 3) % 11) as f32 - 4.0).collect::<Vec<_>>()));
        }
        vectors
    }

    #[test]
    fn the_nearest_come_first_and_equal_ones_in_order() {
        let vectors = sample();
        let query = vectors.row(3).unwrap().to_vec();
        let top = vectors.top(&query, 2);
        assert_eq!(top[0].document, 3);
        assert!((top[0].score - 1.0).abs() < 1e-6 && top.len() == 2 && top[1].score < top[0].score);
        assert!(vectors.top(&query[1..], 2).is_empty());
        let mut twice = Vectors::new(10);
        (0..3).for_each(|_| twice.push(&query));
        assert_eq!(twice.top(&query, 3).iter().map(|r| r.document).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn sizes_and_lengths_are_checked() {
        let bytes = sample().encode();
        assert_eq!(Vectors::decode(&bytes, 5, 10).unwrap(), sample());
        for (rows, dims) in [(5, 9), (usize::MAX, 10), (5, usize::MAX), (0, 0)] {
            assert!(Vectors::decode(&bytes, rows, dims).is_err());
        }
        let nan = [&f32::NAN.to_le_bytes()[..], &bytes[4..]].concat();
        assert_eq!(Vectors::decode(&nan, 5, 10).unwrap_err(), Damage::Value("the length of a vector"));
    }

    proptest! {
        #[test]
        fn changed_bytes_are_an_error_or_searched_without_panic(at in any::<prop::sample::Index>(), with in 1u8..) {
            let mut bytes = sample().encode();
            let at = at.index(bytes.len());
            bytes[at] ^= with;
            if let Ok(read) = Vectors::decode(&bytes, 5, 10) {
                let top = read.top(sample().row(0).unwrap(), 5);
                prop_assert!(top.len() == 5 && top.iter().all(|r| r.score.is_finite()));
            }
            prop_assert!(Vectors::decode(&bytes[..at], 5, 10).is_err());
        }
    }
}
