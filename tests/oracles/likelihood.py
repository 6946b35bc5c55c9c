#!/usr/bin/env python3
"""Likelihoods of two models on the same texts, by transformers in f32 and PyTorch in f64: likelihood.safetensors.

    scripts/oracles --write likelihood

Tiny models in pairs, on ids by formula; SmolLM2-135M-Instruct against itself with an adapter by formula (common/counter.py), on the
program's general text, which is encoded and cut into windows here anew. Choices: how likely each of a few answers is after its prompt, to the
end of its turn; of tiny models on ids by formula, of SmolLM2 after French tickets, which its own chat template writes here.
    scripts/oracles --python likelihood.py V1.gguf V2.gguf [FILE.jsonl]   the same numbers of two files, as JSON
FILE.jsonl: lines {"ids": [...], "scored": [...], "bytes": n}; without it the general text.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from common import counter, gguf_model, lora
from common.fixture import FIXTURES, ROOT, main, quiet, smollm2
from smollm2 import RUN

GENERAL = ROOT / "data" / "likelihood" / "general.jsonl"
WINDOW = 512
#: (v1, v2): other families, other depths, one vocabulary
PAIRS = [("qwen2", "qwen3"), ("llama-tied", "llama-gqa8")]
#: (tokens, first scored): a prompt before it
PASSAGES = [(40, 1), (97, 60), (3, 2)]
NUMBERS = ["nll_v1", "nll_v2", "difference_standard_error", "mean_kl", "mean_kl_standard_error", "p99_kl", "max_kl", "same_top", "rms_delta_p"]


#: tokens of each choice after a prompt of 24; a choice may begin another
CHOICES = [1, 3, 5, 2]
LABELS = ["facturation", "livraison", "technique", "compte", "compte client"]
SYSTEM = "Classe le ticket du client. Réponds par un seul mot : facturation, livraison, technique, compte ou compte client."
TICKETS = ["Mon colis n'est pas arrivé.", "J'ai été débité deux fois.", "L'écran s'éteint tout seul."]


def log_probs(model, ids) -> torch.Tensor:
    return torch.log_softmax(torch.from_numpy(gguf_model.logits(model, ids)).double(), dim=-1)


def measured(first, second, passages) -> dict[str, float]:
    """Per token, in nats; `passages`: (ids, indices of the scored tokens)."""
    nll1, nll2, kl, same, delta = [], [], [], [], []
    for ids, scored in passages:
        at = torch.tensor(scored)
        target = torch.tensor(ids)[at]
        with torch.no_grad():
            p, q = (log_probs(model, ids)[at - 1] for model in (first, second))
        rows = torch.arange(len(at))
        lp, lq = p[rows, target], q[rows, target]
        nll1.append(-lp)
        nll2.append(-lq)
        kl.append(torch.nn.functional.kl_div(q, p, log_target=True, reduction="none").sum(-1))
        same.append((p.argmax(-1) == q.argmax(-1)).double())
        delta.append(lq.exp() - lp.exp())
    nll1, nll2, kl, same, delta = (torch.cat(x) for x in (nll1, nll2, kl, same, delta))
    n = len(kl)
    numbers = [nll1.mean(), nll2.mean(), (nll2 - nll1).std() / n**0.5, kl.mean(), kl.std() / n**0.5, torch.quantile(kl, 0.99), kl.max(),
               same.mean(), (delta**2).mean().sqrt()]
    return dict(zip(NUMBERS, map(float, numbers)), tokens=n)


def tokenizer_of(path: Path):
    """transformers drops the digits' rule of a GGUF whose `tokenizer.ggml.pre` is smollm: it is put back as the model's own tokenizer.json has it."""
    from gguf import GGUFReader
    from tokenizers import pre_tokenizers
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    if GGUFReader(path).get_field("tokenizer.ggml.pre").contents() == "smollm":
        rules = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(rules)
    return tokenizer


def windows(tokenizer):
    """Passages of the general text for a tokenizer that adds no BOS, and the bytes that are scored."""
    passages, size = [], 0
    for line in GENERAL.read_text().splitlines():
        text = json.loads(line)["text"]
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        size += len(text.encode()) - len(tokenizer.decode(ids[:1]).encode())
        for start in range(0, len(ids), WINDOW):
            before = ids[start - 1:start]
            window = before + ids[start:start + WINDOW]
            passages.append((window, list(range(1, len(window)))))
    return passages, size


def log_likelihood(model, ids, first: int) -> float:
    """Of the tokens from `first` on, in nats."""
    with torch.no_grad():
        rows = log_probs(model, ids)[first - 1:-1]
    return float(rows[torch.arange(len(rows)), torch.tensor(ids[first:])].sum())


def tiny_choices(v1: str) -> list[tuple[list[int], int]]:
    prompt = counter.ids(f"choices/{v1}/prompt", 24, 293)
    tails = [counter.ids(f"choices/{v1}/{n}", length, 293) for n, length in enumerate(CHOICES)]
    tails[3] = tails[2][:2]
    return [(list(prompt) + list(tail), len(prompt)) for tail in tails]


def ticket_choices(tokenizer) -> list[tuple[list[int], int]]:
    found = []
    for ticket in TICKETS:
        messages = [dict(role="system", content=SYSTEM), dict(role="user", content=ticket)]
        prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        for label in LABELS:
            before, whole = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (prompt, prompt + label + "<|im_end|>"))
            assert whole[:len(before)] == before
            found.append((whole, len(before)))
    return found


def run(fixture) -> None:
    arrays = {}
    for v1, v2 in PAIRS:
        passages = [(counter.ids(f"likelihood/{v1}/{n}", length, 293), list(range(first, length))) for n, (length, first) in enumerate(PASSAGES)]
        models = [gguf_model.load(FIXTURES / f"{name}.f16.gguf") for name in (v1, v2)]
        found = measured(*models, passages)
        print(f"  {v1} and {v2}: {found}")
        arrays[f"{v1}.{v2}"] = np.array([found[name] for name in NUMBERS])
        for n, (ids, _) in enumerate(passages):
            arrays[f"{v1}.{v2}.{n}.ids"] = np.array(ids, dtype=np.uint32)
        for n, (ids, _) in enumerate(tiny_choices(v1)):
            arrays[f"{v1}.choices.{n}.ids"] = np.array(ids, dtype=np.uint32)
        arrays[f"{v1}.choices"] = np.array([log_likelihood(models[0], *choice) for choice in tiny_choices(v1)])
    path = smollm2()
    passages, size = windows(tokenizer_of(path))
    base = gguf_model.load(path)
    choices = ticket_choices(tokenizer_of(path))
    arrays["smollm2.choices"] = np.array([log_likelihood(base, *choice) for choice in choices])
    arrays["smollm2.choices.tokens"] = np.array([[len(ids), first] for ids, first in choices], dtype=np.uint32).reshape(-1)
    tuned = lora.wrap(gguf_model.load(path), RUN)
    lora.start(tuned, "smollm2/adapter", RUN["b_scale"])
    found = measured(gguf_model.load(path), tuned.eval(), passages)
    print(f"  SmolLM2 and its adapter: {size} bytes, {found}")
    arrays["smollm2"] = np.array([found[name] for name in NUMBERS])
    arrays["smollm2.counts"] = np.array([found["tokens"], size], dtype=np.uint32)
    fixture.arrays("likelihood", arrays, tolerance=1e-3)


def files(v1: Path, v2: Path, passages: Path | None) -> None:
    quiet()
    if passages is None:
        read, size = windows(tokenizer_of(v1))
    else:
        lines = [json.loads(line) for line in passages.read_text().splitlines()]
        read, size = [(line["ids"], line["scored"]) for line in lines], sum(line["bytes"] for line in lines)
    found = measured(gguf_model.load(v1), gguf_model.load(v2), read)
    bits = found["tokens"] / (size * float(np.log(2)))
    print(json.dumps(found | dict(bytes=size, bits_per_byte_v1=found["nll_v1"] * bits, bits_per_byte_v2=found["nll_v2"] * bits)))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        files(*(Path(word).resolve() for word in sys.argv[1:3]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
    else:
        main(run)
