#!/usr/bin/env python3
"""MinHash for src/generate/minhash.rs: pairs of questions, the exact Jaccard likeness of their runs of five characters, and the
estimate of datasketch 2.0.0 with 128 permutations.

    python3 -m pip install datasketch==2.0.0 && python3 tests/oracles/minhash.py > tests/fixtures/minhash.json
"""
import json
import random

from datasketch import MinHash

WORDS = ("storage network invoice mailbox licence backup printer server account password request team office project budget "
         "meeting contract supplier version database region service manager").split()


def shingles(text, n=5):
    return {text[i:i + n] for i in range(len(text) - n + 1)}


def minhash(items):
    m = MinHash(num_perm=128, seed=1)
    for item in sorted(items):
        m.update(item.encode())
    return m


rng = random.Random(7)
pairs = []
for i in range(240):
    words = [rng.choice(WORDS) for _ in range(14)]
    other = list(words)
    for at in rng.sample(range(14), i % 12):
        other[at] = rng.choice(WORDS)
    a, b = " ".join(words), " ".join(other)
    x, y = shingles(a), shingles(b)
    pairs.append({"a": a, "b": b, "jaccard": len(x & y) / len(x | y), "datasketch": minhash(x).jaccard(minhash(y))})
print(json.dumps({"made_with": {"datasketch": "2.0.0"}, "pairs": pairs}, indent=0))
