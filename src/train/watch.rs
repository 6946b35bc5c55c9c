//! The best evaluation so far, and how long none was better: transformers' `EarlyStoppingCallback`.

/// What early stopping knows; recorded in each checkpoint.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Watch {
    /// Step and loss.
    pub best: Option<(u64, f64)>,
    /// Evaluations since the last that was better by more than the threshold.
    pub waited: u64,
}

impl Watch {
    /// Takes in an evaluation: whether it is the best so far, by however little.
    pub(super) fn see(&mut self, step: u64, eval_loss: f64, threshold: f64) -> bool {
        let better_by = self.best.map_or(f64::INFINITY, |(_, best)| best - eval_loss);
        self.waited = if better_by > threshold { 0 } else { self.waited + 1 };
        if better_by > 0.0 {
            self.best = Some((step, eval_loss));
        }
        better_by > 0.0
    }

    /// Whether the patience is used up.
    pub(super) fn over(&self, patience: Option<u64>) -> bool {
        patience.is_some_and(|patience| self.waited >= patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// tests/oracles/early_stopping.py: transformers' callback and Trainer over the same losses.
    #[test]
    fn stops_where_transformers_stops() {
        let losses = [2.0, 1.5, 1.45, 1.46, 1.4, 1.39, 1.2, 1.21, 1.19, 1.3, 1.25, 1.24, 1.3, 1.1];
        for (patience, threshold, stops_after, best) in GOLDEN {
            let mut watch = Watch::default();
            let stop = (1..).zip(losses).find(|(step, loss)| {
                watch.see(*step, *loss, threshold);
                watch.over(Some(patience))
            });
            assert_eq!((stop.map(|(step, _)| step), watch.best.map(|(step, _)| step)), (stops_after, Some(best)));
        }
    }

    const GOLDEN: [(u64, f64, Option<u64>, u64); 4] =
        [(1, 0.0, Some(4), 3), (2, 0.1, Some(4), 3), (3, 0.0, Some(12), 9), (5, 0.0, None, 14)];
}
