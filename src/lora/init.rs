//! A fresh adapter, as PEFT makes it.

use std::collections::BTreeMap;

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Adapter, Hf, LoraConfig, LoraError, Pair};
use crate::weights::{LinearId, ModelSpec};

impl Adapter<Hf> {
    /// A: Kaiming-uniform with a = √5, which is U(−1/√in, 1/√in), drawn from `seed`; B: zero
    /// (PEFT 0.21 `LoraLayer.reset_lora_parameters`). A pair's values depend on its layer and site only, not on the
    /// other targets.
    pub fn fresh(config: LoraConfig, model: &ModelSpec, seed: u64) -> Result<Self, LoraError> {
        config.check()?;
        let pairs = config.ranks(model)?.into_iter().filter_map(|(id, rank)| {
            let linear = model.linear(id)?;
            Some((id, Pair { a: kaiming(rank, linear.cols, stream(id), seed), b: vec![0.0; linear.rows * rank] }))
        });
        let pairs: BTreeMap<_, _> = pairs.collect();
        Ok(Self::from_pairs(config, pairs))
    }
}

fn stream(id: LinearId) -> u64 {
    (id.layer as u64) << 8 | id.site as u64
}

fn kaiming(rank: usize, cols: usize, stream: u64, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    let bound = 1.0 / (cols as f64).sqrt();
    // The top 24 bits: every value exactly representable, the same with every version of `rand`.
    let unit = |rng: &mut ChaCha8Rng| f64::from(rng.next_u32() >> 8) / f64::from(1u32 << 24);
    (0..rank * cols).map(|_| ((2.0 * unit(&mut rng) - 1.0) * bound) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lora::tests::model;
    use crate::weights::{LinearSpec, Site};

    fn config(targets: &[Site]) -> LoraConfig {
        LoraConfig { alpha: 16.0, targets: targets.into(), ..LoraConfig::default() }
    }

    #[test]
    fn a_is_uniform_within_one_over_root_in_and_b_is_zero() {
        let model = model(4, 2, 32, 96).spec();
        let adapter = Adapter::fresh(config(&Site::ALL), &model, 1).unwrap();
        assert_eq!(adapter.pairs.len(), 2 * 7);
        assert!(adapter.is_zero());
        for (id, pair) in &adapter.pairs {
            let LinearSpec { rows, cols, .. } = *model.linear(*id).unwrap();
            assert_eq!((pair.a.len(), pair.b.len()), (8 * cols, rows * 8));
            let bound = 1.0 / (cols as f64).sqrt();
            assert!(pair.a.iter().all(|v| f64::from(v.abs()) <= bound));
            let variance = pair.a.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / pair.a.len() as f64;
            // A uniform distribution's variance is bound²/3; 768 values or more keep the sample within 20 %.
            assert!((variance / (bound * bound / 3.0) - 1.0).abs() < 0.2, "{id:?} {variance}");
        }
    }

    #[test]
    fn the_seed_decides_and_other_targets_do_not() {
        let model = model(4, 2, 8, 24).spec();
        let all = Adapter::fresh(config(&Site::ALL), &model, 5).unwrap();
        let some = Adapter::fresh(config(&[Site::V]), &model, 5).unwrap();
        assert!(some.pairs.iter().all(|(id, pair)| all.pairs[id] == *pair));
        let other = Adapter::fresh(config(&Site::ALL), &model, 6).unwrap();
        assert!(all.pairs.iter().all(|(id, pair)| other.pairs[id].a != pair.a));
        let mut firsts: Vec<_> = all.pairs.values().map(|p| p.a[0].to_bits()).collect();
        firsts.sort();
        firsts.dedup();
        assert!(firsts.len() > all.pairs.len() / 2, "pairs share their random numbers");
    }
}
