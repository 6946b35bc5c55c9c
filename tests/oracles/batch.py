"""Ids and loss masks of conversations by transformers: apply_chat_template(return_assistant_tokens_mask=True).

    python tests/oracles/batch.py "$TUNESMITH_SMOLLM2" > tests/fixtures/batch_smollm2.json

The tokenizer is transformers' own reading of the GGUF file. Its template has no {% generation %} marks, so the mask is
taken over the same template with the assistant's words and their end of turn marked; the texts are asserted to be equal.
"""

import json
import os
import sys

import transformers

HEAD = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
MARKED = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    + HEAD
    + "<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n'}}{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}{% else %}"
    "{{ message['content'] + '<|im_end|>' + '\n'}}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def talk(*turns):
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return [{"role": roles[r], "content": c} for r, c in turns]


CONVERSATIONS = [
    talk(("u", "turn up the volume"), ("a", "volume_up()")),
    talk(("s", "You are the voice of the house."), ("u", "monte le son, s'il te plaît"), ("a", "volume_up()")),
    talk(("u", "Hi"), ("a", "Hello! How can I help?"), ("u", "2 + 22 = ?"), ("a", "24\n\nOf course.")),
    talk(("u", "def f(x):\n\treturn x  # 漢字 🙂"), ("a", "```python\nprint(f(12345))\n```\n")),
    talk(("u", "a"), ("a", "é"), ("u", "b  "), ("a", "plain"), ("u", "c"), ("a", "1 234,56 €")),
]


def main():
    path = os.path.abspath(sys.argv[1])
    tokenizer = transformers.AutoTokenizer.from_pretrained(os.path.dirname(path), gguf_file=os.path.basename(path))
    cases = []
    for messages in CONVERSATIONS:
        text = tokenizer.apply_chat_template(messages, tokenize=False)
        marked = tokenizer.apply_chat_template(
            messages, chat_template=MARKED, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        assert tokenizer.apply_chat_template(messages, chat_template=MARKED, tokenize=False) == text
        ids = marked["input_ids"]
        assert ids == tokenizer(text, add_special_tokens=False)["input_ids"]
        cases.append({"messages": messages, "text": text, "ids": ids, "mask": marked["assistant_masks"]})
    json.dump({"transformers": transformers.__version__, "cases": cases}, sys.stdout, ensure_ascii=False)
    print()


main()
