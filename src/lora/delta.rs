//! ΔW = scale · B · A, whole or by rows.

use std::ops::Range;

use super::{Adapter, Pair};
use crate::weights::LinearId;

impl<O> Adapter<O> {
    /// `scale · B · A` of one linear, `out × in`, rows in the order `O`; `None` where there is no pair.
    pub fn delta(&self, id: LinearId) -> Option<Vec<f32>> {
        let (rows, cols) = self.shape(id)?;
        let mut out = vec![0.0; rows * cols];
        self.delta_rows(id, 0..rows, &mut out);
        Some(out)
    }

    /// (rows, columns) of the linear a pair belongs to.
    pub fn shape(&self, id: LinearId) -> Option<(usize, usize)> {
        let pair = self.pairs.get(&id)?;
        let rank = self.rank_of(id);
        Some((pair.b.len() / rank, pair.a.len() / rank))
    }

    /// Some rows of ΔW into `out` (`rows.len() × in`); false, and nothing written, where there is no pair.
    pub fn delta_rows(&self, id: LinearId, rows: Range<usize>, out: &mut [f32]) -> bool {
        let Some(pair) = self.pairs.get(&id) else { return false };
        let rank = self.rank_of(id);
        let cols = pair.a.len() / rank;
        let scale = self.config.scale_of(id) as f32;
        for (row, out) in rows.zip(out.chunks_exact_mut(cols)) {
            out.fill(0.0);
            product_row(pair, rank, row, out);
            out.iter_mut().for_each(|v| *v *= scale);
        }
        true
    }
}

fn product_row(pair: &Pair, rank: usize, row: usize, out: &mut [f32]) {
    let b = &pair.b[row * rank..(row + 1) * rank];
    for (b, a) in b.iter().zip(pair.a.chunks_exact(out.len())) {
        out.iter_mut().zip(a).for_each(|(o, a)| *o += b * a);
    }
}

#[cfg(test)]
mod tests {
    use crate::lora::tests::{adapter, any_model};
    use crate::lora::{Adapter, Hf};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_fresh_adapter_is_the_base(model in any_model(), rank in 1usize..5, seed: u64) {
            let (fresh, _) = adapter(&model, rank, 7.0, seed, false);
            for id in fresh.pairs.keys() {
                prop_assert!(fresh.delta(*id).unwrap().iter().all(|v| *v == 0.0));
            }
        }

        #[test]
        fn delta_is_linear_in_alpha_and_equals_the_naive_product(model in any_model(), rank in 1usize..5, alpha in 0.1f64..64.0, seed: u64) {
            let (one, config) = adapter(&model, rank, alpha, seed, true);
            let three = Adapter::<Hf> { config: crate::lora::LoraConfig { alpha: 3.0 * alpha, ..config }, ..one.clone() };
            for (id, pair) in &one.pairs {
                let (rows, cols) = one.shape(*id).unwrap();
                let linear = *model.spec().linear(*id).unwrap();
                prop_assert_eq!((rows, cols), (linear.rows, linear.cols));
                let (d, d3) = (one.delta(*id).unwrap(), three.delta(*id).unwrap());
                for (i, (x, y)) in d.iter().zip(&d3).enumerate() {
                    let (row, col) = (i / cols, i % cols);
                    let exact: f64 = (0..rank).map(|k| f64::from(pair.b[row * rank + k]) * f64::from(pair.a[k * cols + col])).sum();
                    let exact = exact * alpha / rank as f64;
                    prop_assert!((f64::from(*x) - exact).abs() <= 1e-5 * alpha, "{} {}", x, exact);
                    prop_assert!((y - 3.0 * x).abs() <= 1e-5 * alpha as f32, "{} {}", x, y);
                }
                let mut block = vec![f32::NAN; cols];
                one.delta_rows(*id, rows - 1..rows, &mut block);
                prop_assert_eq!(&block[..], &d[(rows - 1) * cols..]);
            }
        }
    }
}
