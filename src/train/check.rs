//! What is refused before the first step.

use super::range;
use super::{Job, TrainConfig, TrainError};

/// Refuses numbers that train nothing.
pub(super) fn numbers(config: &TrainConfig) -> Result<(), TrainError> {
    // With max_steps, epochs are not used.
    let epochs = config.max_steps.is_none().then_some(config.epochs);
    let count = |n: Option<u64>| n.map(|n| n as f64);
    let checked = [
        ("epochs", epochs, range::EPOCHS),
        ("max_steps", count(config.max_steps), range::AT_LEAST_ONE),
        ("batch_size", Some(config.batch_size as f64), range::BATCH),
        ("gradient_accumulation", Some(config.gradient_accumulation as f64), range::BATCH),
        ("learning_rate", Some(config.learning_rate), range::LEARNING_RATE),
        ("warmup_ratio", Some(config.warmup_ratio), range::WARMUP_RATIO),
        ("weight_decay", Some(config.weight_decay), range::WEIGHT_DECAY),
        ("max_grad_norm", Some(config.max_grad_norm), range::MAX_GRAD_NORM),
        ("early_stopping_patience", count(config.early_stopping_patience), range::AT_LEAST_ONE),
        ("early_stopping_threshold", Some(config.early_stopping_threshold), range::EARLY_STOPPING_THRESHOLD),
        ("save_total_limit", count(config.save_total_limit), range::AT_LEAST_ONE),
    ];
    let invalid = checked.into_iter().find_map(|(name, value, range)| {
        let value = value.filter(|value| !range.holds(*value))?;
        Some(format!("{name}: {value} is invalid; expected a number {range}"))
    });
    invalid.map_or(Ok(()), |fault| Err(TrainError::Config(fault)))
}

/// Refuses what can't be taken in, and asking for what no evaluation will say.
pub(super) fn examples(job: &Job<'_>) -> Result<(), TrainError> {
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
            "{key} needs an evaluation, and nothing is held out: give eval_dataset or eval_split"
        ))),
        None => Ok(()),
    }
}
