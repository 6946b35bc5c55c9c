"""What the default arithmetic (`compute: auto`: bf16 or int8, as the CPU has) costs: the held-out loss after training, beside f32, with three seeds
on three data sets and both real models.

  TUNESMITH_BIN=… TUNESMITH_SMOLLM2=… TUNESMITH_QWEN=… TUNESMITH_CACHE=… python benches/vs_peft/quality.py [MODEL …]

Prints the table of docs/performance.md. All evaluations are computed in f32.
"""

import importlib
import inspect
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from prepare import ROOT, Place
from report import fewer_bits

SEEDS = (1, 2, 3)
#: name: (held out, epochs, batch size)
MODELS = ("smollm2", "qwen0.5b")
SETS = {"demo": (60, 2, 8), "chat": (40, 0.5, 4), "python": (60, 2, 8)}
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


def eval_loss(place: Place, model: str, folder: Path, name: str, seed: int, compute: str) -> float:
    _, epochs, batch = SETS[name]
    words = ["--base-model", place.files[model], "--dataset", folder / "train.jsonl", "--eval-dataset", folder / "eval.jsonl", "--epochs", epochs,
             "--batch-size", batch, "--learning-rate", 5e-4, "--lora-rank", 16, "--compute", compute, "--seed", seed, "--overwrite", "--output", folder / "out"]
    subprocess.run([place.binary, "train", "--quiet", *map(str, words)], check=True, stdout=subprocess.DEVNULL)
    return json.loads((folder / "out/metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1])["eval_loss"]


def main():
    place = Place()
    texts = {"demo": ROOT / "data/demo/train.jsonl", "chat": place.data("realistic", "smollm2")}
    fewer = fewer_bits() or sys.exit("this CPU is offered f32 only")
    print(f"| model | data set | seed | f32 | {fewer} | apart |\n| --- | --- | --- | --- | --- | --- |")
    for model in sys.argv[1:] or MODELS:
        for name, (held_out, _, _) in SETS.items():
            lines = docstrings() if name == "python" else texts[name].read_text(encoding="utf-8").splitlines(keepends=True)
            random.Random(0).shuffle(lines)
            with tempfile.TemporaryDirectory(prefix="quality-") as scratch:
                folder = Path(scratch)
                (folder / "eval.jsonl").write_text("".join(lines[:held_out]), encoding="utf-8")
                (folder / "train.jsonl").write_text("".join(lines[held_out:]), encoding="utf-8")
                for seed in SEEDS:
                    one, other = (eval_loss(place, model, folder, name, seed, compute) for compute in ("f32", "auto"))
                    print(f"| {model} | {name} | {seed} | {one:.4f} | {other:.4f} | {other - one:+.4f} |", flush=True)


if __name__ == "__main__":
    main()
