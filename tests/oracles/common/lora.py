"""PEFT models with adapters by formula, and data that both sides train on."""

import math

import numpy as np
import torch

from . import counter, models

MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def wrap(model, run: dict, dropout: float = 0.0, **more):
    from peft import LoraConfig, get_peft_model

    more = {**{key: run[key] for key in ("rank_pattern", "alpha_pattern") if key in run}, **more}
    config = LoraConfig(r=run["rank"], lora_alpha=run["alpha"], target_modules=run["targets"], lora_dropout=dropout,
                        use_rslora=run["rslora"], bias="none", task_type="CAUSAL_LM", **more)
    return get_peft_model(model, config)


def parameters(peft_model) -> dict[str, torch.nn.Parameter]:
    """By the names PEFT writes to disk, less `base_model.model.`."""
    return {n.replace("base_model.model.", "").replace(".default", ""): p for n, p in peft_model.named_parameters() if p.requires_grad}


def start(peft_model, seed: str, b_scale: float) -> None:
    """A as PEFT's Kaiming-uniform in size, B not zero, so that every gradient is."""
    for name, p in parameters(peft_model).items():
        scale = 1.0 / math.sqrt(p.shape[1]) if "lora_A" in name else b_scale
        p.data = torch.from_numpy(counter.values(f"{seed}/{name}", tuple(p.shape), 0.0, float(np.float32(scale))))


def examples(name: str, n: int, low: int, high: int) -> list[dict]:
    """Random tokens; `mask[i]`: token i is a target. Spans of turns and odd ends: a masked tail, a single target."""
    out = []
    draws = counter.uniform(f"{name}/draws", n * 4).astype(np.float64) / 2 + 0.5
    for i in range(n):
        a, b, c, d = draws[4 * i:4 * i + 4]
        length = low + int(a * (high - low + 1))
        first = 1 + int(b * (length - 2))
        second = first + 1 + int(c * (length - first))
        mask = [first <= k < second or (d > 0.7 and k == length - 1) for k in range(length)]
        if i == 3:
            mask = [k > 0 for k in range(length)]
        out.append(dict(ids=counter.ids(f"{name}/{i}", length, models.VOCAB), mask=[int(m) for m in mask]))
    return out


def collate(batch: list[dict]) -> dict:
    """Padded on the right with id 0, as a data collator does."""
    width = max(len(e["ids"]) for e in batch)
    ids, labels, attention = [], [], []
    for e in batch:
        gap = width - len(e["ids"])
        ids.append(e["ids"] + [0] * gap)
        labels.append([t if m else -100 for t, m in zip(e["ids"], e["mask"])] + [-100] * gap)
        attention.append([1] * len(e["ids"]) + [0] * gap)
    return dict(input_ids=torch.tensor(ids), labels=torch.tensor(labels), attention_mask=torch.tensor(attention))


def micro_batches(data: list[dict], run: dict) -> list[list[list[dict]]]:
    """The micro-batches of each optimiser step of one epoch; the last ones may be smaller, as in Trainer."""
    size, every = run["batch_size"], run["gradient_accumulation"]
    batches = [data[i:i + size] for i in range(0, len(data), size)]
    return [batches[i:i + every] for i in range(0, len(batches), every)]


def backward(model, micro: list[list[dict]], smoothing: float = 0.0) -> dict[str, float]:
    """Gradients of the mean over the trained tokens of the whole step; returns that mean, and the means of what else is reported:
    whether the likeliest token is the right one, and the entropy of the prediction (nats)."""
    total = sum(sum(e["mask"][1:]) for batch in micro for e in batch)
    model.zero_grad(set_to_none=True)
    sums = dict(loss=0.0, accuracy=0.0, entropy=0.0)
    for batch in micro:
        tensors = collate(batch)
        out = model(**tensors, num_items_in_batch=total)
        targets = tensors["labels"][:, 1:]
        rows, right = out.logits[:, :-1][targets != -100], targets[targets != -100]
        loss = torch.nn.functional.cross_entropy(rows, right, reduction="sum", label_smoothing=smoothing) / total if smoothing else out.loss
        loss.backward()
        rows = rows.detach()
        log_p = torch.log_softmax(rows, -1)
        sums["loss"] += float(loss.detach())
        sums["accuracy"] += float((rows.argmax(-1) == right).sum()) / total
        sums["entropy"] += float(-(log_p.exp() * log_p).sum()) / total
    return sums


def schedule(optimizer, run: dict):
    import transformers as t

    warmup = math.ceil(run["steps"] * run["warmup_ratio"])
    if run["scheduler"] == "linear":
        return t.get_linear_schedule_with_warmup(optimizer, warmup, run["steps"])
    if run["scheduler"] == "cosine":
        return t.get_cosine_schedule_with_warmup(optimizer, warmup, run["steps"])
    if run["scheduler"] == "constant":
        return t.get_constant_schedule(optimizer)
    return t.get_constant_schedule_with_warmup(optimizer, warmup)


def train(model, data: list[dict], run: dict, at_step=lambda step: None) -> dict[str, list[float]]:
    """Steps 0..run.steps; `at_step(step)` sees the gradients before clipping, also those of step run.steps."""
    trained = list(parameters(model).values())
    optimizer = torch.optim.AdamW(trained, lr=run["learning_rate"], betas=(0.9, 0.999), eps=1e-8, weight_decay=run["weight_decay"])
    rates = schedule(optimizer, run)
    out = dict(loss=[], accuracy=[], entropy=[], grad_norm=[], learning_rate=[])
    model.train()
    step = 0
    while True:
        for micro in micro_batches(data, run):
            sums = backward(model, micro, run.get("label_smoothing_factor", 0.0))
            at_step(step)
            if step == run["steps"]:
                return out
            norm = torch.nn.utils.clip_grad_norm_(trained, run["max_grad_norm"] or math.inf)
            for key, value in sums.items():
                out[key].append(value)
            out["grad_norm"].append(float(norm))
            out["learning_rate"].append(rates.get_last_lr()[0])
            optimizer.step()
            rates.step()
            step += 1
