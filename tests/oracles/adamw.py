"""AdamW, clipping and learning rates by PyTorch 2.9 and transformers 5.23.

    python tests/oracles/adamw.py > tests/fixtures/adamw.json
"""
import json
import math

import torch
from transformers import (
    get_constant_schedule,
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_linear_schedule_with_warmup,
)

TOTAL, WARMUP, RATE, DECAY, CLIP = 10, 3, 3e-3, 0.1, 0.5

torch.manual_seed(0)
weights = [torch.nn.Parameter(torch.randn(7)), torch.nn.Parameter(torch.randn(5) * 100)]
start = [w.detach().tolist() for w in weights]
optimizer = torch.optim.AdamW(weights, lr=RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=DECAY, foreach=False)
schedule = get_cosine_schedule_with_warmup(optimizer, WARMUP, TOTAL)
steps = []
for _ in range(TOTAL):
    for w in weights:
        w.grad = torch.randn_like(w) * 10 ** (torch.rand(1).item() * 6 - 4)
    grads = [w.grad.tolist() for w in weights]
    norm = torch.nn.utils.clip_grad_norm_(weights, CLIP).item()
    rate = optimizer.param_groups[0]["lr"]
    optimizer.step()
    schedule.step()
    steps.append({"rate": rate, "grads": grads, "norm": norm, "weights": [w.detach().tolist() for w in weights]})


def rates(make):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    wants = {get_constant_schedule: [], get_constant_schedule_with_warmup: [WARMUP]}
    schedule = make(optimizer, *wants.get(make, [WARMUP, TOTAL]))
    out = []
    for _ in range(TOTAL + 1):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return out


print(json.dumps({
    "rate": RATE, "decay": DECAY, "clip": CLIP, "warmup": WARMUP, "total": TOTAL, "start": start, "steps": steps,
    "linear": rates(get_linear_schedule_with_warmup),
    "cosine": rates(get_cosine_schedule_with_warmup),
    "constant": rates(get_constant_schedule),
    "constant_with_warmup": rates(get_constant_schedule_with_warmup),
}))
