//! AdamW with decoupled weight decay, in f32 as PyTorch's `torch.optim.AdamW` computes it (2.9, single tensor).

use crate::lora::Pair;
use crate::model::Grads;
use crate::weights::LinearId;

use std::collections::BTreeMap;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;
/// A gradient whose square the second moment holds in f32, however often it comes.
const LARGEST: f64 = 1e19;

/// First and second moments, the shapes of the adapter's pairs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moments {
    pub first: Grads,
    pub second: Grads,
}

impl Moments {
    pub(super) fn zero(pairs: &BTreeMap<LinearId, Pair>) -> Self {
        Self { first: zeros(pairs), second: zeros(pairs) }
    }
}

/// Zeros of the shapes of `pairs`.
pub(super) fn zeros(pairs: &BTreeMap<LinearId, Pair>) -> Grads {
    let zero = |p: &Pair| Pair { a: vec![0.0; p.a.len()], b: vec![0.0; p.b.len()] };
    pairs.iter().map(|(id, p)| (*id, zero(p))).collect()
}

pub(super) fn clear(grads: &mut Grads) {
    let halves = grads.values_mut().flat_map(|p| [&mut p.a, &mut p.b]);
    halves.for_each(|half| half.fill(0.0));
}

/// The scalars of one step, computed in f64 and used in f32, as PyTorch does.
#[derive(Clone, Copy, Debug)]
struct Scalars {
    decay: f32,
    step_size: f32,
    root_correction: f32,
}

/// An optimiser step's number and rates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Update {
    /// Counted from 1.
    pub step: u64,
    pub learning_rate: f64,
    pub weight_decay: f64,
}

/// One step over every pair.
pub(super) fn update(pairs: &mut BTreeMap<LinearId, Pair>, grads: &Grads, moments: &mut Moments, update: Update) {
    let Update { step, learning_rate, weight_decay } = update;
    let power = step.min(i32::MAX as u64) as i32;
    let scalars = Scalars {
        decay: (1.0 - learning_rate * weight_decay) as f32,
        step_size: (-learning_rate / (1.0 - BETA1.powi(power))) as f32,
        root_correction: (1.0 - BETA2.powi(power)).sqrt() as f32,
    };
    // The four maps have the same keys: they were made from each other.
    let moments = moments.first.values_mut().zip(moments.second.values_mut());
    for ((pair, grad), (first, second)) in pairs.values_mut().zip(grads.values()).zip(moments) {
        update_one(&mut pair.a, &grad.a, &mut first.a, &mut second.a, scalars);
        update_one(&mut pair.b, &grad.b, &mut first.b, &mut second.b, scalars);
    }
}

fn update_one(values: &mut [f32], grads: &[f32], first: &mut [f32], second: &mut [f32], s: Scalars) {
    const LERP: f32 = (1.0 - BETA1) as f32;
    const KEEP: f32 = BETA2 as f32;
    const ADD: f32 = (1.0 - BETA2) as f32;
    for (((v, &g), m), n) in values.iter_mut().zip(grads).zip(first).zip(second) {
        *v *= s.decay;
        *m += LERP * (g - *m);
        *n = *n * KEEP + ADD * g * g;
        *v += s.step_size * *m / (n.sqrt() / s.root_correction + EPSILON as f32);
    }
}

/// ‖all gradients‖, and each scaled down to `max_norm` as `torch.nn.utils.clip_grad_norm_` does; 0 leaves them.
pub(super) fn clip(grads: &mut Grads, max_norm: f64) -> f64 {
    // Eight sums side by side: one alone would wait for itself.
    let square = |v: &[f32]| {
        let mut sums = [0.0; 8];
        for part in v.chunks(8) {
            sums.iter_mut().zip(part).for_each(|(sum, g)| *sum += f64::from(*g) * f64::from(*g));
        }
        sums.iter().sum::<f64>()
    };
    let norm = grads.values().map(|p| square(&p.a) + square(&p.b)).sum::<f64>().sqrt();
    if max_norm > 0.0 && norm.is_finite() {
        let factor = (max_norm / (norm + 1e-6)).min(1.0) as f32;
        if factor < 1.0 {
            let halves = grads.values_mut().flat_map(|p| [&mut p.a, &mut p.b]);
            halves.for_each(|half| half.iter_mut().for_each(|g| *g *= factor));
        }
    }
    norm
}

/// Whether a step can be made of gradients that had this norm before they were clipped to `max_norm`. One whose square is
/// no number in f32 would leave its weight as it is from then on.
pub(super) fn takes(norm: f64, max_norm: f64) -> bool {
    let clipped = if max_norm > 0.0 { norm.min(max_norm) } else { norm };
    norm.is_finite() && clipped <= LARGEST
}

#[cfg(test)]
mod tests;
