#!/usr/bin/env python3
"""Adapters that we saved, loaded by PEFT: equal logits?

    scripts/oracles load_in_peft            the folders that the parity tests leave under target/tmp/load_in_peft
    scripts/oracles --python load_in_peft.py FOLDER…     FOLDER holds adapter/ and ours.json {base, ids, logits}
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch

from common import models
from common.fixture import ROOT, quiet

LIMIT = 1e-4


def main() -> None:
    quiet()
    from peft import PeftModel

    folders = [Path(word) for word in sys.argv[1:] if not word.startswith("--")]
    if not folders:
        where = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "tmp" / "load_in_peft"
        folders = sorted(p.parent for p in where.glob("*/ours.json"))
        if not folders:
            sys.exit(f"nothing under {where}: run cargo test --test it parity_adapter")
    failed = False
    for folder in folders:
        said = json.loads((folder / "ours.json").read_text())
        model = PeftModel.from_pretrained(models.build(said["base"]), folder / "adapter").eval()
        with torch.no_grad():
            theirs = model(input_ids=torch.tensor([said["ids"]])).logits[0].numpy().ravel()
        error = np.abs(np.array(said["logits"]) - theirs).max() / np.abs(theirs).max()
        print(f"  parity: {folder.name}, saved here, loaded by PEFT on {said['base']}: max|Δ|/max|logit| {error:.1e} (limit {LIMIT:.0e})")
        failed |= not error <= LIMIT
    sys.exit(failed)


if __name__ == "__main__":
    main()
