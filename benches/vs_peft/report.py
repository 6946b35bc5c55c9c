"""What was measured, as a table; the same into docs/performance.md, between its markers."""

import os
import platform
import re
from pathlib import Path
from statistics import median

from measure import apart, spread
from prepare import ROOT

DOCS = ROOT / "docs/performance.md"
FEATURES = ["avx2", "fma", "avx512f", "avx512bw", "avx_vnni", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8", "asimd", "bf16", "i8mm"]


def machine() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        flags = set(re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.M)[1].split())
    except (OSError, TypeError):
        flags = set()
    return f"{os.cpu_count()} cores {platform.machine()}: {' '.join(f for f in FEATURES if f in flags) or 'features unknown'}"


def table(result: dict) -> str:
    if "rows" in result:
        return lines(result, ["| what | llama.cpp, tokens/s | tunesmith, tokens/s | × |", "|---|---|---|---|"] +
                     [f"| {r['what']} | {spread(r['theirs'], 0)} | {spread(r['ours'], 0)} | {ratio(r['ours'], r['theirs'])} |" for r in result["rows"]])
    base = result["runs"][result["baseline"]]
    of = lambda runs, key: [r[key] for r in runs]  # noqa: E731
    speed, wall = ("× speed", "× time") if result["by"] == "speed" else ("× speed", "**× time**")
    out = [f"| program | s, start to adapter | tokens/s | CPU s | peak MiB | {wall} | {'**× speed**' if result['by'] == 'speed' else speed} | peak, share |",
           "|---|---|---|---|---|---|---|---|"]
    for name, runs in result["runs"].items():
        out.append(f"| {name} | {spread(of(runs, 'wall'))} | {spread(of(runs, 'speed'), 0)} | {spread(of(runs, 'cpu'), 0)} | {spread(of(runs, 'peak'), 0)} "
                   f"| {ratio(of(base, 'wall'), of(runs, 'wall'))} | {ratio(of(runs, 'speed'), of(base, 'speed'))} | {median(of(runs, 'peak')) / median(of(base, 'peak')):.2f} |")
    return lines(result, out + ["", "Warm-up: " + "; ".join(
        f"{name} {r['speed']:.0f} tokens/s, {r['wall']:.0f} s, {r['peak']:.0f} MiB" for name, r in result["warm"].items()) + ".", agreement(result)])


def lines(result: dict, out: list[str]) -> str:
    return "\n".join([f"{result['title']}; {result['threads']} threads, {machine()}.", "", *out]) + "\n"


def ratio(over: list[float], under: list[float]) -> str:
    """Of each round, so that what slowed a round slowed both."""
    return spread([a / b for a, b in zip(over, under)], 2)


def agreement(result: dict) -> str:
    ours = next(runs[0] for name, runs in result["runs"].items() if name not in result["theirs"])
    theirs = {**{name: r for name, r in result["warm"].items()}, **{name: result["runs"][name][0] for name in result["theirs"]}}
    whole = {name: result["runs"][name][0] for name in result["theirs"]}
    same = all((r["tokens"], r["trained"]) == (ours["tokens"], ours["trained"]) for r in whole.values() if r["trained"] is not None)
    tokens = f"{ours['tokens']} tokens, {ours['trained']} trained, " + ("the same on both sides" if same else
             "NOT the same: " + ", ".join(f"{n} {r['tokens']}/{r['trained']}" for n, r in whole.items()))
    curves = [f"{name} {100 * apart(ours['losses'], r['losses']):.2g} % in {len(r['losses'])} steps" for name, r in theirs.items() if "packed" not in name]
    mean = lambda run: sum(run["losses"]) / len(run["losses"])  # noqa: E731
    means = ", ".join(f"{name} {mean(runs[0]):.4f}" for name, runs in result["runs"].items())
    return f"{tokens}. Largest difference of a step's loss from ours: {'; '.join(curves)}. Mean of the steps' losses: {means}."


def into_docs(result: dict) -> None:
    text = DOCS.read_text(encoding="utf-8")
    begin, end = f"<!-- bench {result['case']} -->\n", f"<!-- end {result['case']} -->"
    before, rest = text.split(begin)
    DOCS.write_text(before + begin + table(result) + end + rest.split(end, 1)[1], encoding="utf-8")
