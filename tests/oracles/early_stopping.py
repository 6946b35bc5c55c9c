#!/usr/bin/env python3
"""Where transformers' EarlyStoppingCallback stops: (patience, threshold, evaluations until it stops or None, the best by then)
for each of some settings. Prints what stands in src/train/watch.rs.

    scripts/oracles early_stopping
"""

from transformers import EarlyStoppingCallback, TrainerControl, TrainerState, TrainingArguments

LOSSES = [2.0, 1.5, 1.45, 1.46, 1.4, 1.39, 1.2, 1.21, 1.19, 1.3, 1.25, 1.24, 1.3, 1.1]

args = TrainingArguments(output_dir="/tmp", metric_for_best_model="eval_loss", greater_is_better=False, use_cpu=True)
for patience, threshold in [(1, 0.0), (2, 0.1), (3, 0.0), (5, 0.0)]:
    callback = EarlyStoppingCallback(patience, threshold)
    state, control, best, stopped = TrainerState(), TrainerControl(), None, None
    for step, loss in enumerate(LOSSES, 1):
        # As Trainer does: the callback sees the best metric before this evaluation, then the best is determined.
        callback.on_evaluate(args, state, control, metrics={"eval_loss": loss})
        if state.best_metric is None or loss < state.best_metric:
            state.best_metric, best = loss, step
        if control.should_training_stop:
            stopped = step
            break
    print((patience, threshold, stopped, best))
