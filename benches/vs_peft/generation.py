"""Native generation beside llama.cpp's llama-bench, on the same file: 512 tokens read, 128 written."""

import json
import os
import subprocess
import sys

from measure import Failed
from prepare import ROOT

NAME, TITLE = "generation", "generation, SmolLM2-135M-Instruct: 512 tokens of a prompt (pp512), then 128 new ones (tg128), one sequence"
KINDS = {"Q8_0": "q8_0", "Q4_K_M": "q4_k_m"}


def measure(place, args) -> dict:
    build = ["cargo", "bench", "--quiet", "--no-run", "--bench", "generation", "--message-format=json"]
    built = subprocess.run(build, cwd=ROOT, stdout=subprocess.PIPE,
                           text=True, check=True).stdout
    ours = next(m["executable"] for m in map(json.loads, built.splitlines()) if m.get("executable") and m["target"]["name"] == "generation")
    rows = [dict(what=f"{kind} {what}", theirs=[], ours=[]) for kind in KINDS for what in ("pp512", "tg128")]
    tokens = ["64", "16"] if args.quick else ["512", "128"]
    for n in range(args.rounds):
        print(f"{NAME}: round {n + 1} of {args.rounds}", file=sys.stderr, flush=True)
        for k, kind in enumerate(KINDS.values()):
            file = place.gguf("smollm2", kind)
            for side, found in (("theirs", llama_bench(place, file, args.threads, tokens)), ("ours", native(ours, file, args.threads, tokens))):
                for row, value in zip(rows[2 * k:2 * k + 2], found):
                    row[side].append(value)
    return dict(case=NAME, title=TITLE, rows=rows, threads=args.threads, load=os.getloadavg())


def llama_bench(place, file, threads: int, tokens: list[str]) -> list[float]:
    command = [f"{place.tools}/llama-bench", "-m", file, "-t", threads, "-p", tokens[0], "-n", tokens[1], "-r", "3", "-o", "json"]
    return [test["avg_ts"] for test in json.loads(said(command))]


def native(program, file, threads: int, tokens: list[str]) -> list[float]:
    found = json.loads(said([program, file, threads, *tokens]))
    return [found["prompt"], found["new"]]


def said(command: list) -> str:
    done = subprocess.run([str(w) for w in command], capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}\n{done.stderr[-2000:]}\n(exit {done.returncode})")
    return done.stdout
