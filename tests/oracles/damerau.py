#!/usr/bin/env python3
"""True Damerau-Levenshtein distances for src/generate/damerau.rs, by rapidfuzz 3.14.6.

    python3 -m pip install rapidfuzz==3.14.6 && python3 tests/oracles/damerau.py > tests/fixtures/damerau.json
"""
import json
import random

from rapidfuzz.distance import OSA, DamerauLevenshtein

WRITTEN = [
    ("ca", "abc"), ("", ""), ("", "été"), ("chrome", "crom"), ("status", "statu"), ("cluster", "cluteur"), ("GIDAF", "GDIAF"),
    ("6Tzen", "6Tezn"), ("cœur", "coeur"), ("Straße", "Strasse"), ("e\u0301t\u00e9", "\u00e9t\u00e9"), ("日本語", "日語本"),
    ("Москва", "Мсоква"), ("🙂🙃", "🙃🙂"), ("libpng-dev", "libpgn-dve"), ("a cat", "an abct"),
]
NAMES = ["GIDAF", "6Tzen", "PostgreSQL", "libpng-dev", "Référentiel", "Hébergement", "Œuvres", "Ελλάδα", "システム", "naïve café"]
ALPHABETS = ["ab", "abc", "abcdefgh", "éèêëe", "αβγδ", "日本語文", "a🙂b🙃"]


def edited(draw, text):
    chars = list(text)
    for _ in range(draw.randrange(5)):
        i = draw.randrange(len(chars) + 1)
        kind = draw.randrange(4)
        if kind == 0:
            chars.insert(i, draw.choice("aeéß日🙂"))
        elif kind == 1 and i < len(chars):
            del chars[i]
        elif kind == 2 and i < len(chars):
            chars[i] = draw.choice("aeéß日🙂")
        elif i + 1 < len(chars):
            chars[i], chars[i + 1] = chars[i + 1], chars[i]
    return "".join(chars)


def main():
    draw = random.Random(20261201)
    pairs = list(WRITTEN)
    while len(pairs) < 160:
        name = draw.choice(NAMES)
        pairs.append((name, edited(draw, name)))
    while len(pairs) < 300:
        letters = draw.choice(ALPHABETS)
        pairs.append(tuple("".join(draw.choice(letters) for _ in range(draw.randrange(10))) for _ in "ab"))
    rows = [{"a": a, "b": b, "distance": DamerauLevenshtein.distance(a, b)} for a, b in pairs]
    # The pairs tell the true distance from the restricted one.
    assert any(OSA.distance(r["a"], r["b"]) != r["distance"] for r in rows)
    print("[\n" + ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\n]")


main()
