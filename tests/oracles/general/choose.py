#!/usr/bin/env python3
"""Chooses the questions of data/general from candidates: those that every base knows, and does not guess.

A question that an untuned model answers by luck measures luck: whatever is trained, some of those are lost and others won (regression
to the mean, and flips that no verdict can use). A question that it answers wrongly measures nothing. So each candidate is put to each
base several times, as `run` puts it (the base's own chat template, 32 tokens, greedy), each time with one thing changed that should not
matter, and is kept when all are right, and of the samples three of four:

    greedy      eight questions at a time, so that each is computed in batches with others
    requantised greedy, from a second file of the same base in Q8_0 (llama-quantize --allow-requantize)
    sampled     four times with temperature 0.4, seeds 1 to 4; three are right
    batches     greedy, with batches of 8 tokens

Only untuned bases are asked; no tuned model has a say. The English questions of `builtin:general-v1` (candidates.jsonl) were chosen
before, by eight samples of SmolLM2 alone, asked without its default system text: kept where six were right.

    OLLAMA_HOST=127.0.0.1:11573 python3 tests/oracles/general/choose.py tests/oracles/general/candidates.fr.jsonl \\
        --answers /tmp/answers.jsonl \\
        --base smollm2=SmolLM2-135M-Instruct.Q4_1.gguf,smollm2:135m,smollm2-q8 \\
        --base qwen=qwen2.5-coder-0.5b-instruct-q4_k_m.gguf,qwen2.5-coder:0.5b,qwen-q8 > kept.jsonl

The daemon runs with OLLAMA_NUM_PARALLEL=8. A base is the file whose template is used, the daemon's name of it, and the daemon's name of the requantised one. Answers are kept in
the file `--answers`, so that a stopped choice goes on, and more candidates ask only what is new. A candidate that a base fails is not
asked further. `docs/benchmarks/replay.md` says what the counts were. Needs jinja2.
"""
import argparse
import json
import os
import re
import struct
import sys
import threading
import unicodedata
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import jinja2

GREEDY = dict(temperature=0.0, seed=0, top_k=1, top_p=1.0, min_p=0.0, repeat_penalty=1.0, num_predict=32, num_ctx=1024, num_thread=1)
STEPS = {
    "greedy": [{}],
    "requantised": [{}],
    # The English questions were kept at six of eight: the same share.
    "sampled": [dict(temperature=0.4, top_k=0, seed=seed) for seed in (1, 2, 3, 4)],
    "batches": [dict(num_batch=8)],
}
PARALLEL = 8
KEY = b"tokenizer.chat_template"
TYPE_STRING = 8


@dataclass
class Base:
    name: str
    template: jinja2.Template
    served: str
    requantised: str


def chat_template(gguf: str) -> str:
    """The template in a GGUF file's header."""
    with open(gguf, "rb") as file:
        header = file.read(1 << 24)
    at = header.index(KEY) + len(KEY)
    kind, length = struct.unpack_from("<IQ", header, at)
    assert kind == TYPE_STRING, kind
    return header[at + 12:at + 12 + length].decode()


def base(text: str) -> Base:
    name, rest = text.split("=", 1)
    gguf, served, requantised = rest.split(",")
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    return Base(name, environment.from_string(chat_template(gguf)), served, requantised)


def plain(text: str) -> str:
    """As src/eval normalises keywords: compatibility forms, lower case, plain apostrophes, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text.replace("’", "'")).casefold().split())


def holds(answer: str, word: str) -> bool:
    """As a word of its own, or a number that does not go on."""
    return re.search(rf"(?<!\w)(?<!\d[.,]){re.escape(plain(word))}(?!\w|[.,]\d)", plain(answer)) is not None


def right(answer: str, keywords: list[str]) -> bool:
    return all(any(holds(answer, word) for word in entry.split("|")) for entry in keywords)


class Answers:
    """Asks a daemon what was not asked before. An answer is read until it is right, or ends."""

    def __init__(self, path: str) -> None:
        self.path, self.known, self.lock = Path(path), {}, threading.Lock()
        if self.path.exists():
            for line in self.path.read_text().splitlines():
                row = json.loads(line)
                self.known[row["key"]] = row

    def to(self, model: str, text: str, keywords: list[str], options: dict) -> str:
        key = json.dumps([model, text, options], ensure_ascii=False, sort_keys=True)
        known = self.known.get(key)
        if known is None or not known["ended"] and not right(known["answer"], keywords):
            answer, ended = ask(model, text, keywords, options)
            known = dict(key=key, answer=answer, ended=ended)
            with self.lock, self.path.open("a") as file:
                self.known[key] = known
                file.write(json.dumps(known, ensure_ascii=False) + "\n")
        return known["answer"]


def ask(model: str, text: str, keywords: list[str], options: dict) -> tuple[str, bool]:
    options = {**GREEDY, "stop": ["<|im_end|>", "<|im_start|>"], **options}
    body = dict(model=model, prompt=text, raw=True, stream=True, keep_alive="30m", options=options)
    host = os.environ.get("OLLAMA_HOST", "127.0.0.1:11434")
    request = urllib.request.Request(f"http://{host}/api/generate", json.dumps(body).encode(), {"Content-Type": "application/json"})
    answer = ""
    with urllib.request.urlopen(request, timeout=600) as reply:
        for line in reply:
            part = json.loads(line)
            answer += part["response"]
            # The word that is being written may go on ("cat", "catch").
            if part["done"] or right(re.sub(r"\w+$", "", answer), keywords):
                return answer, part["done"]
    raise RuntimeError(f"the daemon ended the answer to {text!r}")


def ask_all(answers: Answers, base: Base, step: str, rows: list[dict]) -> list[dict]:
    """The rows whose answers are right."""
    model = base.requantised if step == "requantised" else base.served

    def answered(row: dict) -> list[str]:
        text = base.template.render(messages=[dict(role="user", content=row["prompt"])], add_generation_prompt=True)
        return [answers.to(model, text, row["keywords"], options) for options in STEPS[step]]

    passed = []
    with ThreadPoolExecutor(PARALLEL) as pool:
        for row, said in zip(rows, pool.map(answered, rows)):
            if 4 * sum(right(answer, row["keywords"]) for answer in said) >= 3 * len(said):
                passed.append(row)
            else:
                print(f"{base.name} {step} {row['id']}: {row['prompt']} {row['keywords']} -> {said!r}", file=sys.stderr)
    print(f"{base.name} {step}: {len(passed)} of {len(rows)}", file=sys.stderr, flush=True)
    return passed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("candidates", help="one JSON object a line: id, prompt, keywords, category")
    parser.add_argument("--base", action="append", type=base, required=True)
    parser.add_argument("--answers", required=True)
    args = parser.parse_args()
    answers = Answers(args.answers)
    rows = [json.loads(line) for line in Path(args.candidates).read_text().splitlines()]
    left = rows
    # One step of one model after the other, so that the daemon loads each once.
    for one in args.base:
        for step in STEPS:
            left = ask_all(answers, one, step, left)
    for row in left:
        print(json.dumps(row, ensure_ascii=False))
    of = Counter(row["category"] for row in rows)
    counts = Counter(row["category"] for row in left)
    print(f"kept {len(left)} of {len(rows)}: " + ", ".join(f"{name} {counts[name]}/{n}" for name, n in of.items()), file=sys.stderr)


if __name__ == "__main__":
    main()
