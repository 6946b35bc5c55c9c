#!/usr/bin/env python3
"""Distillation against forgetting, in PyTorch + PEFT, f32: KL(base ‖ base + adapter) at the trained positions and its gradients, where
the base is the same model with its adapter disabled.

    scripts/oracles --write distil
"""

import numpy as np
import torch

from common import lora, models
from common.fixture import main
from training import DEFAULT, RUNS


def divergence(model, batch: list[dict]) -> torch.Tensor:
    """The mean over the batch's trained tokens."""
    tensors = lora.collate(batch)
    wanted = tensors.pop("labels")[:, 1:] != -100
    with torch.no_grad(), model.disable_adapter():
        base = torch.log_softmax(model(**tensors).logits[:, :-1][wanted], -1)
    ours = torch.log_softmax(model(**tensors).logits[:, :-1][wanted], -1)
    return torch.nn.functional.kl_div(ours, base, reduction="sum", log_target=True) / wanted.sum()


def run(fixture) -> None:
    arrays = {}
    for name, differs in RUNS.items():
        run = {**DEFAULT, **differs}
        data = lora.examples(f"{name}/data", run["examples"], run["low"], run["high"])[:4]
        model = lora.wrap(models.build(name), run)
        lora.start(model, f"{name}/adapter", run["b_scale"])
        loss = divergence(model, data)
        loss.backward()
        print(f"  {name}: KL {float(loss.detach()):.5f}")
        arrays[f"{name}.loss"] = np.array([float(loss.detach())], dtype=np.float64)
        for key, p in lora.parameters(model).items():
            arrays[f"{name}.grad.{key}"] = p.grad.numpy().copy()
    fixture.arrays("distil", arrays, tolerance=2e-3)


if __name__ == "__main__":
    main(run)
