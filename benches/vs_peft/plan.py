"""What `tunesmith plan` says of a job beside what `tunesmith train` then takes: tunesmith alone."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cases import CASES
from measure import Failed, run
from prepare import config, written

NAME = "plan"
TITLE = "plan, tunesmith only: what it foresees of a training, from the program's start to the saved adapter, beside what that takes"
#: case, base, further words
JOBS = [("demo", "gguf", []), ("realistic", "gguf", []), ("realistic", "gguf", ["--max-memory", "800MiB"]), ("dense-smollm2", "gguf", []),
        ("tiny1b", "folder", []), ("tiny1b", "q4_k_m", []), ("users-tinyllama", "q4_k_m", []),
        ("qwen-ten", "gguf", []), ("qwen-tickets", "gguf", [])]


def measure(place, args, scratch: Path) -> dict:
    rows = []
    for name, kind, words in JOBS[1:2] if args.quick else JOBS:
        case = next(c for c in CASES if c.name == name)
        job = written(config(case, place, args, scratch), scratch / f"{name}.json")
        row = dict(what=", ".join([name, kind, *(" ".join(words[i:i + 2]) for i in range(0, len(words), 2))]), looked=[], seconds=[], took=[], peak=[], held=[])
        # `plan` speaks of `run`, which replays unless it is told otherwise.
        replay = [] if "replay" in case.config else ["--replay", "off"]
        common = ["--base-model", place.base(case.model, kind), "--quiet", *replay, *words]
        for n in range(args.rounds):
            print(f"{NAME}: {row['what']}, round {n + 1} of {args.rounds}", file=sys.stderr, flush=True)
            began = time.perf_counter()
            said = planned(place, [job, *common])
            row["looked"].append(time.perf_counter() - began)
            with tempfile.TemporaryDirectory(dir=scratch) as folder:
                output = Path(folder) / "out"
                done = run([place.binary, "train", "--config", job, *common, "--output", output], cache(place), output)
            row["seconds"].append(said["training_seconds"])
            row["peak"].append(said["peak_bytes"] / (1 << 20))
            row["took"].append(done.wall)
            row["held"].append(done.peak)
            note = f"  said {row['seconds'][-1]:.1f} s, {row['peak'][-1]:.0f} MiB; took {done.wall:.1f} s, {done.peak:.0f} MiB"
            print(note, file=sys.stderr, flush=True)
        rows.append(row)
    return dict(case=NAME, title=TITLE, plans=rows, threads=args.threads, load=os.getloadavg())


def cache(place) -> dict:
    return {"TUNESMITH_CACHE": str(place.cache / "tunesmith")}


def planned(place, common: list) -> dict:
    command = [str(word) for word in [place.binary, "plan", *common, "--output-model-name", "plan:v1", "--json"]]
    done = subprocess.run(command, env={**os.environ, **cache(place)}, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)
