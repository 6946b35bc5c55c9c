#!/usr/bin/env python3
"""Does a GGUF file open elsewhere? gguf-py reads and dequantises every tensor, llama-quantize copies it, llama-server answers from
it, and its log-probabilities are near transformers' over the same file.

    scripts/oracles open_everywhere                     every file that the parity tests exported, and the committed ones
    scripts/oracles --python open_everywhere.py FILE…
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np

from common import counter, gguf_model, llamacpp
from common.fixture import FIXTURES, quiet

#: of log-probabilities with p >= 1e-3; llama.cpp keeps an f16 cache and rounds activations for types below 16 bit, and to
#: bf16 beside bf16 weights, where the CPU multiplies these (8 bits of mantissa)
LIMIT = dict(f16=0.05, bf16=0.2, other=0.5)


def with_gguf_py(path: Path) -> str:
    from gguf import GGUFReader, dequantize

    reader = GGUFReader(path)
    kinds = {}
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type)
        assert np.isfinite(values).all(), f"{tensor.name} is not finite"
        kinds[tensor.tensor_type.name] = kinds.get(tensor.tensor_type.name, 0) + 1
    assert path.stat().st_size % 32 == 0, "the end is not padded"
    return f"{len(reader.tensors)} tensors {kinds}"


def copied(path: Path) -> None:
    with tempfile.TemporaryDirectory() as tmp:
        command = [llamacpp.binary("llama-quantize"), "--allow-requantize", path, f"{tmp}/copy.gguf", "COPY", "1"]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        assert done.returncode == 0, f"llama-quantize COPY: {done.stdout[-800:]}{done.stderr[-800:]}"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(port: int, route: str, body=None):
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"http://127.0.0.1:{port}{route}", data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as e:
        if e.code == 503:  # still loading
            raise
        raise AssertionError(f"{route}: {e.code}: {e.read().decode(errors='replace')}") from e


def served(path: Path, ids: list[int]) -> dict[int, float]:
    """The log-probabilities llama-server gives for the token after `ids`."""
    port = free_port()
    command = [llamacpp.binary("llama-server"), "-m", path, "--host", "127.0.0.1", "--port", port, "-t", "1", "-c", "256", "--no-webui"]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log)
        try:
            for _ in range(300):
                assert server.poll() is None, "llama-server ended"
                try:
                    ask(port, "/health")
                    break
                except OSError:
                    time.sleep(0.2)
            said = ask(port, "/completion", dict(prompt=ids, n_predict=1, n_probs=20, temperature=0.0, cache_prompt=False))
            top = said["completion_probabilities"][0]["top_logprobs"]
            return {entry["id"]: entry["logprob"] for entry in top}
        except AssertionError as fault:
            log.seek(0)
            sys.exit(f"{path.name}: {fault}\n{log.read()[-1500:].decode(errors='replace')}")
        finally:
            server.terminate()
            server.wait()


def main() -> None:
    quiet()
    files = [Path(word).resolve() for word in sys.argv[1:] if not word.startswith("--")]
    if not files:
        from gguf_forward import exported

        files = sorted(FIXTURES.glob("*.gguf")) + [told.with_suffix(".gguf") for told in exported()]
    failed = False
    for path in files:
        tensors = with_gguf_py(path)
        copied(path)
        model = gguf_model.load(path)
        # llama-server refuses to say a lone byte of a multi-byte character: ask where the likeliest token is a plain letter
        prompts = [counter.ids(f"open/{n}", 12, 94) for n in range(100)]
        ids, rows = next((i, r) for i, r in ((i, gguf_model.logits(model, i)[-1].astype(np.float64)) for i in prompts) if r.argmax() < 94)
        ours = rows - np.log(np.exp(rows - rows.max()).sum()) - rows.max()
        theirs = {i: p for i, p in served(path, ids).items() if p > np.log(1e-3)}
        error = max(abs(ours[i] - p) for i, p in theirs.items())
        limit = LIMIT[next((kind for kind in ("bf16", "f16") if f".{kind}" in path.name), "other")]
        print(f"  parity: {path.name}: {tensors}; llama-server against transformers, |Δ log-prob| {error:.1e} (limit {limit})")
        failed |= not error <= limit
    sys.exit(failed)


if __name__ == "__main__":
    main()
