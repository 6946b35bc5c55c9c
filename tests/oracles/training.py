#!/usr/bin/env python3
"""PEFT's training in f32 over 50 steps: losses of each step, gradients by name and adapter states at steps 0, 10 and 50.

    scripts/oracles --write training
"""

import tempfile

import numpy as np
import torch

from common import lora, models
from common.fixture import main

DEFAULT = dict(steps=50, rank=4, alpha=8.0, targets=lora.MODULES, rslora=False, batch_size=4, gradient_accumulation=1,
               learning_rate=5e-3, scheduler="linear", warmup_ratio=0.05, weight_decay=0.0, max_grad_norm=1.0,
               examples=37, low=6, high=30, b_scale=0.05)
RUNS = {
    "llama-gqa8": {},
    "llama-headdim": dict(rank=3, alpha=12.0, scheduler="constant", batch_size=1, learning_rate=2e-3),
    "llama-rope3": dict(low=20, high=70, scheduler="constant_with_warmup", label_smoothing_factor=0.1, max_grad_norm=4.0, batch_size=2, learning_rate=3e-3),
    "llama-tied": dict(rank=8, alpha=8.0, targets=["q_proj", "v_proj"], rslora=True, weight_decay=0.1, learning_rate=1e-2),
    "qwen2": dict(scheduler="cosine", max_grad_norm=0.0, batch_size=3, gradient_accumulation=2, warmup_ratio=0.11),
    "qwen3": dict(rank=5, alpha=7.5, rslora=True, rank_pattern={"q_proj": 3, "layers.1.mlp.down_proj": 2}, alpha_pattern={r".*\.[kv]_proj": 4.0}, max_grad_norm=0.3, weight_decay=0.01),
}
AT = (0, 10, 50)


def trainer_agrees(name: str, run: dict, data: list[dict], ours: dict) -> None:
    """The loop of lora.py against transformers.Trainer itself: the same adapter after all steps."""
    from torch.utils.data import SequentialSampler
    from transformers import Trainer, TrainingArguments

    class InOrder(Trainer):
        def _get_train_sampler(self, *_):
            return SequentialSampler(data)

    model = lora.wrap(models.build(name), run)
    lora.start(model, f"{name}/adapter", run["b_scale"])
    with tempfile.TemporaryDirectory() as tmp:
        args = TrainingArguments(
            output_dir=tmp, max_steps=run["steps"], per_device_train_batch_size=run["batch_size"],
            gradient_accumulation_steps=run["gradient_accumulation"], learning_rate=run["learning_rate"],
            lr_scheduler_type=run["scheduler"], label_smoothing_factor=run.get("label_smoothing_factor", 0.0), warmup_steps=run["warmup_ratio"], weight_decay=run["weight_decay"],
            max_grad_norm=run["max_grad_norm"], optim="adamw_torch", use_cpu=True, report_to=[], save_strategy="no",
            logging_strategy="no", disable_tqdm=True, log_level="error", remove_unused_columns=False)
        InOrder(model=model, args=args, train_dataset=data, data_collator=lora.collate).train()
    theirs = lora.parameters(model)
    worst = max(float((theirs[k].detach() - ours[k]).norm() / ours[k].norm()) for k in ours)
    print(f"  {name}: after {run['steps']} steps transformers.Trainer holds the same adapter within {worst:.1e}")
    assert worst < 2e-3, "the loop here is not Trainer's"


def run(fixture) -> None:
    specs, arrays = {}, {}
    for name, differs in RUNS.items():
        run = {**DEFAULT, **differs}
        data = lora.examples(f"{name}/data", run["examples"], run["low"], run["high"])
        model = lora.wrap(models.build(name), run)
        lora.start(model, f"{name}/adapter", run["b_scale"])
        named = lora.parameters(model)

        def keep(step):
            if step in AT:
                for key, p in named.items():
                    arrays[f"{name}.{step}.grad.{key}"] = p.grad.numpy().copy()
                    if step:
                        arrays[f"{name}.{step}.state.{key}"] = p.detach().numpy().copy()

        curves = lora.train(model, data, run, keep)
        for key, values in curves.items():
            arrays[f"{name}.{key}"] = np.array(values, dtype=np.float64)
        clipped = sum(norm > (run["max_grad_norm"] or np.inf) for norm in curves["grad_norm"])
        print(f"  {name}: loss {curves['loss'][0]:.4f} -> {curves['loss'][-1]:.4f}, clipped in {clipped} of {run['steps']} steps")
        trainer_agrees(name, run, data, {k: p.detach() for k, p in named.items()})
        specs[name] = dict(run=run, data=data)
    fixture.json("training", specs)
    fixture.arrays("training", arrays, tolerance=2e-3)


if __name__ == "__main__":
    main(run)
