"""What is trained, as tunesmith has it: ids, which of them are targets, the order of each epoch. Both Python programs read it here."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/oracles"))
from epoch_order import order  # noqa: E402


@dataclass
class Example:
    ids: list[int]
    first: int  # the first trained token; all after it are trained
    distilled: bool = False

    @property
    def trained(self) -> int:
        return len(self.ids) - self.first

    @property
    def labels(self) -> list[int]:
        return [-100] * self.first + self.ids[self.first:]


def rows(path) -> list[dict]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]


def of_chat(tokenizer, conversations: list[list[dict]], distilled: bool = False) -> list[Example]:
    """Loss on the last answer and its end of turn."""
    prompts = [tokenizer.apply_chat_template(c[:-1], add_generation_prompt=True, tokenize=False) for c in conversations]
    whole = [tokenizer.apply_chat_template(c, tokenize=False) for c in conversations]
    answers = [text[len(prompt):].rstrip("\n") for prompt, text in zip(prompts, whole)]
    ids = lambda texts: tokenizer(texts, add_special_tokens=False)["input_ids"]  # noqa: E731
    return [Example(p + a, len(p), distilled) for p, a in zip(ids(prompts), ids(answers))]


def of_text(tokenizer, texts: list[str], limit: int) -> list[Example]:
    ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    return [Example((i + [tokenizer.eos_token_id])[:limit], 1) for i in ids]


def replayed(tokenizer, prompts: Path, answers: Path, wanted: int) -> list[Example]:
    """The base's own answers, from tunesmith's cache; an empty one came to no end."""
    known = json.loads(answers.read_text(encoding="utf-8"))
    asked = [row["prompt"] for row in rows(prompts) if known.get(row["prompt"], "").strip()][:wanted]
    turns = lambda p: [dict(role="user", content=p), dict(role="assistant", content=known[p])]  # noqa: E731
    return of_chat(tokenizer, [turns(p) for p in asked], distilled=True)


def examples(tokenizer, config: dict, answers: Path | None = None) -> list[Example]:
    data = rows(config["dataset_path"])
    if "text" in data[0]:
        return of_text(tokenizer, [row["text"] for row in data], config["max_seq_len"])
    out = of_chat(tokenizer, [row["messages"] for row in data])
    if config.get("replay", "off") != "off":
        share = config["replay_share"]
        out += replayed(tokenizer, ROOT / "data/general/replay.jsonl", answers, round(len(data) * share / (1 - share)))
    return out


def steps(config: dict, data: list[Example]) -> list[list[list[Example]]]:
    """Micro-batches of each optimiser step of the whole training."""
    size, every = config["batch_size"], config.get("gradient_accumulation", 1)
    out = []
    for epoch in range(config["epochs"]):
        shuffled = [data[i] for i in order(len(data), config["seed"], epoch)]
        for at in range(0, len(shuffled), size * every):
            step = shuffled[at:at + size * every]
            out.append([step[i:i + size] for i in range(0, len(step), size)])
    return out
