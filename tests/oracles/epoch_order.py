"""The order of an epoch, from the description of ChaCha (Bernstein 2008) with 8 rounds: golden numbers of src/batch/order.rs.

    python tests/oracles/epoch_order.py
"""

import struct

M = 0xFFFFFFFF


def block(key, counter):
    rows = list(struct.unpack("<4I", b"expand 32-byte k")) + list(struct.unpack("<8I", key))
    rows += [counter & M, counter >> 32, 0, 0]
    x = rows[:]

    def quarter(a, b, c, d):
        for i, j, k, r in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[i] = (x[i] + x[j]) & M
            v = x[k] ^ x[i]
            x[k] = ((v << r) | (v >> (32 - r))) & M

    for _ in range(4):
        for q in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)):
            quarter(*q)
        for q in ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(*q)
    return [(a + b) & M for a, b in zip(x, rows)]


def words(key):
    counter = 0
    while True:
        b = block(key, counter)
        for i in range(0, 16, 2):
            yield b[i] | b[i + 1] << 32
        counter += 1


def order(n, seed, epoch):
    stream = words(struct.pack("<QQ", seed, epoch) + bytes(16))
    out = list(range(n))
    top = 2**64 - 1
    for i in range(n - 1, 0, -1):
        limit = top - top % (i + 1)
        j = next(w for w in stream if w < limit) % (i + 1)
        out[i], out[j] = out[j], out[i]
    return out


if __name__ == "__main__":
    print(order(10, 42, 0))
    print(order(10, 42, 1))
    print(order(12, 2**64 - 1, 3))
