"""Golden renderings of chat templates by transformers' own apply_chat_template.

    python tests/oracles/chat.py tests/fixtures/chat_templates > tests/fixtures/chat.json
    python tests/oracles/chat.py "$TUNESMITH_SMOLLM2" > tests/fixtures/chat_smollm2.json    (the template of a GGUF file)

Needs transformers 5. Every template is rendered over every conversation, with and without a generation prompt; what it
raises is kept as an error. For templates with {% generation %} the spans it marks are kept too (byte ranges).
The clock stands at 2026-01-01. BOS is <s>, EOS is </s>; of a GGUF file, its own.
"""

import datetime
import json
import pathlib
import sys

import transformers
import transformers.utils.chat_template_utils as ctu


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 1, 1, 12)


ctu.datetime = Clock
BOS, EOS = "<s>", "</s>"


def conversation(*turns):
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return [{"role": roles[r], "content": c} for r, c in turns]


CONVERSATIONS = [
    conversation(("u", "Hello")),
    conversation(("s", "You are terse."), ("u", "Hello")),
    conversation(("u", "Hi"), ("a", "Hello!")),
    conversation(("s", "Line one.\nLine two."), ("u", "Hi"), ("a", "Yes?"), ("u", "Go on")),
    conversation(("s", "s"), ("u", "a"), ("a", "b"), ("u", "c"), ("a", "d"), ("u", "e"), ("a", "f")),
    conversation(("u", "\"x\" '{{ y }}' {% z %} <b>&amp;</b> \\n é 漢字 🙂"), ("a", "```rust\nfn f() {}\n```")),
    conversation(("u", " \n\t padded \n"), ("a", "\n\n both ends \n"), ("u", "é "), ("a", " x\t")),
    conversation(("u", "2+2?"), ("a", "<think>\nadd\n</think>\n\n4"), ("u", "And 3?"), ("a", "<think>more</think>7")),
    conversation(("a", "an answer first"), ("u", "then a question")),
]


def render(source, messages, generation_prompt, bos=BOS, eos=EOS):
    try:
        texts, spans = ctu.render_jinja_template(
            [messages],
            chat_template=source,
            add_generation_prompt=generation_prompt,
            return_assistant_tokens_mask="{%- generation" in source or "{% generation" in source,
            bos_token=bos,
            eos_token=eos,
        )
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:120]}
    text = texts[0]
    out = {"text": text}
    if spans and spans[0]:
        out["spans"] = [[len(text[:a].encode()), len(text[:b].encode())] for a, b in spans[0]]
    return out


def templates(path):
    """(name, source, bos, eos) of a folder's files, or of a GGUF file."""
    if path.is_dir():
        return [(p.name, p.read_text(), BOS, EOS) for p in sorted(path.glob("*.jinja"))]
    import gguf

    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    bos, eos = (tokens[fields[f"tokenizer.ggml.{k}_token_id"].contents()] for k in ("bos", "eos"))
    return [(path.name, fields["tokenizer.chat_template"].contents(), bos, eos)]


def main():
    cases = []
    for name, source, bos, eos in templates(pathlib.Path(sys.argv[1])):
        for i, messages in enumerate(CONVERSATIONS):
            for generation_prompt in (False, True):
                case = {"template": name, "conversation": i, "generation_prompt": generation_prompt}
                cases.append(case | render(source, messages, generation_prompt, bos, eos))
    out = {"transformers": transformers.__version__, "bos": bos, "eos": eos, "conversations": CONVERSATIONS, "cases": cases}
    json.dump(out, sys.stdout, ensure_ascii=False, indent=1)
    print()


main()
