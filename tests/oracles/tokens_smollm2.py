"""Token ids by llama.cpp's own server: tests/fixtures/tokens_smollm2.json.

    python3 tests/oracles/tokens_smollm2.py LLAMA_SERVER SmolLM2-135M-Instruct.Q4_1.gguf > tests/fixtures/tokens_smollm2.json
"""
import json, socket, subprocess, sys, time, urllib.request

TEXTS = [
    "", " ", "  ", "\n", "\t\n \n", "Hello, world!", " Hello", "Hello  world", "hello\n\n\nworld  \n ",
    "turn up the volume", "monte le son, s'il te plaît", "volume_up()", "set_temperature(degrees=22)",
    "I'll, we've, THEY'RE, it'd, can't", "3 33 333 3333 33.3 1,000,000 2026-11-20", "x = [1, 2, 3]; // done\n\treturn x;",
    "café, cafe\u0301, Ünïcödé, Straße", "нещо на Български", "我想在工作 日本語 한국어", "កាន់តែពិសេស",
    "🚀 😶\u200d🌫️ 🦙🦙 ✅", "\u00a0\u2003thin\u200bspace", "a\rb\r\nc", "ſﬁ①Ⅳ½",
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    "<|im_end|><|im_end|>\n<|endoftext|>x", " <|im_start|> spaced <|im_end|> ", "<|im_start", "<repo_name>a<filename>b",
    "''''''```````\"\"\"\"......!!!!!!?????? ------=======", "ABCdefGHIjkl aBcDeF __init__ snake_case camelCase",
    "\x00\x01\x7f", "The quick brown fox jumps over the lazy dog. " * 3,
]


def main():
    server, model = sys.argv[1:3]
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    log = open("/dev/null", "w")
    process = subprocess.Popen([server, "-m", model, "--host", "127.0.0.1", "--port", str(port), "-c", "256", "-t", "1", "--no-warmup"],
                               stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                urllib.request.urlopen(url + "/health")
                break
            except OSError:
                time.sleep(0.2)
        cases = []
        for text in TEXTS:
            body = json.dumps({"content": text, "add_special": False, "parse_special": True}).encode()
            request = urllib.request.Request(url + "/tokenize", body, {"Content-Type": "application/json"})
            cases.append({"text": text, "ids": json.load(urllib.request.urlopen(request))["tokens"]})
        print("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]")
    finally:
        process.terminate()
        process.wait()


main()
