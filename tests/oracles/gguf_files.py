#!/usr/bin/env python3
"""The tiny models as GGUF, by llama.cpp's own converter and quantiser, and transformers' logits over the same bytes.

    scripts/oracles --write gguf_files
"""

import tempfile
from pathlib import Path

import numpy as np
import torch

from common import counter, gguf_model, llamacpp, models
from common.fixture import main

#: f16, as convert_hf_to_gguf.py writes them
PLAIN = ["llama-gqa8", "llama-headdim", "llama-rope3", "llama-tied", "qwen2", "qwen3"]
#: every type that a base may have, two files, so that each type stands for a different kind of tensor
MIXED = {
    "llama-256": dict(token_embd="q8_0", attn_q="q4_k", attn_k="q5_k", attn_v="q6_k", attn_output="q4_0",
                      ffn_gate="q4_1", ffn_up="q5_0", ffn_down="q5_1"),
    "qwen3-256": dict(token_embd="q6_k", attn_q="q4_1", attn_k="q5_1", attn_v="bf16", attn_output="q5_0",
                      ffn_gate="q5_k", ffn_up="q8_0", ffn_down="q4_k"),
}


def run(fixture) -> None:
    arrays = {}
    with tempfile.TemporaryDirectory() as tmp:
        for name in [*PLAIN, *MIXED]:
            folder = Path(tmp) / name
            models.save_folder(name, folder)
            path = llamacpp.convert(folder, folder / f"{name}.f16.gguf", "f16")
            if name in MIXED:
                path = llamacpp.quantize(path, folder / f"{name}.mixed.gguf", "Q8_0", MIXED[name])
            fixture.file(path.name, path.read_bytes())
            ids = counter.ids(f"{name}/short", 19, models.VOCAB)
            read = gguf_model.logits(gguf_model.load(path), ids)
            with torch.no_grad():
                built = models.build(name)(input_ids=torch.tensor([ids])).logits[0].numpy()
            relative = np.abs(read - built).max() / np.abs(built).max()
            print(f"  {path.name}: {path.stat().st_size} bytes, transformers over it against the weights it was made of: {relative:.1e}")
            if name in MIXED:
                assert 1e-3 < relative < 0.2, "quantised: near, not equal"
                arrays[f"{path.name}.logits"] = read
                arrays[f"{path.name}.ids"] = np.array(ids, dtype=np.uint32)
            else:
                assert relative < 1e-5
    fixture.arrays("gguf_files", arrays)


if __name__ == "__main__":
    main(run)
