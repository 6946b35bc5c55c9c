"""What the default arithmetic (`compute: auto`) costs: the held-out loss after training, beside f32 and beside
PEFT in bf16, with three seeds on three data sets and both real models.

  TUNESMITH_BIN=… TUNESMITH_SMOLLM2=… TUNESMITH_QWEN=… TUNESMITH_CACHE=… python benches/vs_peft/quality.py [MODEL | DATA SET …]

Prints the table of docs/benchmarks/arithmetic.md. All evaluations are computed in f32.
"""

import importlib
import inspect
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from prepare import HERE, ROOT, Place, call, written
from report import fewer_bits

SEEDS = (1, 2, 3)
MODELS = ("smollm2", "qwen0.5b")


@dataclass(frozen=True)
class DataSet:
    held_out: int
    batch_size: int
    steps: int


SETS = {
    "demo": DataSet(held_out=60, batch_size=8, steps=24),
    "chat": DataSet(held_out=12, batch_size=4, steps=5),
    "python": DataSet(held_out=30, batch_size=8, steps=8),
}
MODULES = """os os.path shutil statistics math itertools functools collections random json re datetime pathlib subprocess string textwrap
heapq bisect tempfile glob zlib socket threading logging csv decimal fractions hashlib asyncio email.utils inspect types time calendar
locale urllib.parse html queue struct weakref copy pprint enum contextlib operator stat tarfile zipfile unittest.mock argparse""".split()


def docstrings() -> list[str]:
    """Questions about Python's library, answered by itself: text that nobody wrote for this."""
    found = []
    for module in MODULES:
        for name, value in sorted(vars(importlib.import_module(module)).items()):
            text = inspect.getdoc(value) if callable(value) and not name.startswith("_") else None
            if text and 40 <= len(text) <= 700:
                turns = [("user", f"What does Python's {module}.{name} do?"), ("assistant", text)]
                found.append(json.dumps({"messages": [dict(role=role, content=content) for role, content in turns]}) + "\n")
    random.Random(1).shuffle(found)
    return found[:400]


class Job:
    """One model on one data set with one seed: everyone starts from the same adapter and is given the same batches."""

    def __init__(self, place: Place, model: str, folder: Path, name: str, seed: int):
        self.place, self.model, self.folder = place, model, folder
        self.config = dict(dataset_path=str(folder / "train.jsonl"), eval_dataset=str(folder / "eval.jsonl"), batch_size=SETS[name].batch_size,
                           epochs=1, max_steps=SETS[name].steps, learning_rate=5e-4, lr_scheduler="linear", warmup_ratio=0.03, weight_decay=0.0,
                           max_grad_norm=1.0, lora_rank=16, lora_alpha=32, seed=seed, save_every=0, max_seq_len=2048,
                           threads=os.cpu_count())
        # An adapter that has learned nothing yet, with this seed's random half.
        self.ours("start", "f32", learning_rate=1e-12, max_steps=1)
        self.config["from_adapter"] = str(folder / "start/final")

    def ours(self, output: str, compute: str, **changes) -> float:
        """The held-out loss after training."""
        job = written({**self.config, **changes, "compute": compute}, self.folder / "job.json")
        words = ["train", "--config", job, "--base-model", self.place.files[self.model], "--quiet", "--overwrite", "--output", self.folder / output]
        subprocess.run([self.place.binary, *map(str, words)], check=True, stdout=subprocess.DEVNULL)
        return json.loads((self.folder / output / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1])["eval_loss"]

    def theirs(self) -> float:
        """PEFT's fastest script and dtype here; its adapter is then evaluated as ours are."""
        job = written(self.config, self.folder / "job.json")
        call(sys.executable, HERE / "with_peft.py", "--lean", "--dtype", "bf16", "--config", job, "--model", self.place.model(self.model), "--start",
             self.folder / "start/final", "--output", self.folder / "theirs")
        return self.ours("evaluated", "f32", from_adapter=str(self.folder / "theirs/final"), learning_rate=1e-12, max_steps=1)


def chosen(names: Iterable[str], named: set[str]) -> list[str]:
    """Those of `names` that the user named; all where none is."""
    return [name for name in names if name in named] or list(names)


def main():
    place = Place()
    texts = {"demo": ROOT / "data/demo/train.jsonl", "chat": place.data("realistic", "smollm2")}
    fewer = fewer_bits() or sys.exit("this CPU is offered f32 only")
    print(f"| model | data set | seed | f32 | {fewer} | PEFT bf16 | {fewer} − f32 | PEFT bf16 − f32 |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
    named = set(sys.argv[1:])
    unknown = named - set(MODELS) - set(SETS)
    if unknown:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join([*MODELS, *SETS])}")
    for model in chosen(MODELS, named):
        for name in chosen(SETS, named):
            how = SETS[name]
            lines = docstrings() if name == "python" else texts[name].read_text(encoding="utf-8").splitlines(keepends=True)
            random.Random(0).shuffle(lines)
            with tempfile.TemporaryDirectory(prefix="quality-") as scratch:
                folder = Path(scratch)
                (folder / "eval.jsonl").write_text("".join(lines[:how.held_out]), encoding="utf-8")
                (folder / "train.jsonl").write_text("".join(lines[how.held_out:]), encoding="utf-8")
                for seed in SEEDS:
                    job = Job(place, model, folder, name, seed)
                    f32, auto, peft = job.ours("out", "f32"), job.ours("out", "auto"), job.theirs()
                    print(f"| {model} | {name} | {seed} | {f32:.4f} | {auto:.4f} | {peft:.4f} | {auto - f32:+.4f} | {peft - f32:+.4f} |", flush=True)


if __name__ == "__main__":
    main()
