//! The order of an epoch: the same for a seed on every machine and in every version.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// The order of one epoch: indices of examples, shuffled by (seed, epoch) or as they are.
///
/// Fisher–Yates from the end, over ChaCha8 keyed with seed and epoch (little-endian, then zeros); a draw below `n`
/// is the first of the stream's 64-bit words that is below the largest multiple of `n`, modulo `n`.
pub fn epoch_order(n: usize, seed: u64, epoch: usize, shuffle: bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    if !shuffle {
        return order;
    }
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(epoch as u64).to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    for i in (1..n).rev() {
        order.swap(i, below(&mut rng, i as u64 + 1) as usize);
    }
    order
}

/// The order with examples of like length side by side: within stretches of up to 50 batches the longest first, the
/// longest of all at the very front (transformers 5 `get_length_grouped_indices`, over this order in place of its own).
pub fn group_by_length(mut order: Vec<usize>, lengths: &[usize], batch: usize) -> Vec<usize> {
    let batch = batch.max(1);
    let stretch = batch * (order.len() / (4 * batch)).clamp(1, 50);
    for part in order.chunks_mut(stretch) {
        part.sort_by_key(|&i| std::cmp::Reverse(lengths[i]));
    }
    // The first of each part is its longest; of equal ones the earliest part's.
    let firsts = (0..order.len()).step_by(stretch).rev();
    if let Some(longest) = firsts.max_by_key(|&at| lengths[order[at]]) {
        order.swap(0, longest);
    }
    order
}

fn below(rng: &mut ChaCha8Rng, n: u64) -> u64 {
    let limit = u64::MAX - u64::MAX % n;
    loop {
        let word = rng.next_u64();
        if word < limit {
            return word % n;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{epoch_order, group_by_length};

    /// tests/oracles/epoch_order.py, which has ChaCha8 from its description.
    #[test]
    fn the_order_is_the_one_that_was_always() {
        assert_eq!(epoch_order(10, 42, 0, true), GOLDEN_42_0);
        assert_eq!(epoch_order(10, 42, 1, true), GOLDEN_42_1);
        assert_eq!(epoch_order(12, u64::MAX, 3, true), GOLDEN_MAX_3);
    }

    const GOLDEN_42_0: [usize; 10] = [2, 1, 4, 3, 7, 0, 5, 8, 6, 9];
    const GOLDEN_42_1: [usize; 10] = [2, 6, 1, 5, 4, 3, 0, 9, 8, 7];
    const GOLDEN_MAX_3: [usize; 12] = [10, 4, 5, 7, 6, 9, 0, 11, 2, 8, 1, 3];

    /// tests/oracles/length_groups.py, transformers 5.23.
    #[test]
    fn lengths_are_grouped_as_transformers_does() {
        for (batch, order, grouped) in LENGTH_GROUPS {
            let lengths: Vec<usize> = (0..order.len()).map(|i| (i * 7) % 13 + 1).collect();
            assert_eq!(group_by_length(order.to_vec(), &lengths, batch), grouped);
        }
        assert_eq!(group_by_length(vec![], &[], 4), Vec::<usize>::new());
    }

    const LENGTH_GROUPS: [(usize, &[usize], &[usize]); 3] = [
        (2, &[1, 4, 7, 0, 3, 6, 9, 2, 5, 8], &[9, 4, 7, 0, 3, 6, 1, 2, 5, 8]),
        (
            2,
            &[1, 4, 7, 10, 13, 16, 0, 3, 6, 9, 12, 15, 18, 2, 5, 8, 11, 14, 17],
            &[11, 1, 10, 4, 16, 3, 13, 0, 9, 12, 6, 15, 18, 5, 8, 2, 7, 14, 17],
        ),
        (4, &[1, 4, 0, 3, 6, 2, 5], &[5, 1, 4, 0, 3, 6, 2]),
    ];

    #[test]
    fn every_index_stands_once() {
        for n in [0, 1, 2, 77] {
            let mut order = epoch_order(n, 1, 0, true);
            order.sort_unstable();
            assert_eq!(order, epoch_order(n, 1, 0, false));
        }
    }
}
