#!/usr/bin/env python3
"""Logits of transformers in f32 for every tiny model: models.json (how to make them) and logits.safetensors.

    scripts/oracles --write logits
"""

import numpy as np
import torch

from common import counter, models
from common.gguf_model import greedy
from common.fixture import main

#: a short text with every position, and one long enough to reach llama3's scaled frequencies
LENGTHS = dict(short=19, long=83)
GREEDY = 24


def forward(model, ids):
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0].numpy()


def must_matter(name: str, ids, right) -> None:
    """What distinguishes a model must show in its logits, else the comparison could not see it missing."""
    wrong = {}
    if models.SPECS[name][1].get("rope_scaling"):
        cfg = models.config(name)
        cfg.rope_parameters = {"rope_type": "default", "rope_theta": cfg.rope_parameters["rope_theta"]}
        wrong["rope scaling"] = models.build(name, cfg)
    for what, ending in dict(bias="q_proj.bias", norm="k_norm.weight", rope=None).items():
        model = models.build(name)
        changed = [p for n, p in model.named_parameters() if ending and n.endswith(ending)]
        for p in changed:
            p.data.fill_(1.0 if what == "norm" else 0.0)
        if what == "rope":
            h, d = model.config.num_attention_heads, models.head_dim(name)
            changed = [layer.self_attn.q_proj.weight for layer in model.model.layers]
            for p in changed:  # rows of q as ggml's llama has them, rope as Hugging Face's
                p.data = p.data.reshape(h, 2, d // 2, -1).swapaxes(1, 2).reshape(p.shape)
        if changed:
            wrong[what] = model
    for what, model in wrong.items():
        relative = np.abs(forward(model, ids) - right).max() / np.abs(right).max()
        assert relative > 0.01, f"{name}: {what} hardly shows: {relative:.1e}"


def run(fixture) -> None:
    specs, arrays = {}, {}
    for name in models.SPECS:
        specs[name] = models.spec(name)
        model = models.build(name)
        spreads = []
        for text, length in LENGTHS.items():
            ids = counter.ids(f"{name}/{text}", length, models.VOCAB)
            logits = forward(model, ids)
            if text == "short":
                must_matter(name, ids, logits)
                arrays[f"{name}.greedy"] = greedy(model, ids, GREEDY)
            if text == "long":
                logits = logits[-3:]
            spreads.append(float(logits.std(axis=-1).mean()))
            arrays[f"{name}.{text}.ids"] = np.array(ids, dtype=np.uint32)
            arrays[f"{name}.{text}.logits"] = logits.astype(np.float32)
        print(f"  {name}: spread (standard deviation of a row of logits) {min(spreads):.2f}, largest {np.abs(arrays[f'{name}.short.logits']).max():.1f}")
        assert min(spreads) >= 1.0, "logits too flat to mean anything"
    fixture.json("models", specs)
    fixture.arrays("logits", arrays)


if __name__ == "__main__":
    main(run)
