"""Llama 3's rotary factors by transformers: plain inv_freq / scaled inv_freq. Printed; the numbers stand in src/weights/rope.rs."""
import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

params = {"rope_type": "llama3", "rope_theta": 5e5, "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8192}
config = LlamaConfig(hidden_size=64, num_attention_heads=4, head_dim=16, max_position_embeddings=131072, rope_parameters=params)
scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
plain = 1.0 / (5e5 ** (torch.arange(0, 16, 2).float() / 16))
print((plain / scaled).tolist())
