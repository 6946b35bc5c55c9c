"""The PEFT side: one script as a practised user would write it for a CPU, with nothing in it that costs time.

    python with_peft.py --config JOB.json --model FOLDER --start ADAPTER --output OUT --dtype f32|bf16|medium [--lean]

Dynamic padding, SDPA, no KV cache, no gradient checkpointing, fused AdamW, no metric but the loss. bf16: frozen weights in bf16,
adapter in f32, products under autocast. medium: all in f32, products rounded to bf16 where the CPU has them. --lean leaves out by hand what the usual script computes for nobody: the head where nothing is
trained, and the attention mask, which padding on the right of a causal model does not need.
"""

import argparse
import contextlib
import json
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from peft import PeftModel
from peft.helpers import disable_input_dtype_casting
from transformers import AutoModelForCausalLM, AutoTokenizer, get_linear_schedule_with_warmup

import tokens


def collate(batch):
    width = max(len(e.ids) for e in batch)
    right = lambda row, value: row + [value] * (width - len(row))  # noqa: E731
    ids = torch.tensor([right(e.ids, 0) for e in batch])
    labels = torch.tensor([right(e.labels, -100) for e in batch])
    return ids, labels, torch.tensor([right([1] * len(e.ids), 0) for e in batch])


class Loss:
    """Sums over the trained tokens of a micro-batch, divided by those of the whole step."""

    def __init__(self, model, lean: bool):
        self.model, self.lean = model, lean

    def logits(self, ids, mask, wanted):
        if not self.lean:
            return self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1][wanted]
        inner = self.model.get_base_model()
        hidden = inner.model(input_ids=ids, use_cache=False).last_hidden_state
        return inner.lm_head(hidden[:, :-1][wanted])

    def __call__(self, batch, total: int):
        ids, labels, mask = collate(batch)
        replay = torch.tensor([e.distilled for e in batch])
        if not self.lean and not replay.any():
            return self.model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False, num_items_in_batch=total).loss
        targets = labels[:, 1:]
        wanted = targets != -100
        ours = self.logits(ids, mask, wanted).float()
        if not replay.any():
            return F.cross_entropy(ours, targets[wanted], reduction="sum") / total
        distilled = replay[:, None].expand_as(wanted)[wanted]
        loss = F.cross_entropy(ours[~distilled], targets[wanted][~distilled], reduction="sum") if not replay.all() else 0.0
        with torch.no_grad(), self.model.disable_adapter():
            width = int(mask[replay].sum(1).max())
            part = self.logits(ids[replay, :width], mask[replay, :width], wanted[replay, :width - 1]).float()
            base = torch.log_softmax(part, -1)
        return (loss + F.kl_div(torch.log_softmax(ours[distilled], -1), base, reduction="sum", log_target=True)) / total


def train(model, config: dict, steps, args) -> None:
    weights = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=config["learning_rate"], weight_decay=0.0, fused=True)
    rates = get_linear_schedule_with_warmup(optimiser, math.ceil(config["warmup_ratio"] * len(steps)), len(steps))
    bf16 = args.dtype == "bf16"
    loss_of = Loss(model, args.lean)
    seen = trained = 0
    model.train()
    with open(args.output / "metrics.jsonl", "w", encoding="utf-8") as out:
        for n, step in enumerate(steps[:args.stop_after], 1):
            began = time.perf_counter()
            total = sum(e.trained for batch in step for e in batch)
            mean = 0.0
            for batch in step:
                with torch.autocast("cpu", torch.bfloat16) if bf16 else contextlib.nullcontext():
                    with disable_input_dtype_casting(model, active=bf16):
                        loss = loss_of(batch, total)
                loss.backward()
                mean += loss.item()
            torch.nn.utils.clip_grad_norm_(weights, config["max_grad_norm"], foreach=True)
            optimiser.step()
            rates.step()
            optimiser.zero_grad(set_to_none=True)
            fed = sum(len(e.ids) for batch in step for e in batch)
            seen, trained = seen + fed, trained + total
            line = dict(step=n, train_loss=mean, num_tokens=seen, tokens_per_second=fed / (time.perf_counter() - began))
            out.write(json.dumps(line) + "\n")
        out.write(json.dumps(dict(num_tokens=seen, trained_tokens=trained)) + "\n")


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("config", "model", "start", "output", "answers"):
        ask.add_argument(f"--{name}", type=Path, required=name != "answers")
    ask.add_argument("--dtype", choices=("f32", "bf16", "medium"), default="f32")
    ask.add_argument("--lean", action="store_true")
    ask.add_argument("--stop-after", type=int)
    args = ask.parse_args()
    config = json.loads(args.config.read_text(encoding="utf-8"))
    torch.set_num_threads(config["threads"])
    if args.dtype == "medium":
        torch.set_float32_matmul_precision("medium")
    args.output.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    steps = tokens.steps(config, tokens.examples(tokenizer, config, args.answers))[:config.get("max_steps")]
    dtype = torch.bfloat16 if args.dtype == "bf16" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=dtype, attn_implementation="sdpa")
    model = PeftModel.from_pretrained(model, args.start, is_trainable=True)
    train(model, config, steps, args)
    model.save_pretrained(args.output / "final")


if __name__ == "__main__":
    main()
