#!/usr/bin/env python3
"""What the shipped data does to the real model, measured with PEFT (the oracle of data/ and tests/fixtures/pipeline).

    python tests/oracles/demo_peft.py MODEL.gguf                   the demo: base, tuned with replay
    python tests/oracles/demo_peft.py MODEL.gguf --without-replay  the same without replay: what it forgets
    python tests/oracles/demo_peft.py MODEL.gguf --pipeline             tests/fixtures/pipeline, as tests/it/served/pipeline.rs trains it

MODEL.gguf is SmolLM2-135M-Instruct (any float or quantised GGUF that transformers can widen). Needs torch, transformers, peft, gguf.
--save FILE keeps all answers as JSON; --adapter DIR keeps the adapter; --threads N; --bf16 trades exactness for speed while data is being written.

Training: LoRA on every linear layer of the blocks, alpha 2r, AdamW without decay, linear schedule, warmup .03, clip 1, loss only on the
answer and its <|im_end|>, shuffled once an epoch. Replay: prompts of data/general/replay.jsonl in the file's order, answered greedily by
the base itself; one whose answer does not end within the limit is left out and the next taken.
Scores: exact match after trimming for `expected`; a keyword (word boundary, casefolded, a|b = either) for `keywords`.
"""
import argparse
import json
import math
import random
import re
import time
import unicodedata
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).resolve().parents[2]
# The system turn that the model's own template adds when a conversation has none.
DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def lines(path):
    return [json.loads(line) for line in (ROOT / path).read_text(encoding="utf-8").splitlines()]


def conversation(row):
    """(system or None, user, assistant) of a training row of either shape."""
    if "instruction" in row:
        return None, f"{row['instruction']}\n\n{row['input']}", row["output"]
    turns = {m["role"]: m["content"] for m in row["messages"]}
    return turns.get("system"), turns["user"], turns["assistant"]


def chatml(system, user):
    return f"<|im_start|>system\n{system or DEFAULT_SYSTEM}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"


class Machine:
    def __init__(self, gguf):
        path = Path(gguf)
        self.tokens = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
        self.model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
        self.end = self.tokens.convert_tokens_to_ids("<|im_end|>")
        self.bf16 = False

    def ids(self, text):
        return self.tokens(text, add_special_tokens=False)["input_ids"]

    @torch.no_grad()
    def answer(self, prompts, limit, batch=16):
        """Greedy answers: (text, ended by itself)."""
        self.model.eval()
        out = [None] * len(prompts)
        ids = [self.ids(p) for p in prompts]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        for at in range(0, len(order), batch):
            part = order[at : at + batch]
            width = max(len(ids[i]) for i in part)
            pad = [[self.end] * (width - len(ids[i])) + ids[i] for i in part]
            mask = [[0] * (width - len(ids[i])) + [1] * len(ids[i]) for i in part]
            got = self.model.generate(
                input_ids=torch.tensor(pad), attention_mask=torch.tensor(mask), max_new_tokens=limit, do_sample=False,
                repetition_penalty=1.0, pad_token_id=self.end, eos_token_id=self.end, temperature=None, top_p=None, top_k=None,
            )
            for i, row in zip(part, got):
                new = row[width:].tolist()
                ended = self.end in new
                new = new[: new.index(self.end)] if ended else new
                out[i] = (self.tokens.decode(new), ended)
        return out


def hit(answer, row):
    if "expected" in row:
        return answer.strip() in [e.strip() for e in row["expected"]]
    text = unicodedata.normalize("NFKC", answer).casefold()
    return all(any(re.search(rf"(?<!\w){re.escape(a)}(?!\w)", text) for a in k.split("|")) for k in row["keywords"])


def suite(machine, name, rows, system, limit):
    answers = machine.answer([chatml(system, r["prompt"]) for r in rows], limit)
    hits = [hit(a, r) for (a, _), r in zip(answers, rows)]
    by = {}
    for r, h in zip(rows, hits):
        n, k = by.get(r["category"], (0, 0))
        by[r["category"]] = (n + 1, k + h)
    ended = sum(e for _, e in answers)
    cats = ", ".join(f"{c} {k}/{n}" for c, (n, k) in by.items())
    print(f"{name}: {sum(hits)} of {len(rows)} ({100 * sum(hits) / len(rows):.0f} %), {ended} ended by themselves; {cats}", flush=True)
    return [{"id": r["id"], "prompt": r["prompt"], "want": r.get("expected") or r.get("keywords"), "answer": a, "ended": e, "hit": h}
            for (a, e), r, h in zip(answers, rows, hits)]


def tango(before, after, margin):
    """z of Tango's score test of non-inferiority; above 1.645 it passes."""
    n = len(before)
    b = sum(x["hit"] and not y["hit"] for x, y in zip(before, after))
    c = sum(y["hit"] and not x["hit"] for x, y in zip(before, after))
    d = -margin
    big_a, big_b, big_c = 2 * n, -b - c + (2 * n - c + b) * d, -b * d * (1 - d)
    q = (math.sqrt(big_b**2 - 4 * big_a * big_c) - big_b) / (2 * big_a)
    return b, c, (c - b - n * d) / math.sqrt(n * (2 * q + d * (1 - d)))


def examples(machine, rows):
    out = []
    for row in rows:
        system, user, assistant = conversation(row)
        prompt = machine.ids(chatml(system, user))
        answer = machine.ids(assistant) + [machine.end]
        out.append((prompt + answer, [-100] * len(prompt) + answer))
    return out


def replay(machine, prompts, count, limit):
    out = []
    for user, (text, ended) in zip(prompts, machine.answer([chatml(None, p) for p in prompts], limit)):
        if not ended or not text.strip():
            continue
        prompt = machine.ids(chatml(None, user))
        answer = machine.ids(text) + [machine.end]
        out.append((prompt + answer, [-100] * len(prompt) + answer))
    print(f"{len(out)} of {len(prompts)} replay prompts end within {limit} tokens; {count} wanted", flush=True)
    return out[:count]


def train(machine, data, args):
    torch.manual_seed(args.seed)
    machine.model = get_peft_model(machine.model, LoraConfig(r=args.rank, lora_alpha=2 * args.rank, target_modules=LINEARS, task_type="CAUSAL_LM"))
    machine.model.train()
    weights = [p for p in machine.model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=args.lr, weight_decay=0.0)
    steps = math.ceil(len(data) / args.batch) * args.epochs
    warm = max(1, round(0.03 * steps))
    shuffle, step, tokens, start = random.Random(args.seed), 0, 0, time.time()
    for epoch in range(args.epochs):
        order = list(range(len(data)))
        shuffle.shuffle(order)
        for at in range(0, len(order), args.batch):
            part = [data[i] for i in order[at : at + args.batch]]
            width = max(len(ids) for ids, _ in part)
            ids = torch.tensor([i + [machine.end] * (width - len(i)) for i, _ in part])
            mask = torch.tensor([[1] * len(i) + [0] * (width - len(i)) for i, _ in part])
            labels = torch.tensor([l + [-100] * (width - len(l)) for _, l in part])
            rate = args.lr * (min(1.0, (step + 1) / warm) if step < warm else (steps - step) / max(1, steps - warm))
            for group in optimiser.param_groups:
                group["lr"] = rate
            with torch.autocast("cpu", torch.bfloat16, enabled=machine.bf16):
                loss = machine.model(input_ids=ids, attention_mask=mask, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            optimiser.zero_grad()
            step += 1
            tokens += int(mask.sum())
            if step % 10 == 0 or step == steps:
                print(f"step {step}/{steps} loss {loss.item():.3f} {time.time() - start:.0f} s {tokens} tokens", flush=True)


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("gguf")
    ask.add_argument("--pipeline", action="store_true")
    ask.add_argument("--without-replay", action="store_true")
    ask.add_argument("--replay-share", type=float, default=0.2)
    ask.add_argument("--replay-tokens", type=int, default=64)
    ask.add_argument("--limit", type=int, default=24, help="tokens of an answer to the general suite")
    ask.add_argument("--rank", type=int)
    ask.add_argument("--lr", type=float, default=5e-4)
    ask.add_argument("--batch", type=int)
    ask.add_argument("--epochs", type=int)
    ask.add_argument("--seed", type=int, default=42)
    ask.add_argument("--threads", type=int, default=2)
    ask.add_argument("--bf16", action="store_true")
    ask.add_argument("--no-base", action="store_true", help="do not ask the base first")
    ask.add_argument("--save")
    ask.add_argument("--adapter")
    args = ask.parse_args()
    args.rank = args.rank or (8 if args.pipeline else 16)
    args.batch = args.batch or (4 if args.pipeline else 8)
    args.epochs = args.epochs or (3 if args.pipeline else 2)
    torch.set_num_threads(args.threads)
    machine = Machine(args.gguf)
    machine.bf16 = args.bf16

    system = None if args.pipeline else (ROOT / "data/demo/system.txt").read_text(encoding="utf-8").strip()
    rows = lines("tests/fixtures/pipeline/train.jsonl" if args.pipeline else "data/demo/train.jsonl")
    role = lines("tests/fixtures/pipeline/suite.jsonl" if args.pipeline else "data/demo/suite.jsonl")
    general = lines("data/general/suite.jsonl")
    data = examples(machine, rows)
    print(f"{len(data)} examples, {sum(len(i) for i, _ in data) / len(data):.1f} tokens each, "
          f"{sum(l != -100 for _, x in data for l in x) / len(data):.1f} of them trained", flush=True)
    result = {"arguments": vars(args)}
    if not args.no_base:
        result["role_base"] = suite(machine, "role, base", role, system, 24)
        result["general_base"] = suite(machine, "general, base", general, None, args.limit)
    if not args.without_replay:
        count = round(len(data) * args.replay_share / (1 - args.replay_share))
        more = replay(machine, [r["prompt"] for r in lines("data/general/replay.jsonl")], count, args.replay_tokens)
        print(f"{len(more)} replayed, {sum(len(i) for i, _ in more) / len(more):.1f} tokens each", flush=True)
        data += more
    train(machine, data, args)
    if args.adapter:
        machine.model.save_pretrained(args.adapter)
    result["role_tuned"] = suite(machine, "role, tuned", role, system, 24)
    result["general_tuned"] = suite(machine, "general, tuned", general, None, args.limit)
    if not args.no_base:
        for name, margin in (("role", 0.05), ("general", 0.10)):
            b, c, z = tango(result[f"{name}_base"], result[f"{name}_tuned"], margin)
            print(f"{name}: {c} fixed, {b} broken; not worse by {margin:.0%}: z {z:.2f} ({'PASS' if z > 1.645 else 'not shown'})")
    if args.save:
        Path(args.save).write_text(json.dumps(result, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
