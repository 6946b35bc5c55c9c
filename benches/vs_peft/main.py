"""Measures the cases: a warm-up round that finds the other side's fastest setting, then the rounds, both programs in turn.

Called by scripts/bench-vs-peft, which see.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import generation
import plan
import report
import scaling
from cases import CASES, DTYPES, PEFT
from measure import Failed, run
from prepare import HERE, Place, config, written

#: cases that are measured in a way of their own
OWN = (scaling, generation, plan)


class Bench:
    """One case on this machine."""

    def __init__(self, case, place: Place, args, scratch: Path):
        self.case, self.place, self.args, self.scratch = case, place, args, scratch
        self.config = config(case, place, args, scratch)
        self.job = written(self.config, scratch / "job.json")
        self.warm = 1 if args.quick else case.warm

    def theirs(self, arm: tuple[str, str], stop_after: int | None = None):
        name, dtype = arm
        script, words = PEFT[name]
        command = [sys.executable, HERE / script, "--config", self.job, "--model", self.place.model(self.case.model),
                   "--start", self.place.start(self.case.model), "--dtype", dtype, *words]
        if "replay" in self.config:
            command += ["--answers", self.place.replay_answers()]
        if stop_after:
            command += ["--stop-after", stop_after]
        threads = str(self.args.threads)
        return self.measured(command, f"{name} {dtype}", {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads})

    def ours(self, arm: tuple[str, list], more: list = ()):
        kind, words = arm
        command = [self.place.binary, "train", "--config", self.job, "--base-model", self.place.base(self.case.model, kind), "--quiet", *words, *more]
        return self.measured(command, "tunesmith", {"TUNESMITH_CACHE": str(self.place.cache / "tunesmith")})

    def measured(self, command: list, name: str, env: dict):
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            output = Path(folder) / "out"
            done = run([*command, "--output", output], env, output)
        note = f"  {name}: {done.wall:.1f} s, {done.speed:.0f} tokens/s, {done.peak:.0f} MiB"
        print(note, file=sys.stderr, flush=True)
        return done

    def our_arms(self) -> dict:
        """By name: the default (`compute: auto`), and exact f32 where the default is not that."""
        arms = {f"tunesmith, {kind}": (kind, []) for kind in self.case.bases}
        arms |= {f"tunesmith, {kind}, within {size}": (kind, ["--max-memory", size]) for kind, size in self.case.within}
        if report.fewer_bits():
            arms |= {f"{name}, f32": (kind, [*words, "--compute", "f32"]) for name, (kind, words) in arms.items()}
        return arms

    def measure(self) -> dict:
        print(f"{self.case.name}: warm-up", file=sys.stderr, flush=True)
        for kind in self.case.bases:
            self.place.base(self.case.model, kind)
        # Fills the file cache, and the replay answers, which both sides then have.
        self.ours((self.case.bases[0], []), ["--max-steps", "1"])
        names = [n for n in self.case.peft if self.args.variants is None or n in self.args.variants]
        warm = {(name, dtype): self.theirs((name, dtype), self.warm) for name in names for dtype in self.args.dtypes}
        key = (lambda r: r.speed) if self.warm else (lambda r: -r.wall)
        fastest = max(warm, key=lambda arm: key(warm[arm]))
        theirs = {f"{fastest[0]} {fastest[1]}": fastest}
        # Where the lean script wins, the usual one is measured too: it is most people's baseline.
        usual = max((arm for arm in warm if arm[0] != "PEFT lean"), key=lambda arm: key(warm[arm]), default=fastest)
        if not (self.args.quick or self.args.fastest_only):
            theirs[f"{usual[0]} {usual[1]}"] = usual
        ours = self.our_arms()
        turns = [(name, lambda a=arm: self.theirs(a)) for name, arm in theirs.items()]
        turns += [(name, lambda a=arm: self.ours(a)) for name, arm in ours.items()]
        runs = {name: [] for name, _ in turns}
        for n in range(self.args.rounds):
            print(f"{self.case.name}: round {n + 1} of {self.args.rounds}", file=sys.stderr, flush=True)
            for name, turn in turns if n % 2 == 0 else reversed(turns):
                runs[name].append(vars(turn()))
        return dict(case=self.case.name, title=self.case.title, by=self.case.by, warm={f"{n} {d}": vars(r) for (n, d), r in warm.items()},
                    baseline=next(iter(theirs)), theirs=list(theirs), runs=runs, threads=self.args.threads, load=os.getloadavg())


def chosen(words: list[str]) -> list[str]:
    """By name, or all of a kind (`dense`, `users`)."""
    names = [case.name for case in CASES] + [own.NAME for own in OWN]
    out = []
    for word in words or names:
        found = [word] if word in names else [n for n in names if n.startswith(word + "-")]
        if not found:
            sys.exit(f"no case {word!r}: {', '.join(names)}")
        out += found
    return out


def main():
    ask = argparse.ArgumentParser(description="tunesmith beside PEFT + TRL (and llama.cpp) on this machine")
    ask.add_argument("cases", nargs="*")
    ask.add_argument("--list", action="store_true")
    ask.add_argument("--rounds", type=int, default=5)
    ask.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    ask.add_argument("--variants", action="append", choices=list(PEFT), help="only this program of the other side (again for more)")
    ask.add_argument("--dtype", dest="dtypes", action="append", choices=DTYPES, help="only this arithmetic of it (again for more)")
    ask.add_argument("--fastest-only", action="store_true", help="rounds of the other side's fastest alone, not of the usual script where the lean one wins")
    ask.add_argument("--quick", action="store_true", help="two steps over 12 examples, one round, no table written")
    ask.add_argument("--json", type=Path, help="keep every run there")
    ask.add_argument("--no-docs", action="store_true", help="leave docs/ as it is")
    args = ask.parse_args()
    args.dtypes = args.dtypes or DTYPES
    if args.list:
        return print("\n".join([f"{c.name}: {c.title}" for c in CASES] + [f"{own.NAME}: {own.TITLE}" for own in OWN]))
    if args.quick:
        args.rounds = 1
    names, place, results = chosen(args.cases), Place(), []
    for name in names:
        with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
            try:
                if name == generation.NAME:
                    result = generation.measure(place, args)
                elif name == scaling.NAME:
                    result = scaling.measure(place, args, Path(scratch))
                elif name == plan.NAME:
                    result = plan.measure(place, args, Path(scratch))
                else:
                    result = Bench(next(c for c in CASES if c.name == name), place, args, Path(scratch)).measure()
            except Failed as e:
                sys.exit(f"{name}: {e}")
        results.append(result)
        print(report.table(result))
        if args.json:
            written(dict(machine=report.machine(), results=results), args.json)
        if not (args.quick or args.no_docs):
            report.into_docs(result)


if __name__ == "__main__":
    main()
