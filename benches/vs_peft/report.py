"""What was measured, as a table; the same into this machine's page of docs/benchmarks, between its markers, and the plot beside it."""

import json
import os
import platform
import re
import sys
from datetime import date
from pathlib import Path
from statistics import median

from measure import apart, spread
from prepare import HERE, ROOT, call

DOCS = ROOT / "docs/benchmarks"
FEATURES = ["avx2", "fma", "avx512f", "avx512bw", "avx_vnni", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8",
            "asimd", "bf16", "i8mm"]


def features() -> set[str]:
    """Of the CPU, as Linux names them."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        return set(re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.M)[1].split())
    except (OSError, TypeError):
        return set()


def fewer_bits() -> str | None:
    """What `compute: auto` is on this CPU, where it is not f32."""
    here = features()
    int8 = {"avx512f", "avx512bw", "avx512_vnni"} <= here or here & {"avx_vnni", "amx_int8"}
    return "int8" if int8 else None


def machine() -> str:
    known = [f for f in FEATURES if f in features()]
    return f"{os.cpu_count()} cores {platform.machine()}: {' '.join(known) or 'features unknown'}"


def cpu() -> str:
    """Its model name, where the system has one."""
    try:
        return re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M)[1].strip()
    except (OSError, TypeError):
        return platform.processor() or platform.machine()


def page() -> Path:
    """One page for each date and CPU."""
    name = re.sub(r"\((r|tm)\)|processor|@.*", "", cpu().lower())
    return DOCS / f"{date.today().isoformat()}-{re.sub(r'[^a-z0-9]+', '-', name).strip('-')}.md"


def table(result: dict) -> str:
    below = []
    if "points" in result:
        plot = f"{page().stem}-scaling.svg"
        rows, below = of_scaling(result), ["", f"![tokens/s and peak memory by the length of the sequence]({plot})"]
    elif "rows" in result:
        rows = of_generation(result)
    elif "plans" in result:
        rows = of_plans(result)
    else:
        rows, below = of_training(result), ["", warm_up(result), "", agreement(result)]
    head = f"{result['title']}; {result['threads']} threads, {machine()}."
    return "\n".join([head, "", *("| " + " | ".join(row) + " |" for row in [rows[0], ["---"] * len(rows[0]), *rows[1:]]), *below]) + "\n"


def of_generation(result: dict) -> list[list[str]]:
    rows = [[r["what"], spread(r["theirs"], 0), spread(r["ours"], 0), ratio(r["ours"], r["theirs"])] for r in result["rows"]]
    return [["what", "llama.cpp, tokens/s", "tunesmith, tokens/s", "**× speed**"], *rows]


def of_plans(result: dict) -> list[list[str]]:
    """Foreseen, taken, and how far off, in percent of what was taken."""
    off = lambda said, was: spread([100 * (s / w - 1) for s, w in zip(said, was)], 0) + " %"  # noqa: E731
    rows = [["training", "planning, s", "said, s", "took, s", "**off**", "said, MiB", "held, MiB", "**off**"]]
    for r in result["plans"]:
        rows.append([r["what"], spread(r["looked"]), spread(r["seconds"]), spread(r["took"]), off(r["seconds"], r["took"]),
                     spread(r["peak"], 0), spread(r["held"], 0), off(r["peak"], r["held"])])
    return rows


def of_scaling(result: dict) -> list[list[str]]:
    found = {(p["tokens"], p["threads"]): p for p in result["points"]}
    lengths, counts = (sorted(set(axis)) for axis in zip(*found))
    rows = [["tokens", *(f"{n} thread{'s' * (n > 1)}, tokens/s" for n in counts), f"**× speed, {counts[-1]} to 1**", "in parallel", f"peak MiB, {counts[-1]}"]]
    for length in lengths:
        speeds = [found[length, n]["speed"] for n in counts]
        peak = found[length, counts[-1]]["peak"]
        rows.append([str(length), *(spread(s, 0) for s in speeds), ratio(speeds[-1], speeds[0]), parallel(speeds, counts[-1]), spread(peak, 0)])
    return rows


def parallel(speeds: list[list[float]], threads: int) -> str:
    """The share of one thread's time that more divide among them, by Amdahl's law: 1 / speed-up = 1 - p + p / threads."""
    if threads == 1:
        return "-"
    return spread([100 * (1 - one / all_) / (1 - 1 / threads) for one, all_ in zip(speeds[0], speeds[-1])], 0) + " %"


def of_training(result: dict) -> list[list[str]]:
    bold = lambda by, name: f"**{name}**" if result["by"] == by else name  # noqa: E731
    rows = [["program", "s, start to adapter", "tokens/s", "CPU s", "peak MiB", bold("wall", "× time"), bold("speed", "× speed"), "× memory"]]
    of = lambda name, key: [run[key] for run in result["runs"][name]]  # noqa: E731
    base = result["baseline"]
    for name in result["runs"]:
        rows.append([name, spread(of(name, "wall")), spread(of(name, "speed"), 0), spread(of(name, "cpu"), 0), spread(of(name, "peak"), 0),
                     ratio(of(base, "wall"), of(name, "wall")), ratio(of(name, "speed"), of(base, "speed")),
                     f"{median(of(name, 'peak')) / median(of(base, 'peak')):.2f}"])
    return rows


def warm_up(result: dict) -> str:
    return "Warm-up: " + "; ".join(f"{name} {r['speed']:.0f} tokens/s, {r['peak']:.0f} MiB" for name, r in result["warm"].items()) + "."


def ratio(over: list[float], under: list[float]) -> str:
    """Of each round, so that what slowed a round slowed both."""
    return spread([a / b for a, b in zip(over, under)], 2)


def agreement(result: dict) -> str:
    """Whether both sides trained the same: tokens, and losses step by step (not where packing makes other steps)."""
    ours = next(runs[0] for name, runs in result["runs"].items() if name not in result["theirs"])
    theirs = {name: result["runs"][name][0] for name in result["theirs"]}
    counts = lambda run: (run["tokens"], run["trained"])  # noqa: E731
    differ = [f"{n} {r['tokens']}/{r['trained']}" for n, r in theirs.items() if r["trained"] is not None and counts(r) != counts(ours)]
    same = "the same on both sides" if not differ else f"NOT the same: {', '.join(differ)}"
    curves = [f"{name} {100 * apart(ours['losses'], r['losses']):.2g} % in {len(r['losses'])} steps"
              for name, r in {**result["warm"], **theirs}.items() if "packed" not in name]
    means = [f"{name} {sum(runs[0]['losses']) / len(runs[0]['losses']):.4f}" for name, runs in result["runs"].items()]
    return (f"{ours['tokens']} tokens, {ours['trained']} of them trained, {same}. Largest difference of a step's loss from ours, of the mean loss: {'; '.join(curves)}. "
            f"Mean of the steps' losses: {', '.join(means)}.")


def into_docs(result: dict) -> None:
    path = page()
    if "points" in result:
        call(sys.executable, HERE / "plot.py", path.with_name(f"{path.stem}-scaling.svg"), input=json.dumps(result["points"]).encode())
    if not path.exists():
        path.write_text(f"# {cpu()}, {date.today().isoformat()}\n\n{machine()}. How the tables are made and read: "
                        "[README](README.md#how-it-is-measured).\n", encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    begin, end = f"<!-- bench {result['case']} -->\n", f"<!-- end {result['case']} -->\n"
    if begin not in text:
        text += f"\n{begin}{end}"
    before, rest = text.split(begin)
    path.write_text(before + begin + table(result) + end + rest.split(end, 1)[1], encoding="utf-8")
