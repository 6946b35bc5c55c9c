//! Which examples a step takes.

use super::TrainConfig;
use super::schedule::Steps;
use super::step::Prepared;
use crate::batch::{epoch_order, group_by_length};

/// The order of one epoch, kept from step to step.
#[derive(Clone, Debug, Default)]
pub(super) struct Order(Option<(u64, Vec<usize>)>);

impl Order {
    /// The examples of this step, counted from 0.
    pub(super) fn of_step(&mut self, config: &TrainConfig, steps: &Steps, train: &[Prepared], step: u64) -> Vec<usize> {
        let (epoch, within) = (step / steps.per_epoch, step % steps.per_epoch);
        let per_step = config.batch_size.max(1).saturating_mul(config.gradient_accumulation.max(1));
        let order = match self.0.take() {
            Some((of, order)) if of == epoch => order,
            _ => {
                let order = epoch_order(train.len(), config.seed, epoch as usize, !config.no_shuffle);
                let lengths = || train.iter().map(|e| e.tokens as usize).collect::<Vec<_>>();
                if config.group_by_length { group_by_length(order, &lengths(), per_step) } else { order }
            }
        };
        let from = (within as usize).saturating_mul(per_step).min(order.len());
        let taken = order[from..from.saturating_add(per_step).min(order.len())].to_vec();
        self.0 = Some((epoch, order));
        taken
    }
}
