"""Goldens of the block formats, by gguf-py (quants.py) and numpy.

Run: python tests/oracles/blocks.py tests/fixtures/blocks.bin        (needs numpy and gguf)

The file is a row of records, little-endian:
  u8 length of name, name, u32 n values, u32 n bytes, f32 values[n] (inputs; empty when only decoding), bytes, f32 decoded.
"""
import struct
import sys

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf.quants import dequantize, quantize

rng = np.random.default_rng(4)


def inputs():
    x = rng.standard_normal(1024).astype(np.float32) * 0.05
    x[5] = 3.0
    x[32:64] = 0.0  # a block of zeros
    x[64:96] = 0.5  # a constant block
    x[96:128] = -np.abs(x[96:128])
    x[128:160] *= 1e-6  # scales that are subnormal in f16
    x[160:192] = np.round(x[160:192] * 64) / 64  # ties
    x[192] = -0.0
    x[224:256] *= 500
    return x


def record(out, name, values, raw, decoded):
    raw = np.ascontiguousarray(raw).view(np.uint8).ravel()
    out.write(struct.pack("<B", len(name)) + name.encode())
    out.write(struct.pack("<III", values.size, raw.size, decoded.size))
    out.write(values.astype("<f4").tobytes() + raw.tobytes() + decoded.astype("<f4").tobytes())


with open(sys.argv[1], "wb") as out:
    x = inputs()
    for ty in [T.F16, T.BF16, T.Q8_0, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1]:
        raw = quantize(x.reshape(1, -1), ty)
        record(out, ty.name, x, raw, dequantize(raw, ty).ravel())
    for ty, size, halves in [(T.Q4_K, 144, (0, 2)), (T.Q5_K, 176, (0, 2)), (T.Q6_K, 210, (208,))]:
        raw = rng.integers(0, 256, size=(4, size), dtype=np.uint8)
        for at in halves:  # random bits, but sane scales (one of them negative)
            d = np.abs(rng.standard_normal(4)).astype(np.float16) * np.float16(0.01)
            d[3] = -d[3]
            raw[:, at : at + 2] = d.view(np.uint8).reshape(4, 2)
        record(out, ty.name, np.zeros(0, np.float32), raw, dequantize(raw, ty).ravel())
