//! One optimiser step's gradients: micro-batches, weighted by the trained tokens of all of them.

use super::engine::Engine;
use super::{TrainConfig, TrainError, adamw};
use crate::batch::Example;
use crate::lora::{Adapter, Stored};
use crate::model::{Dropout, Grads, LossSums, ModelError, Sequence};
use crate::store::Interrupt;
use crate::weights::{LinearId, Site};

/// An example as the model takes it: `targets[i]` is what position `i` must predict.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    ids: Vec<u32>,
    targets: Vec<Option<u32>>,
    distilled: bool,
    pub trained: u64,
    /// Of the whole example, its last one included, which is predicted but never fed.
    pub tokens: u64,
}

impl Prepared {
    /// None where nothing is trained. What stands after the last target is not fed: nobody reads it.
    fn of(example: &Example) -> Option<Self> {
        let last = example.mask.iter().rposition(|m| *m).filter(|i| *i > 0)?;
        let targets: Vec<_> = (1..=last).map(|i| example.mask[i].then_some(example.ids[i])).collect();
        let trained = targets.iter().flatten().count() as u64;
        let (ids, tokens) = (example.ids[..last].to_vec(), example.ids.len() as u64);
        Some(Self { ids, targets, distilled: example.distilled, trained, tokens })
    }

    pub(super) fn all(examples: &[Example]) -> Vec<Self> {
        examples.iter().filter_map(Self::of).collect()
    }

    pub(super) fn fed(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn sequence(&self) -> Sequence<'_> {
        Sequence { ids: &self.ids, targets: &self.targets, distilled: self.distilled }
    }
}

/// What a step's micro-batches came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    pub loss: LossSums,
    pub num_tokens: u64,
    pub samples: u64,
}

/// The examples of an optimiser step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch<'a> {
    pub config: &'a TrainConfig,
    pub examples: &'a [&'a Prepared],
    /// Counted from 0.
    pub step: u64,
}

/// Gradients of the mean loss over the batch's trained tokens into `grads` (cleared first).
/// None when interrupted, between micro-batches or within one. A loss that is not finite ends the step early.
pub(super) fn gradients(
    engine: &dyn Engine,
    adapter: &Adapter<Stored>,
    batch: &Batch<'_>,
    interrupt: &Interrupt,
    grads: &mut Grads,
) -> Result<Option<Taken>, TrainError> {
    let Batch { config, examples, step } = *batch;
    adamw::clear(grads);
    let trained: u64 = examples.iter().map(|e| e.trained).sum();
    // As PyTorch: the sum of the losses divided by the count, in f32.
    let weight = (1.0 / trained.max(1) as f64) as f32;
    let dropout = adapter.config.dropout;
    let mut taken = Taken::default();
    for (micro, batch) in micro_batches(config, dropout > 0.0, examples).enumerate() {
        if interrupt.raised() {
            return Ok(None);
        }
        let sequences: Vec<_> = batch.iter().map(|e| e.sequence()).collect();
        // Its own masks for each micro-batch.
        let pass = step * config.gradient_accumulation.max(1) as u64 + micro as u64;
        let dropout = (dropout > 0.0).then_some(Dropout { p: dropout, seed: config.seed, step: pass });
        let sums = match engine.loss_and_grads(adapter, &sequences, weight, dropout, grads) {
            Err(ModelError::Stopped) if interrupt.raised() => return Ok(None),
            sums => sums?,
        };
        taken.loss.add(&sums);
        taken.num_tokens += batch.iter().map(|e| e.tokens).sum::<u64>();
        taken.samples += batch.len() as u64;
        if !sums.nll.is_finite() {
            break;
        }
    }
    Ok(Some(taken))
}

/// What the model is given at a time. Micro-batches are there to spare memory, which the model does itself, seeing what
/// examples have in common; but masks of dropout are a micro-batch's own.
pub(super) fn micro_batches<'e, 'p>(
    config: &TrainConfig,
    dropout: bool,
    examples: &'e [&'p Prepared],
) -> std::slice::Chunks<'e, &'p Prepared> {
    examples.chunks(if dropout { config.batch_size.max(1) } else { examples.len().max(1) })
}

/// Every variable of the adapter receives a gradient: B's is not zero unless A is, A's not unless B is.
/// `examples` are those the gradients come from. False where they say nothing of that: an adapter that changes nothing yet
/// says what the base teaches, and learns nothing of it.
pub(super) fn check_reached(
    adapter: &Adapter<Stored>,
    grads: &Grads,
    examples: &[&Prepared],
) -> Result<bool, TrainError> {
    if examples.iter().all(|e| e.distilled) {
        return Ok(false);
    }
    // A single position attends to itself alone, whatever q and k are.
    let attends = examples.iter().any(|e| e.targets.iter().skip(1).any(Option::is_some));
    let zero = |v: &[f32]| v.iter().all(|x| *x == 0.0);
    for (id, pair) in &adapter.pairs {
        if !attends && matches!(id.site, Site::Q | Site::K) {
            continue;
        }
        let Some(grad) = grads.get(id) else { return Err(unreached(*id, "lora_A")) };
        if zero(&grad.b) && !zero(&pair.a) {
            return Err(unreached(*id, "lora_B"));
        }
        if zero(&grad.a) && !zero(&pair.b) {
            return Err(unreached(*id, "lora_A"));
        }
    }
    Ok(true)
}

fn unreached(id: LinearId, half: &str) -> TrainError {
    TrainError::NoGradient { variable: format!("model.layers.{}.{}.{half}", id.layer, id.site.hf()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_predicts_the_next_token_where_that_is_trained() {
        let example =
            |mask: &[bool]| Example { ids: vec![5, 6, 7, 8], mask: mask.to_vec(), line: 1, cut: 0, distilled: false };
        let p = Prepared::of(&example(&[true, false, true, false])).unwrap();
        // The first token is predicted by nothing, the last is read by nobody.
        assert_eq!((p.ids.as_slice(), p.targets.as_slice()), (&[5, 6][..], &[None, Some(7)][..]));
        assert_eq!((p.trained, p.tokens), (1, 4));
        assert!(Prepared::of(&example(&[true, false, false, false])).is_none());
    }
}
