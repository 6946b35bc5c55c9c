#!/usr/bin/env python3
"""Adapters saved by PEFT and what PEFT, transformers and llama.cpp make of them.

    scripts/oracles --write adapters

adapters/<name>/            adapter_config.json and adapter_model.safetensors, as PEFT saves them
adapters.safetensors        logits of base + adapter
adapters/<name>.lora.gguf   convert_lora_to_gguf.py's file
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from common import counter, llamacpp, lora, models
from common.fixture import main

PLAIN = dict(rank=4, alpha=8.0, targets=lora.MODULES, rslora=False, b_scale=0.1)
#: name -> (base, run, what else the configuration says)
ADAPTERS = {
    "llama-all": ("llama-gqa8", PLAIN, {}),
    "headdim-rslora": ("llama-headdim", dict(PLAIN, rank=6, alpha=5.0, rslora=True), {}),
    "rope3-regex": ("llama-rope3", dict(PLAIN, targets=r".*\.(q|k|o)_proj"), {}),
    "tied-layer1": ("llama-tied", PLAIN, dict(layers_to_transform=[1])),
    "qwen2-patterns": ("qwen2", PLAIN, dict(rank_pattern={"q_proj": 7, "layers.1.mlp.down_proj": 2}, alpha_pattern={"v_proj": 3})),
    "qwen3-all-linear": ("qwen3", dict(PLAIN, targets="all-linear", alpha=6), {}),
}
#: llama.cpp's converter knows neither rsLoRA nor patterns, so only the plain ones
CONVERTED = ["llama-all", "qwen3-all-linear"]


def save(model, folder: Path) -> None:
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    # PEFT writes sets in any order
    path = folder / "adapter_config.json"
    said = json.loads(path.read_text())
    said["base_model_name_or_path"] = "tiny"
    if isinstance(said["target_modules"], list):
        said["target_modules"].sort()
    path.write_text(json.dumps(said, indent=2) + "\n")


def run(fixture) -> None:
    arrays = {}
    with tempfile.TemporaryDirectory() as tmp:
        for name, (base, settings, more) in ADAPTERS.items():
            model = lora.wrap(models.build(base), settings, **more).eval()
            lora.start(model, f"adapter/{name}", settings["b_scale"])
            ids = counter.ids(f"{base}/short", 19, models.VOCAB)
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([ids])).logits[0].numpy()
                with model.disable_adapter():
                    without = model(input_ids=torch.tensor([ids])).logits[0].numpy()
            moved = np.abs(logits - without).max() / np.abs(logits).max()
            assert moved > 0.05, f"{name} does almost nothing: {moved:.1e}"
            folder = Path(tmp) / name
            save(model, folder)
            for file in ("adapter_config.json", "adapter_model.safetensors"):
                fixture.file(f"adapters/{name}/{file}", (folder / file).read_bytes())
            arrays[f"{name}.logits"] = logits
            arrays[f"{name}.ids"] = np.array(ids, dtype=np.uint32)
            print(f"  {name}: {len(load_file(folder / 'adapter_model.safetensors'))} tensors, moves the logits by {moved:.2f} of the largest")
            if name in CONVERTED:
                models.save_folder(base, Path(tmp) / base)
                out = llamacpp.convert_lora(folder, Path(tmp) / base, Path(tmp) / f"{name}.lora.gguf")
                fixture.file(f"adapters/{out.name}", out.read_bytes())
            # what a merge means: transformers' forward over W + BA, in f32
            merged = model.merge_and_unload()
            with torch.no_grad():
                again = merged(input_ids=torch.tensor([ids])).logits[0].numpy()
            assert np.abs(again - logits).max() / np.abs(logits).max() < 1e-4
    fixture.arrays("adapters", arrays)


if __name__ == "__main__":
    main(run)
