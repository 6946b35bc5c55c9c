#!/usr/bin/env python3
"""Event files of TensorBoard's own writer, and what its reader finds in ours.

    scripts/oracles tfevents                        the fixture, and the file that a tiny training of the tests left
    scripts/oracles --python tfevents.py FOLDER     the scalars in FOLDER, a training's tensorboard/

Prints the fixture: the bytes that src/commands/tensorboard/record.rs must write for these events.
"""

import io
import json
import math
import os
import sys
import tempfile
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

#: what tests/it/tensorboard.rs leaves
LEFT = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parents[2] / "target")) / "tmp" / "tensorboard"

EVENTS = [
    dict(kind="file_version", wall_time=1764673920.125, step=0, scalars=[]),
    dict(kind="session_start", wall_time=1764673920.125, step=0, scalars=[]),
    dict(kind="scalars", wall_time=1764673921.5, step=1, scalars=[["train/loss", 4.25], ["train/learning_rate", 2e-4]]),
    dict(kind="scalars", wall_time=1764673922.5, step=127, scalars=[["train/loss", 0.0], ["train/grad_norm", -1.5]]),
    dict(kind="scalars", wall_time=1764673923.5, step=128, scalars=[["eval/loss", 3.0]]),
    dict(kind="scalars", wall_time=1764673924.5, step=300_000, scalars=[["train/loss", 1e-30], ["train/" + "é" * 80, 1e30]]),
]


def event(wanted):
    made = Event(wall_time=wanted["wall_time"], step=wanted["step"])
    if wanted["kind"] == "file_version":
        made.file_version = "brain.Event:2"
    elif wanted["kind"] == "session_start":
        made.session_log.status = SessionLog.START
    else:
        made.summary.CopyFrom(Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in wanted["scalars"]]))
    return made.SerializeToString()


def scalars(folder):
    """(tag, step) to value, as TensorBoard shows them."""
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    return {(tag, e.step): e.value for tag in found.Tags()["scalars"] for e in found.Scalars(tag)}


def check_left(folder):
    """The file of a training against its metrics.jsonl."""
    found = scalars(folder / "tensorboard")
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "train_loss" in line and "step" in line]
    assert steps, "no step in metrics.jsonl"
    for line in steps:
        for key, tag in [("train_loss", "train/loss"), ("learning_rate", "train/learning_rate"), ("grad_norm", "train/grad_norm")]:
            assert math.isclose(found[tag, line["step"]], line[key], rel_tol=1e-6, abs_tol=1e-30), (tag, line["step"])
    assert len([key for key in found if key[0] == "train/loss"]) == len(steps)


def main():
    if sys.argv[1:]:
        for (tag, step), value in sorted(scalars(sys.argv[1]).items()):
            print(f"{tag:<32} {step:>8} {value:g}")
        return
    written = io.BytesIO()
    writer = RecordWriter(written)
    for wanted in EVENTS:
        writer.write(event(wanted))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "events.out.tfevents.1").write_bytes(written.getvalue())
        found = scalars(folder)
    wanted = {(tag, e["step"]): value for e in EVENTS for tag, value in e["scalars"]}
    assert found.keys() == wanted.keys(), found
    assert all(math.isclose(found[key], wanted[key], rel_tol=1e-6) for key in wanted), found
    if LEFT.is_dir():
        check_left(LEFT)
    print(json.dumps(dict(events=EVENTS, hex=written.getvalue().hex()), indent=1))


main()
