"""The cases: what is trained, by whom, and what counts."""

from dataclasses import dataclass

#: what a program on the other side is called, and the script and words that make it so
PEFT = {
    "PEFT": ("with_peft.py", []),
    "PEFT lean": ("with_peft.py", ["--lean"]),
    "TRL": ("with_trl.py", ["--form", "padded"]),
    "TRL padding-free": ("with_trl.py", ["--form", "flat"]),
    "TRL packed": ("with_trl.py", ["--form", "packed"]),
}
DTYPES = ["f32", "bf16", "medium"]
PLAIN, TRL = ("PEFT", "PEFT lean"), ("TRL", "TRL padding-free", "TRL packed", "PEFT", "PEFT lean")


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    model: str
    data: str  # of material.py, or a path in the repository ("first N of PATH": its first lines)
    config: dict
    peft: tuple = PLAIN
    bases: tuple = ("folder",)  # what tunesmith trains from: folder, gguf (the package's), q4_k_m
    within: tuple = ()  # (base, size): tunesmith under --max-memory, too
    by: str = "wall"  # what the ratio is of: wall (start to saved adapter) or speed (from the second step on)
    warm: int | None = 4  # steps in the warm-up round; None: all


COMMON = dict(epochs=1, learning_rate=2e-4, lr_scheduler="linear", warmup_ratio=0.03, weight_decay=0.0, max_grad_norm=1.0, lora_rank=16,
              lora_alpha=32, seed=42, save_every=0, max_seq_len=2048)
DEMO = dict(epochs=2, batch_size=8, learning_rate=5e-4)
DENSE = dict(batch_size=4, max_seq_len=512)
USERS = dict(batch_size=2)

CASES = [
    Case("demo", "the demo: SmolLM2-135M-Instruct, 417 examples and a quarter replay, batches of 8, two epochs", "smollm2",
         "data/demo/train.jsonl", {**DEMO, "replay": "auto", "replay_share": 0.25}, bases=("gguf",), within=(("gguf", "700MiB"),), warm=8),
    Case("demo-without-replay", "the same without replay", "smollm2", "data/demo/train.jsonl", DEMO, bases=("gguf",),
         within=(("gguf", "600MiB"),), warm=8),
    Case("realistic", "SmolLM2, 200 chat examples, one system prompt of 300 tokens and 20 to 300 further ones, loss on the answers, "
         "batches of 4, one epoch", "smollm2", "realistic", dict(batch_size=4), peft=TRL, bases=("gguf",)),
    Case("realistic-accumulated", "the same, 4 batches of 4 a step", "smollm2", "realistic", dict(batch_size=4, gradient_accumulation=4),
         peft=TRL, bases=("gguf",), warm=2),
    Case("dense-smollm2", "SmolLM2, 4 × 512 full-length, every token trained, 8 steps", "smollm2", "dense", DENSE, bases=("gguf",), by="speed"),
    Case("dense-35m", "a llama of 35M, 4 × 512 full-length, every token trained, 8 steps", "llama35m", "dense", DENSE, by="speed"),
    Case("tiny1b", "TinyLlama's shape (1.1B), 1 × 512, 3 timed steps", "tinyllama", "dense", {**DENSE, "batch_size": 1, "max_steps": 4},
         bases=("folder", "q4_k_m"), within=(("folder", "2700MiB"), ("q4_k_m", "1300MiB")), by="speed", warm=2),
    Case("users-tinyllama", "10 short examples, one epoch, batches of 2, TinyLlama's shape", "tinyllama", "short", USERS,
         bases=("folder", "q4_k_m"), warm=None),
    Case("qwen-ten", "Qwen2.5-Coder-0.5B-Instruct, the first 10 French tickets, one epoch, batches of 2", "qwen0.5b",
         "first 10 of tests/fixtures/tickets_fr/train.jsonl", USERS, bases=("gguf",), warm=None),
    Case("qwen-tickets", "Qwen2.5-Coder-0.5B-Instruct, 192 French tickets, two epochs, batches of 4", "qwen0.5b",
         "tests/fixtures/tickets_fr/train.jsonl", dict(epochs=2, batch_size=4), bases=("gguf",), warm=8),
    Case("users-qwen", "10 short examples, one epoch, batches of 2, Qwen2.5-1.5B's shape", "qwen1.5b", "short", USERS,
         bases=("folder", "q4_k_m"), warm=None),
]
