"""Tiny models of awkward shapes, one or more per family, with weights by formula (counter.py).

The weights are scaled so that logits spread over several units: with the usual small initialisation every
model answers nearly the same to everything, and no comparison would mean anything.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from .counter import values

VOCAB = 293  # odd on purpose; the tokenizer has 288 entries, the rest are holes

BASE = dict(vocab_size=VOCAB, max_position_embeddings=256, rms_norm_eps=1e-5, tie_word_embeddings=False,
            bos_token_id=285, eos_token_id=287, pad_token_id=None)

#: name -> (model type, what differs from BASE, storage). Storage: dtype on disk, shards, style of config.json
#: ("v4": rope_theta and rope_scaling at the top, "v5": rope_parameters, what transformers >= 5 writes).
SPECS = {
    "llama-gqa8": ("llama", dict(hidden_size=64, intermediate_size=80, num_hidden_layers=2, num_attention_heads=8,
                                 num_key_value_heads=1, rope_theta=10000.0), dict(dtype="F32", shards=1, style="v4")),
    "llama-headdim": ("llama", dict(hidden_size=48, intermediate_size=56, num_hidden_layers=3, num_attention_heads=3,
                                    num_key_value_heads=3, head_dim=20, rope_theta=500000.0), dict(dtype="F16", shards=3, style="v5")),
    "llama-rope3": ("llama", dict(hidden_size=48, intermediate_size=72, num_hidden_layers=2, num_attention_heads=4,
                                  num_key_value_heads=2, rope_theta=10000.0,
                                  rope_scaling=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                                    original_max_position_embeddings=64)), dict(dtype="F32", shards=1, style="v4")),
    "llama-tied": ("llama", dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                                 num_key_value_heads=2, rope_theta=10000.0, tie_word_embeddings=True), dict(dtype="F16", shards=1, style="v5")),
    "llama-rope3-v5": ("llama", dict(hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2,
                                     num_key_value_heads=1, rope_theta=500000.0, tie_word_embeddings=True,
                                     rope_scaling=dict(rope_type="llama3", factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                                       original_max_position_embeddings=32)), dict(dtype="BF16", shards=2, style="v5")),
    "mistral": ("mistral", dict(hidden_size=48, intermediate_size=64, num_hidden_layers=2, num_attention_heads=6,
                                num_key_value_heads=2, head_dim=8, rope_theta=1000000.0, sliding_window=None), dict(dtype="BF16", shards=1, style="v4")),
    "qwen2": ("qwen2", dict(hidden_size=48, intermediate_size=72, num_hidden_layers=2, num_attention_heads=6,
                            num_key_value_heads=2, rope_theta=1000000.0, rms_norm_eps=1e-6), dict(dtype="F32", shards=2, style="v5")),
    "qwen2-tied": ("qwen2", dict(hidden_size=56, intermediate_size=40, num_hidden_layers=3, num_attention_heads=7,
                                 num_key_value_heads=1, rope_theta=10000.0, rms_norm_eps=1e-6, tie_word_embeddings=True), dict(dtype="F16", shards=1, style="v4")),
    "qwen3": ("qwen3", dict(hidden_size=40, intermediate_size=72, num_hidden_layers=2, num_attention_heads=4,
                            num_key_value_heads=2, head_dim=16, rope_theta=1000000.0, rms_norm_eps=1e-6), dict(dtype="F32", shards=1, style="v5")),
    "qwen3-tied": ("qwen3", dict(hidden_size=64, intermediate_size=48, num_hidden_layers=2, num_attention_heads=8,
                                 num_key_value_heads=1, head_dim=32, rope_theta=10000.0, rms_norm_eps=1e-6,
                                 tie_word_embeddings=True), dict(dtype="BF16", shards=1, style="v4")),
    # scalings that a GGUF holds in its keys, in reach of the long text
    "llama-linear": ("llama", dict(hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2,
                                   num_key_value_heads=1, rope_theta=10000.0, tie_word_embeddings=True,
                                   rope_scaling=dict(rope_type="linear", factor=4.0)), dict(dtype="BF16", shards=1, style="v4")),
    "qwen2-yarn": ("qwen2", dict(hidden_size=48, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2,
                                 num_key_value_heads=1, rope_theta=10000.0, rms_norm_eps=1e-6, tie_word_embeddings=True,
                                 rope_scaling=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=64)),
                   dict(dtype="BF16", shards=1, style="v5")),
    "qwen3-yarn": ("qwen3", dict(hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2,
                                 num_key_value_heads=1, head_dim=32, rope_theta=10000.0, rms_norm_eps=1e-6, tie_word_embeddings=True,
                                 rope_scaling=dict(rope_type="yarn", factor=8.0, original_max_position_embeddings=32, attention_factor=0.8)),
                   dict(dtype="BF16", shards=1, style="v4")),
    # 256 columns, so that llama-quantize makes real K-quants of them
    "llama-256": ("llama", dict(hidden_size=256, intermediate_size=256, num_hidden_layers=1, num_attention_heads=4,
                                num_key_value_heads=1, head_dim=32, rope_theta=10000.0, tie_word_embeddings=True), dict(dtype="F16", shards=1, style="v5")),
    "qwen3-256": ("qwen3", dict(hidden_size=256, intermediate_size=256, num_hidden_layers=1, num_attention_heads=4,
                                num_key_value_heads=1, head_dim=32, rope_theta=10000.0, rms_norm_eps=1e-6,
                                tie_word_embeddings=True), dict(dtype="F16", shards=1, style="v5")),
}

ARCHITECTURE = dict(llama="LlamaForCausalLM", mistral="MistralForCausalLM", qwen2="Qwen2ForCausalLM", qwen3="Qwen3ForCausalLM")


def config(name: str):
    """The transformers configuration."""
    import transformers

    kind, differs, _ = SPECS[name]
    fields = {**BASE, **differs}
    rope = fields.pop("rope_scaling", None) or {"rope_type": "default"}
    theta = fields.pop("rope_theta")
    fields["rope_parameters"] = {**rope, "rope_theta": theta}
    classes = dict(llama="LlamaConfig", mistral="MistralConfig", qwen2="Qwen2Config", qwen3="Qwen3Config")
    made = getattr(transformers, classes[kind])(**fields)
    made._attn_implementation = "eager"
    return made


def head_dim(name: str) -> int:
    fields = SPECS[name][1]
    return fields.get("head_dim") or fields["hidden_size"] // fields["num_attention_heads"]


def config_json(name: str) -> dict:
    """What stands in config.json: v5 as transformers writes it, v4 as the models on people's disks have it."""
    kind, differs, storage = SPECS[name]
    if storage["style"] == "v4":
        fields = {**BASE, **differs}
        fields.setdefault("rope_scaling", None)
        fields.setdefault("hidden_act", "silu")
        return {"architectures": [ARCHITECTURE[kind]], "model_type": kind, **fields, "torch_dtype": "float32"}
    out = json.loads(config(name).to_json_string(use_diff=True))
    out.pop("transformers_version", None)
    return {"architectures": [ARCHITECTURE[kind]], **out}


def rule(name: str, tensor: str, shape) -> tuple[float, float]:
    """(offset, scale) of a tensor."""
    if tensor.endswith("norm.weight"):
        return 1.0, 0.25
    if tensor.endswith(".bias"):
        return 0.0, 0.5
    if "embed_tokens" in tensor:
        tied = SPECS[name][1].get("tie_word_embeddings")
        return 0.0, float(np.float32(2.5 * math.sqrt(3.0 / shape[1]))) if tied else 1.0
    gain = 2.0 if "lm_head" in tensor or "q_proj" in tensor or "k_proj" in tensor else 1.0
    return 0.0, float(np.float32(gain * math.sqrt(3.0 / shape[1])))


def rounding(name: str) -> str:
    return "BF16" if SPECS[name][2]["dtype"] == "BF16" else "F16"


def tensors(name: str, model) -> list[tuple[str, list[int], float, float]]:
    """(name, shape, offset, scale) of every tensor that is stored."""
    out = []
    tied = model.config.tie_word_embeddings
    for key, value in model.state_dict().items():
        if tied and key == "lm_head.weight":
            continue
        out.append((key, list(value.shape), *rule(name, key, value.shape)))
    return out


def rounded(name: str, array: np.ndarray) -> torch.Tensor:
    kind = torch.bfloat16 if rounding(name) == "BF16" else torch.float16
    return torch.from_numpy(array).to(kind).to(torch.float32)


def build(name: str, cfg=None):
    """The model in f32 with its weights by formula, each value rounded to the type it is stored in."""
    import transformers

    cfg = cfg or config(name)
    model = getattr(transformers, ARCHITECTURE[SPECS[name][0]])(cfg).to(torch.float32).eval()
    state = {}
    for key, shape, offset, scale in tensors(name, model):
        state[key] = rounded(name, values(f"{name}/{key}", shape, offset, scale))
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and all(m == "lm_head.weight" for m in missing), (missing, unexpected)
    model.tie_weights()
    return model


def spec(name: str) -> dict:
    """What the Rust side needs to make the same folder."""
    model = build(name)
    storage = SPECS[name][2]
    return dict(config=config_json(name), dtype=storage["dtype"], shards=storage["shards"], round=rounding(name),
                tensors=[list(t) for t in tensors(name, model)])


def save_folder(name: str, folder: Path, tokenizer: bool = True) -> None:
    """An HF folder of the model, f16 (or bf16), for the converters of llama.cpp."""
    folder.mkdir(parents=True, exist_ok=True)
    model = build(name)
    data = {key: model.state_dict()[key].to(torch.float16).numpy() for key, *_ in tensors(name, model)}
    save_file(data, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config_json(name)))
    if tokenizer:
        from .tokenizer import write

        write(folder)
