"""The plot of a page of docs/benchmarks, of the points that scaling.py measured, which stand as JSON on standard input.

    python plot.py OUT.svg

A program of its own: what measures must stay small (measure.py), and matplotlib is large.
"""

import json
import sys
from statistics import median


def plot(points: list[dict], out: str) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    # The same points give the same bytes; text stays text.
    matplotlib.rcParams.update({"svg.hashsalt": "tunesmith", "svg.fonttype": "none", "font.size": 9})
    counts = sorted({p["threads"] for p in points})
    shade = matplotlib.colormaps["Blues"]
    colours = {n: shade(0.95 - 0.5 * i / max(1, len(counts) - 1)) for i, n in enumerate(reversed(counts))}
    figure, (speed, peak) = pyplot.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for n in reversed(counts):
        line(speed, points, n, "speed", colours[n])
    line(peak, points, counts[-1], "peak", colours[counts[-1]])
    speed.set_title("tokens/s")
    # Beside the panel: there is no corner that no line can cross.
    speed.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    peak.set_title(f"peak MiB, {threads(counts[-1])}")
    for axes in (speed, peak):
        lengths = sorted({p["tokens"] for p in points})
        axes.set_xscale("log", base=2)
        axes.set_xticks(lengths, map(str, lengths))
        axes.set_xlabel("tokens of the sequence")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(out, metadata={"Date": None})


def line(axes, points: list[dict], count: int, key: str, colour) -> None:
    """The medians, in a band from the smallest to the largest."""
    here = [p for p in points if p["threads"] == count]
    lengths = [p["tokens"] for p in here]
    axes.plot(lengths, [median(p[key]) for p in here], marker="o", markersize=4, color=colour, label=threads(count))
    axes.fill_between(lengths, [min(p[key]) for p in here], [max(p[key]) for p in here], color=colour, alpha=0.2, linewidth=0)


def threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


if __name__ == "__main__":
    plot(json.load(sys.stdin), sys.argv[1])
