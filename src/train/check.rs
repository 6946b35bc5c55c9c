//! What is refused before the first step.

use super::engine::Work;
use super::{TrainConfig, TrainError};

/// Refuses numbers that train nothing.
pub(super) fn numbers(config: &TrainConfig) -> Result<(), TrainError> {
    let fault = |what: String| Err(TrainError::Config(what));
    let positive = |x: f64| x.is_finite() && x > 0.0;
    if config.max_steps.is_none() && !positive(config.epochs) {
        return fault(format!("epochs is {}: give a number above 0", config.epochs));
    }
    if config.max_steps == Some(0) || config.epochs > 1e6 {
        return fault("max_steps is 0, or epochs above a million: give a number that can be trained".to_owned());
    }
    if config.batch_size == 0 || config.gradient_accumulation == 0 {
        return fault("batch_size and gradient_accumulation begin at 1".to_owned());
    }
    if !positive(config.learning_rate) {
        return fault(format!(
            "learning_rate is {}: give a number above 0 (1e-5 to 1e-3 is usual)",
            config.learning_rate
        ));
    }
    if !(0.0..=1.0).contains(&config.warmup_ratio) {
        return fault(format!("warmup_ratio is {}: give a share from 0 to 1", config.warmup_ratio));
    }
    if config.early_stopping_patience == Some(0) || config.save_total_limit == Some(0) {
        return fault("early_stopping_patience and save_total_limit begin at 1".to_owned());
    }
    for (name, value) in [
        ("weight_decay", config.weight_decay),
        ("max_grad_norm", config.max_grad_norm),
        ("early_stopping_threshold", config.early_stopping_threshold),
    ] {
        if !(value.is_finite() && value >= 0.0) {
            return fault(format!("{name} is {value}: give 0 (off) or a number above it"));
        }
    }
    Ok(())
}

/// Refuses what can't be taken in, and asking for what no evaluation will say.
pub(super) fn examples(job: &Work<'_>) -> Result<(), TrainError> {
    for (what, examples) in [("the training examples", job.train), ("the evaluation's examples", job.eval)] {
        for (n, example) in examples.iter().enumerate() {
            let fault = |why: &str| {
                let (n, line) = (n + 1, example.line);
                Err(TrainError::Config(format!("{what}: number {n} (line {line}) {why}")))
            };
            if example.ids.len() != example.mask.len() {
                return fault("has not as many marks as tokens: it was not encoded by `batch`");
            }
            if !example.mask.iter().skip(1).any(|m| *m) {
                return fault(
                    "has no token that is trained: leave it out, or give it an answer (`data preview` shows what is trained)",
                );
            }
        }
    }
    let config = job.config;
    let asked = [
        ("early_stopping_patience", config.early_stopping_patience.is_some()),
        ("load_best_model_at_end", config.load_best_model_at_end),
        ("eval_steps", config.eval_steps > 0),
    ];
    match asked.iter().find(|(_, said)| *said && job.eval.is_empty()) {
        Some((key, _)) => Err(TrainError::Config(format!(
            "{key} wants an evaluation, and nothing is held out: give eval_dataset or eval_split"
        ))),
        None => Ok(()),
    }
}
