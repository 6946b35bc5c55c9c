"""What a case needs, made once in the cache folder, whole or not at all."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path

from cases import COMMON

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def once(path: Path, make) -> Path:
    """The path, after `make` made it there if it was missing; two runs at a time do not make the same thing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.parent / f".lock-{path.name}", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            part = path.with_name(f".making-{path.name}")
            shutil.rmtree(part, ignore_errors=True)
            print(f"making {path.name}", file=sys.stderr, flush=True)
            make(part)
            part.rename(path)
    return path


def call(*command, **more) -> None:
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout.decode(errors='replace')[-3000:]}")


def material(*words) -> None:
    call(sys.executable, HERE / "material.py", *words)


class Place:
    def __init__(self):
        self.cache = Path(os.environ["TUNESMITH_CACHE"]) / "bench-material"
        self.binary = os.environ["TUNESMITH_BIN"]
        self.files = {"smollm2": Path(os.environ["TUNESMITH_SMOLLM2"]), "qwen0.5b": Path(os.environ["TUNESMITH_QWEN"])}

    def model(self, name: str) -> Path:
        return once(self.cache / name, lambda out: material("model", name, out))

    def start(self, name: str) -> Path:
        return once(self.cache / f"{name}-start", lambda out: material("start", self.model(name), out))

    def data(self, name: str, model: str) -> Path:
        if name.startswith("first "):
            _, count, _, path = name.split(" ", 3)
            lines = (ROOT / path).read_text(encoding="utf-8").splitlines(keepends=True)[:int(count)]
            return once(self.cache / f"first-{count}-{Path(path).parent.name}.jsonl", lambda out: out.write_text("".join(lines), encoding="utf-8"))
        if "/" in name:
            return ROOT / name
        path = self.cache / (f"realistic-{model}.jsonl" if name == "realistic" else f"{name}.jsonl")
        return once(path, lambda out: material("data", name, self.model(model), out))

    def gguf(self, name: str, kind: str) -> Path:
        """Quantised by llama.cpp, of our own lossless export (the start adapter adds nothing)."""
        if name == "smollm2":
            whole, how = self.files[name], ["--allow-requantize"]
        else:
            how = []
            export = [self.binary, "export", "--base", self.model(name), "--adapter", self.start(name), "--quant", "bf16", "--quiet", "--output"]
            whole = once(self.cache / f"{name}-bf16.gguf", lambda out: call(*export, out))
        quantize = Path(self.tools) / "llama-quantize"
        return once(self.cache / f"{name}-{kind}.gguf", lambda out: call(quantize, *how, whole, out, kind))

    @cached_property
    def tools(self) -> str:
        """llama-quantize and llama-bench."""
        if given := os.environ.get("TUNESMITH_LLAMA_TOOLS"):
            return given
        said = subprocess.run(["bash", ROOT / "scripts/ollama", "--tools"], stdout=subprocess.PIPE, check=True, text=True).stdout
        return dict(line.split("=", 1) for line in said.splitlines())["TUNESMITH_LLAMA_TOOLS"]

    def base(self, name: str, kind: str) -> Path:
        return dict(folder=lambda: self.model(name), gguf=lambda: self.files[name], q4_k_m=lambda: self.gguf(name, "q4_k_m"))[kind]()

    def replay_answers(self) -> Path:
        """The base's own, which the warm-up of our side has just made or used."""
        return max((self.cache / "tunesmith/replay").glob("*.json"), key=lambda file: file.stat().st_mtime)


def config(case, place: Place, args, scratch: Path) -> dict:
    """tunesmith's own config of the job, which the Python programs read too."""
    data = place.data(case.data, case.model)
    out = {**COMMON, **case.config, "threads": args.threads, "from_adapter": str(place.start(case.model))}
    if args.quick:
        few = data.read_text(encoding="utf-8").splitlines(keepends=True)[:12]
        data = scratch / "few.jsonl"
        data.write_text("".join(few), encoding="utf-8")
        out["max_steps"] = 2
    return {**out, "dataset_path": str(data)}


def written(value: dict, path: Path) -> Path:
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")
    return path
