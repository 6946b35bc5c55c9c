"""One program, measured as a process of its own: wall time, CPU time, peak memory, and what it wrote of its steps."""

import json
import os
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Run:
    wall: float  # seconds from start to exit
    cpu: float
    peak: float  # MiB, resident
    losses: list[float] = field(default_factory=list)
    tokens: int = 0
    trained: int | None = None
    speed: float = 0.0  # tokens a second, from the second step on


class Failed(Exception):
    pass


def run(command: list, env: dict, output: Path) -> Run:
    """This process is small and imports nothing heavy: a child's peak would otherwise begin with ours."""
    log = output.with_suffix(".log")
    with open(log, "wb") as out:
        began = time.perf_counter()
        child = subprocess.Popen([str(word) for word in command], env={**os.environ, **env}, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise Failed(f"{' '.join(map(str, command))}\n{log.read_text(errors='replace')[-2000:]}\n(exit {child.returncode}; {log})")
    # Linux counts in KiB, macOS in bytes.
    peak = usage.ru_maxrss / (1 << 10 if os.uname().sysname == "Linux" else 1 << 20)
    return read(Run(wall, usage.ru_utime + usage.ru_stime, peak), output / "metrics.jsonl")


def read(run: Run, metrics: Path) -> Run:
    seen, fed, seconds = 0, 0, 0.0
    for line in map(json.loads, metrics.read_text(encoding="utf-8").splitlines()):
        if "train_loss" in line and "step" in line:
            run.losses.append(line["train_loss"])
            tokens, seen = line["num_tokens"] - seen, line["num_tokens"]
            if line["step"] > 1:
                fed, seconds = fed + tokens, seconds + tokens / line["tokens_per_second"]
        elif "num_tokens" in line:
            run.tokens = round(line["num_tokens"])
            run.trained = line.get("trained_tokens")
            if "trained_tokens_per_second" in line:  # tunesmith says it as a rate
                run.trained = round(line["num_tokens"] * line["trained_tokens_per_second"] / line["tokens_per_second"])
    run.speed = fed / seconds if seconds else run.tokens / run.wall
    return run


def spread(values: list[float], digits: int = 1) -> str:
    """The median, and from where to where."""
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def apart(ours: list[float], theirs: list[float]) -> float:
    """The largest difference of the losses of the same steps, as a share of their mean: single losses come near zero."""
    return max(abs(a - b) for a, b in zip(ours, theirs)) / statistics.mean(theirs)
