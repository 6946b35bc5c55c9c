"""Numbers by formula, the same in Python and Rust (tests/it/oracle/counter.rs): nothing large is committed.

value(name, i) = offset + scale * u,   u in [-1, 1) from the top 24 bits of splitmix64(fnv1a64(name), i).
Every step is exact or one f32 rounding, so both sides agree to the bit.
"""

import numpy as np

MASK = (1 << 64) - 1


def fnv1a64(text: str) -> int:
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h


def uniform(name: str, n: int) -> np.ndarray:
    """n f32 in [-1, 1)."""
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a64(name)) + (np.arange(n, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1.0)


def values(name: str, shape, offset: float, scale: float) -> np.ndarray:
    flat = np.float32(offset) + np.float32(scale) * uniform(name, int(np.prod(shape)))
    return flat.reshape(shape)


def ids(name: str, n: int, vocab: int) -> list[int]:
    """n token ids below vocab."""
    half = (uniform(name, n).astype(np.float64) + 1.0) / 2.0
    return [int(x * vocab) for x in half]
