#!/usr/bin/env python3
"""transformers' forward in f32 over a GGUF file, ours or anybody's.

    scripts/oracles --python gguf_forward.py FILE ID…        prints the last position's 20 likeliest ids and their logits, as JSON
    scripts/oracles gguf_forward                             every file that the parity tests exported, against our logits over it
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

from common import gguf_model
from common.fixture import ROOT, quiet

LIMIT = 1e-4


def exported() -> list[Path]:
    folder = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "tmp" / "exported"
    found = sorted(folder.glob("*.json"))
    if not found:
        sys.exit(f"no exports under {folder}: run cargo test --test it parity_export")
    return found


def main() -> None:
    quiet()
    if len(sys.argv) > 2:
        rows = gguf_model.logits(gguf_model.load(Path(sys.argv[1]).resolve()), [int(word) for word in sys.argv[2:]])
        top = np.argsort(-rows[-1])[:20]
        print(json.dumps(dict(ids=top.tolist(), logits=[round(float(rows[-1, i]), 6) for i in top])))
        return
    failed = False
    for told in exported():
        said = json.loads(told.read_text())
        theirs = gguf_model.logits(gguf_model.load(told.with_suffix(".gguf")), said["ids"]).ravel()
        error = np.abs(np.array(said["logits"]) - theirs).max() / np.abs(theirs).max()
        print(f"  parity: {told.stem}.gguf, exported here: our forward against transformers' over the file: {error:.1e} (limit {LIMIT:.0e})")
        failed |= not error <= LIMIT
    sys.exit(failed)


if __name__ == "__main__":
    main()
