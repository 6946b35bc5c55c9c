"""What is measured on, made once and the same everywhere: models, an adapter to start from, data.

    python material.py model NAME FOLDER            a Hugging Face folder
    python material.py start FOLDER OUT             rank 16 on all linear layers, A random, B zero, for the model in FOLDER
    python material.py data NAME FOLDER OUT.jsonl   for the tokenizer in FOLDER

smollm2 and qwen0.5b are the packages' own GGUFs ($TUNESMITH_SMOLLM2, $TUNESMITH_QWEN), widened; the others are random weights in the shapes of known models, under
SmolLM2's tokenizer cut to their vocabulary. Text comes from the language reference that ships with Python (pydoc_data.topics).
"""

import json
import os
import random
import re
import sys
from pathlib import Path

RANK = 16
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
TINYLLAMA = dict(hidden_size=2048, num_hidden_layers=22, num_attention_heads=32, num_key_value_heads=4, intermediate_size=5632,
                 vocab_size=32000, rms_norm_eps=1e-5)
SHAPES = {
    "llama35m": ("llama", dict(hidden_size=512, num_hidden_layers=8, num_attention_heads=8, num_key_value_heads=8, intermediate_size=1408,
                               vocab_size=8192), "float32"),
    "tinyllama": ("llama", TINYLLAMA, "bfloat16"),
    "qwen1.5b": ("qwen2", dict(hidden_size=1536, num_hidden_layers=28, num_attention_heads=12, num_key_value_heads=2, intermediate_size=8960,
                               vocab_size=151936, rms_norm_eps=1e-6, tie_word_embeddings=True), "bfloat16"),
}


#: the variables that name the packages' files
REAL = {"smollm2": "TUNESMITH_SMOLLM2", "qwen0.5b": "TUNESMITH_QWEN"}


def model(name: str, folder: Path) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    gguf = Path(os.environ[REAL.get(name, "TUNESMITH_SMOLLM2")])
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    tokenizer.save_pretrained(folder)
    if name in REAL:
        widened = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
        # It calls itself quantised and would not be saved; one that has the same weights will.
        del widened.config.quantization_config
        plain = AutoModelForCausalLM.from_config(widened.config, dtype=torch.float32)
        plain.load_state_dict(widened.state_dict())
        plain.save_pretrained(folder)
        return
    kind, shape, dtype = SHAPES[name]
    cut(folder / "tokenizer.json", shape["vocab_size"])
    torch.manual_seed(42)
    config = AutoConfig.for_model(kind, max_position_embeddings=2048, bos_token_id=1, eos_token_id=2, **shape)
    AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype)).save_pretrained(folder)


def cut(path: Path, size: int) -> None:
    """The first `size` entries of a byte-level BPE: ids rise with the merges' ranks, so what is left is whole."""
    whole = json.loads(path.read_text(encoding="utf-8"))
    bpe = whole["model"]
    bpe["vocab"] = {token: i for token, i in bpe["vocab"].items() if i < size}
    bpe["merges"] = [pair for pair in bpe["merges"] if "".join(pair if isinstance(pair, list) else pair.split(" ")) in bpe["vocab"]]
    path.write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")


def start(folder: Path, out: Path) -> None:
    import torch
    from accelerate import init_empty_weights
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    with init_empty_weights():
        empty = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    lora = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=LINEARS, task_type="CAUSAL_LM", base_model_name_or_path=folder.name)
    peft = get_peft_model(empty, lora)
    torch.manual_seed(42)
    halves = {}
    for name, p in peft.named_parameters():
        if "lora_A" in name:
            halves[name] = torch.empty(p.shape).uniform_(-1, 1) / p.shape[1] ** 0.5
        elif "lora_B" in name:
            halves[name] = torch.zeros(p.shape)
    out.mkdir(parents=True)
    from safetensors.torch import save_file

    save_file({k.replace(".default", ""): v for k, v in halves.items()}, out / "adapter_model.safetensors", metadata={"format": "pt"})
    peft.peft_config["default"].save_pretrained(out)


def passages() -> list[tuple[str, list[str]]]:
    """(topic, words) of the reference, without its markup of headings and lists."""
    from pydoc_data.topics import topics

    plain = lambda text: re.sub(r"[*=~^\-]{3,}|\s*\n\s*", " ", text).split()  # noqa: E731
    return [(topic, words) for topic, text in sorted(topics.items()) if len(words := plain(text)) >= 60]


def fit(tokenizer, words: list[str], tokens: int) -> str:
    """As many of the words as have `tokens` tokens."""
    ids = tokenizer(" ".join(words[:tokens]), add_special_tokens=False)["input_ids"][:tokens]
    return tokenizer.decode(ids).strip()


def realistic(tokenizer, draw) -> list[dict]:
    """200 examples: one system prompt of 300 tokens, then 20 to 300 further ones, most of them the answer."""
    known = passages()
    count = lambda messages: len(tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False))  # noqa: E731
    told = "You answer questions on the Python language in the words of its reference, exactly and without greeting. " \
           "The reference begins so: "
    words = told.split() + [w for topic, text in known if topic == "assignment" for w in text]
    system = dict(role="system", content=fit(tokenizer, words, 300 - count([dict(role="system", content="")])))
    out = []
    for _ in range(200):
        topic, text = draw.choice(known)
        user = dict(role="user", content=f"What does it say on {topic}?")
        left = draw.randint(20, 300) - (count([system, user, dict(role="assistant", content="")]) - 300)
        at = draw.randrange(max(1, len(text) - 300))
        out.append(dict(messages=[system, user, dict(role="assistant", content=fit(tokenizer, text[at:], max(4, left)))]))
    return out


def short(draw) -> list[dict]:
    """10 examples of a sentence or two."""
    out = []
    for _ in range(10):
        topic, text = draw.choice(passages())
        turns = [("user", f"What is {topic}?"), ("assistant", " ".join(text[:draw.randint(5, 25)]))]
        out.append(dict(messages=[dict(role=role, content=content) for role, content in turns]))
    return out


def texts(draw, count: int, length: int) -> list[dict]:
    """Of so many words, which are at least as many tokens: no tokenizer here makes one of two words."""
    words = [w for _, text in passages() for w in text]
    starts = [draw.randrange(len(words) - length) for _ in range(count)]
    return [dict(text=" ".join(words[at:at + length])) for at in starts]


def dense(draw) -> list[dict]:
    """32 texts of more than 512 tokens."""
    return texts(draw, 32, 700)


def long(draw) -> list[dict]:
    """3 texts of more than 8192 tokens, to be cut: a few steps, each of one of them, go round."""
    return texts(draw, 3, 8400)


def data(name: str, folder: Path, out: Path) -> None:
    from transformers import AutoTokenizer

    draw = random.Random(42)
    rows = realistic(AutoTokenizer.from_pretrained(folder), draw) if name == "realistic" else dict(short=short, dense=dense, long=long)[name](draw)
    out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "model":
        model(rest[0], Path(rest[1]))
    elif what == "start":
        start(Path(rest[0]), Path(rest[1]))
    else:
        data(rest[0], Path(rest[1]), Path(rest[2]))
