"""TRL's SFTTrainer over a PEFT model, with its settings for speed on a CPU.

    python with_trl.py --config JOB.json --model FOLDER --start ADAPTER --output OUT --dtype f32|bf16|medium [--form padded|flat|packed]

padded: dynamic padding. flat: `padding_free`, a micro-batch end to end in one row. packed: `packing`, whole examples into rows of as many
tokens as a micro-batch has on average; its steps hold other examples, so its curve is another. Tokens come from tokens.py, in its order.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from datasets import Dataset
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer

import tokens


class Written(TrainerCallback):
    """metrics.jsonl as tunesmith writes it."""

    def __init__(self, out, stop_after):
        self.out, self.stop_after, self.seen = out, stop_after, 0

    def on_step_begin(self, args, state, control, **_):
        self.began = time.perf_counter()

    def on_step_end(self, args, state, control, **_):
        self.seconds = time.perf_counter() - self.began
        control.should_training_stop |= state.global_step == self.stop_after

    def on_log(self, args, state, control, logs, **_):
        if "loss" in logs:
            fed, self.seen = logs["num_tokens"] - self.seen, logs["num_tokens"]
            line = dict(step=state.global_step, train_loss=float(logs["loss"]), num_tokens=self.seen, tokens_per_second=fed / self.seconds)
            self.out.write(json.dumps(line) + "\n")


def settings(config: dict, args, width: int) -> SFTConfig:
    packed = args.form == "packed"
    return SFTConfig(
        output_dir=str(args.output), num_train_epochs=config["epochs"], max_steps=config.get("max_steps") or -1,
        per_device_train_batch_size=1 if packed else config["batch_size"], gradient_accumulation_steps=config.get("gradient_accumulation", 1),
        learning_rate=config["learning_rate"], lr_scheduler_type="linear", warmup_steps=config["warmup_ratio"],
        max_grad_norm=config["max_grad_norm"], weight_decay=0.0, optim="adamw_torch_fused", seed=config["seed"],
        packing=packed, padding_free=args.form == "flat", max_length=width if packed else None,
        gradient_checkpointing=False, bf16=args.dtype == "bf16", use_cpu=True, train_sampling_strategy="sequential",
        logging_steps=1, save_strategy="no", report_to="none", disable_tqdm=True)


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("config", "model", "start", "output"):
        ask.add_argument(f"--{name}", type=Path, required=True)
    ask.add_argument("--dtype", choices=("f32", "bf16", "medium"), default="f32")
    ask.add_argument("--form", choices=("padded", "flat", "packed"), default="padded")
    ask.add_argument("--stop-after", type=int)
    args = ask.parse_args()
    config = json.loads(args.config.read_text(encoding="utf-8"))
    torch.set_num_threads(config["threads"])
    if args.dtype == "medium":
        torch.set_float32_matmul_precision("medium")
    args.output.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    data = tokens.examples(tokenizer, config)
    data = [data[i] for i in tokens.order(len(data), config["seed"], 0)]
    mean = sum(len(e.ids) for e in data) / len(data)
    width = max(round(mean * config["batch_size"]), max(len(e.ids) for e in data))
    dtype = torch.bfloat16 if args.dtype == "bf16" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=dtype, attn_implementation="sdpa")
    model = PeftModel.from_pretrained(model, args.start, is_trainable=True)
    dataset = Dataset.from_list([dict(input_ids=e.ids, labels=e.labels) for e in data])
    with open(args.output / "metrics.jsonl", "w", encoding="utf-8") as out:
        written = Written(out, args.stop_after)
        trainer = SFTTrainer(model=model, args=settings(config, args, width), train_dataset=dataset, processing_class=tokenizer, callbacks=[written])
        trainer.train()
        whole = args.stop_after is None and not config.get("max_steps")
        trained = sum(e.trained for e in data) if whole else None
        out.write(json.dumps(dict(num_tokens=written.seen, trained_tokens=trained)) + "\n")
    trainer.save_model(str(args.output / "final"))


if __name__ == "__main__":
    main()
