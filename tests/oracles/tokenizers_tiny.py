"""Tiny tokenizers of every kind a Hugging Face folder may hold, as transformers saves them, and the ids it gives:
tests/fixtures/tokenizers/<kind>/{tokenizer.json, tokenizer_config.json, cases.json}.

    python tests/oracles/tokenizers_tiny.py tests/fixtures/tokenizers
"""
import json, pathlib, sys
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
CORPUS = ["turn up the volume", "turn off the lights in the kitchen", "monte le son, s'il te plaît", "set the temperature to 22 degrees",
          "it's 7:30, wake me up at 8", "what is the weather in Liège today?", "volume_up() set_temperature(degrees=22)"] * 3
TEXTS = ["", " ", "turn up the volume", " turn  up", "set 2026 to 22.5 degrees", "plaît Liège été", "IT'S it's", "a\n\nb \n c\t", "日本 🚀",
         "x (y) [z] {1}", "<eot>", "turn<eot>up <eot> the"]


def bytes_bpe(pre, ignore_merges=False, normalizer=None):
    t = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        t.normalizer = normalizer
    t.pre_tokenizer = pre
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=320, special_tokens=["<bos>", "<eot>"], show_progress=False,
                                                      initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return t


def split(regex):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(regex), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def spm(metaspace):
    t = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    prefix = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    if metaspace:
        t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    else:
        t.normalizer = normalizers.Sequence(prefix)
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=380, special_tokens=["<unk>", "<bos>", "<eot>"] + [f"<0x{b:02X}>" for b in range(256)],
                                                      show_progress=False))
    saved = json.loads(t.to_str())
    saved["added_tokens"] = [a for a in saved["added_tokens"] if not a["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(saved))


def main():
    out = pathlib.Path(sys.argv[1])
    kinds = {
        "smollm": bytes_bpe(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])),
        "llama-bpe": bytes_bpe(split(LLAMA3), ignore_merges=True),
        "qwen2": bytes_bpe(split(QWEN2), normalizer=normalizers.NFC()),
        "gpt-2": bytes_bpe(pre_tokenizers.ByteLevel(add_prefix_space=False)),
        "spm": spm(False),
        "spm-metaspace": spm(True),
    }
    for kind, t in kinds.items():
        if kind in ("llama-bpe", "spm"):
            bos = t.token_to_id("<bos>")
            t.post_processor = processors.TemplateProcessing(single="<bos> $A", pair="<bos> $A $B", special_tokens=[("<bos>", bos)])
        fast = PreTrainedTokenizerFast(tokenizer_object=t, bos_token="<bos>", eos_token="<eot>",
                                       **({"unk_token": "<unk>"} if kind.startswith("spm") else {}))
        folder = out / kind
        fast.save_pretrained(folder)
        # Metaspace puts a space before the first words only, and only where there is none; llama.cpp before every run of
        # text: such texts differ by design, for the served model is llama.cpp's.
        texts = [x for x in TEXTS if kind != "spm-metaspace" or not (x.startswith(" ") or "<eot>" in x[1:])]
        cases = [{"text": x, "ids": fast(x, add_special_tokens=False)["input_ids"]} for x in texts]
        (folder / "cases.json").write_text("[\n" + ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases) + "\n]\n")
        (folder / "special_tokens_map.json").unlink(missing_ok=True)


main()
