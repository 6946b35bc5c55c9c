"""Whole training steps of one sequence, of more and more tokens, on one core and on more: tunesmith alone."""

import os
import sys
import tempfile
from pathlib import Path

from cases import Case
from measure import run
from prepare import config, written

NAME = "scaling"
TITLE = "scaling, tunesmith only: SmolLM2-135M, f32, rank 16 on all linear layers, steps of one full-length sequence, every token trained"
LENGTHS = [128, 256, 512, 1024, 2048, 4096, 8192]
#: tokens timed in a run, after its first step, and two steps at least: short ones are over too soon to be timed singly
TIMED = 2048


def case(length: int) -> Case:
    steps = 1 + max(2, TIMED // length)
    return Case(NAME, TITLE, "smollm2", "long", dict(batch_size=1, max_seq_len=length, max_steps=steps), bases=("gguf",), by="speed")


def thread_counts(most: int) -> list[int]:
    """1, 2, 4 and so on, and all."""
    return [1 << n for n in range(most.bit_length()) if 1 << n < most] + [most]


def measure(place, args, scratch: Path) -> dict:
    lengths = LENGTHS[:2] if args.quick else LENGTHS
    jobs = {n: written(config(case(n), place, args, scratch), scratch / f"{n}.json") for n in lengths}
    points = [dict(tokens=n, threads=threads, speed=[], peak=[]) for n in lengths for threads in thread_counts(args.threads)]
    for n in range(args.rounds):
        print(f"{NAME}: round {n + 1} of {args.rounds}", file=sys.stderr, flush=True)
        for point in points if n % 2 == 0 else reversed(points):
            done = trained(place, jobs[point["tokens"]], point["threads"], scratch)
            note = f"  {point['tokens']} tokens, {point['threads']} threads: {done.speed:.0f} tokens/s, {done.peak:.0f} MiB"
            print(note, file=sys.stderr, flush=True)
            point["speed"].append(done.speed)
            point["peak"].append(done.peak)
    return dict(case=NAME, title=TITLE, points=points, threads=f"1 to {args.threads}", load=os.getloadavg())


def trained(place, job: Path, threads: int, scratch: Path):
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        output = Path(folder) / "out"
        command = [place.binary, "train", "--config", job, "--base-model", place.files["smollm2"], "--quiet", "--threads", threads, "--output", output]
        return run(command, {"TUNESMITH_CACHE": str(place.cache / "tunesmith")}, output)
