#!/usr/bin/env python3
"""From a fictional catalogue to a table: generate, train, register, and ask base, tuned model, RAG, hybrid and oracle.

Every arm answers the same questions through a running daemon. The catalogue is made by examples/applications/make.py, so no
model can know it. Python 3.9 or later, standard library only.

    python3 benches/documents/end_to_end.py --tunesmith target/release/tunesmith --base smollm2:135m --work target/end_to_end

The daemon is that of OLLAMA_HOST; it has to hold the base under the name of --base. Nothing is run twice: delete --work to
begin anew.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLUMNS = ["n", "pass", "exact", "coverage", "fabricated", "refused wrongly", "hit@4", "seconds", "tokens"]


def main() -> None:
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    catalogue, index = args.work / "applications.jsonl", args.work / "index"
    if not catalogue.exists():
        make = [sys.executable, str(ROOT / "examples/applications/make.py")]
        run([*make, "--count", str(args.applications), "--language", args.language, "--jsonl", str(catalogue)])
    rows = []
    for variant in args.variants.split(","):
        folder = args.work / variant
        folder.mkdir(exist_ok=True)
        data = folder / "data.jsonl"
        if not (folder / "data.report.json").exists():
            options = ["--count", str(args.count), "--unseen", str(args.unseen), *VARIANTS[variant]]
            tunesmith(args, "data", "generate", str(catalogue), "--split", "--output", str(data), *options)
        if not index.exists():
            # Of the first variant: the sources that are set aside depend on the seed alone.
            without = ["--without", str(folder / "data_unseen.jsonl")]
            tunesmith(args, "rag", "index", str(catalogue), "--output", str(index), *without)
        tuned = trained(args, variant, folder)
        for part in ["test", "unseen"]:
            questions = folder / f"data_{part}.jsonl"
            for arm in ARMS.get(variant, ["finetuned"]):
                rows.append((variant, part, arm, evaluated(args, questions, index, arm, folder, tuned)))
    print_table(rows)


# Four wordings of a fact against one at the same count; without refusals, with the default share of them, with more; with
# passages before some questions.
VARIANTS = {
    "augmented": ["--method", "augmented"],
    "one-wording": ["--method", "augmented", "--wordings", "1"],
    "no-refusals": ["--method", "augmented", "--refusals", "0"],
    "more-refusals": ["--method", "augmented", "--refusals", "0.25"],
    "open-book": ["--method", "augmented", "--open-book", "0.5", "--refusals", "0.25"],
}
# The tuned model alone where none are named.
ARMS = {
    "augmented": ["base", "finetuned", "rag", "hybrid", "oracle"],
    "open-book": ["finetuned", "hybrid"],
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tunesmith", required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--applications", type=int, default=13)
    parser.add_argument("--language", default="fr")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--unseen", type=float, default=0.15)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--variants", default="augmented")
    return parser.parse_args()


def run(command: list) -> None:
    print("+ " + " ".join(command), file=sys.stderr)
    subprocess.run(command, check=True, stdout=sys.stderr)


def tunesmith(args: argparse.Namespace, *rest: str) -> None:
    run([args.tunesmith, *rest, "--no-progress"])


def trained(args: argparse.Namespace, variant: str, folder: pathlib.Path) -> str:
    """The name of the tuned model in the daemon."""
    name = f"end-to-end-{args.base.replace(':', '-').replace('/', '-')}:{variant}"
    if (folder / "registered").exists():
        return name
    model = folder / "model"
    start = time.monotonic()
    tunesmith(
        args, "finetune", "--dataset", str(folder / "data_train.jsonl"), "--base-model", args.base,
        "--output", str(model), "--epochs", str(args.epochs), "--batch-size", "4",
    )
    print(f"trained in {time.monotonic() - start:.0f} s", file=sys.stderr)
    gguf, modelfile = folder / "model.gguf", folder / "Modelfile"
    tunesmith(args, "export", "--base", args.base, "--adapter", str(model / "final"), "--output", str(gguf))
    rendered = subprocess.run(
        [args.tunesmith, "modelfile", "--base", args.base, "--gguf", str(gguf)], check=True, stdout=subprocess.PIPE, text=True
    )
    modelfile.write_text(rendered.stdout)
    tunesmith(args, "register", "--modelfile", str(modelfile), "--name", name)
    (folder / "registered").write_text(name + "\n")
    return name


def evaluated(args, questions, index, arm, folder, tuned) -> dict:
    output = folder / f"{questions.stem}_{arm}.json"
    if not output.exists():
        model = tuned if arm in ("finetuned", "hybrid") else args.base
        command = ["evaluate-rag" if arm in ("rag", "oracle") else "evaluate-finetuned", str(questions)]
        command += ["--model", model, "--output", str(output), "--limit", str(args.limit)]
        command += {
            "base": ["--base"],
            "finetuned": [],
            "rag": ["--index", str(index)],
            "hybrid": ["--index", str(index)],
            "oracle": ["--index", str(index), "--oracle"],
        }[arm]
        tunesmith(args, *command)
    return json.loads(output.read_text())


def print_table(rows: list) -> None:
    print("| data | questions | arm | " + " | ".join(COLUMNS) + " |")
    print("|---|---|---|" + "--:|" * len(COLUMNS))
    for variant, part, arm, result in rows:
        metrics, extended = result["metrics"], result["extended"]
        retrieval = extended.get("retrieval") or {}
        hit = retrieval.get("hit@4")
        cells = [
            str(extended["n"]), percent(extended.get("pass_rate")), percent(metrics.get("exact_match_rate")),
            percent(extended.get("fact_coverage")), percent(extended.get("fabrication_rate")),
            percent(extended.get("false_refusal_rate")), "–" if hit is None else f"{hit:.2f}",
            f"{metrics['avg_time_seconds']:.2f}", f"{metrics['avg_tokens']:.0f}",
        ]
        print(f"| {variant} | {part} | {arm} | " + " | ".join(cells) + " |")


def percent(value) -> str:
    return "–" if value is None else f"{value:.0f} %"


if __name__ == "__main__":
    main()
