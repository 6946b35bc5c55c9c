"""A GGUF file as a transformers model in f32 (transformers dequantises with gguf-py's code and undoes llama's q/k order)."""

import contextlib
import io
from pathlib import Path

import numpy as np
import torch


def load(path: Path):
    """transformers 5.23 overlooks two things in a GGUF, set right here from the file's own words:
    `attention.key_length` of qwen3 and the divisors in `rope_freqs.weight`."""
    from gguf import GGUFReader
    from transformers import AutoConfig, AutoModelForCausalLM

    reader = GGUFReader(path)
    arch = reader.get_field("general.architecture").contents()
    config = AutoConfig.from_pretrained(path.parent, gguf_file=path.name)
    length = reader.get_field(f"{arch}.attention.key_length")
    if length is not None:
        config.head_dim = int(length.contents())
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
        model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, config=config, dtype=torch.float32,
                                                     attn_implementation="eager").eval()
    for tensor in reader.tensors:
        if tensor.name == "rope_freqs.weight":
            rotary = model.model.rotary_emb
            factors = torch.from_numpy(np.array(tensor.data, dtype=np.float32))
            rotary.inv_freq = rotary.inv_freq / factors
            rotary.original_inv_freq = rotary.inv_freq
    return model


def logits(model, ids) -> np.ndarray:
    with torch.no_grad():
        return model(input_ids=torch.tensor([list(ids)])).logits[0].to(torch.float32).numpy()


def greedy(model, ids, n: int) -> np.ndarray:
    """The n likeliest tokens after `ids`, one by one, with transformers' cache; no token ends it."""
    with torch.no_grad():
        out = model.generate(torch.tensor([list(ids)]), max_new_tokens=n, min_new_tokens=n, do_sample=False, eos_token_id=None, pad_token_id=0,
                             repetition_penalty=1.0)
    return out[0, len(ids):].numpy().astype(np.uint32)
