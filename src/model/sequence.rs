//! The input of a pass, and its results.

use std::collections::BTreeMap;

use crate::lora::Pair;
use crate::model::ModelError;
use crate::weights::{LinearId, ModelSpec};

/// Gradients of an adapter, the same shapes as its pairs.
pub type Grads = BTreeMap<LinearId, Pair>;

/// One sequence of a step: `targets[i]` is the id that position `i` must predict, or None where the loss is not taken.
#[derive(Clone, Debug)]
pub struct Sequence<'a> {
    pub ids: &'a [u32],
    pub targets: &'a [Option<u32>],
    /// The loss at its targets is KL(base ‖ base + adapter) instead of −log p(target): what the base would say, with all
    /// its doubts, stays (distillation as in Learning without Forgetting, Li and Hoiem 2016).
    pub distilled: bool,
}

/// Sums over the trained tokens of a forward pass (divide by `tokens` for means). `nll` holds the divergence where a
/// sequence is distilled.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LossSums {
    pub nll: f64,
    pub correct: u64,
    pub entropy: f64,
    pub tokens: u64,
}

impl LossSums {
    pub fn add(&mut self, other: &Self) {
        self.nll += other.nll;
        self.correct += other.correct;
        self.entropy += other.entropy;
        self.tokens += other.tokens;
    }
}

/// LoRA dropout for one forward and backward: the mask depends on (seed, step, linear, element) only.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    pub p: f64,
    pub seed: u64,
    pub step: u64,
}

/// Refuses ids that the model does not take.
pub(super) fn check_ids(spec: &ModelSpec, ids: &[u32]) -> Result<(), ModelError> {
    let (vocab, context) = (spec.vocab, spec.context);
    if let Some(&id) = ids.iter().find(|&&id| id as usize >= vocab) {
        return Err(ModelError::BadToken { id, vocab });
    }
    if ids.len() > context {
        return Err(ModelError::TooLong { tokens: ids.len(), context });
    }
    Ok(())
}
