#!/usr/bin/env python3
"""Scores by reference texts for src/eval/reference_scores/: BLEU and chrF by sacreBLEU 2.6.0, ROUGE by rouge_score 0.1.2, the
Levenshtein distance by rapidfuzz 3.14.6 over the grapheme clusters of uniseg 0.10.1.

    python3 -m pip install sacrebleu==2.6.0 rouge_score==0.1.2 rapidfuzz==3.14.6 uniseg==0.10.1 regex
    python3 tests/oracles/reference_scores.py > tests/fixtures/reference_scores.json

ROUGE with `tok=unicode` is rouge_score with another tokenizer: the words of uniseg (UAX #29) in the text that src/eval/text.rs folds.
Scores have 12 digits: the last bits differ between versions of Python, whose sum() is compensated from 3.12.
"""
import json
import random
import unicodedata

import regex
from rapidfuzz.distance import LCSseq, Levenshtein
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import DefaultTokenizer
from sacrebleu.metrics import BLEU, CHRF
from uniseg.graphemecluster import grapheme_clusters
from uniseg.wordbreak import words

ROUGE = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
QUOTES = str.maketrans({"\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2212": "-", "\ufeff": None, "\u200b": None, "\u00ad": None})


class UnicodeTokenizer:
    def tokenize(self, text):
        text = unicodedata.normalize("NFKC", text.translate(QUOTES))
        # Lower case of each letter by itself: no final sigma.
        lower = "".join(c.lower() for c in text).replace("\u00df", "ss").replace("\u03c2", "\u03c3")
        folded = " ".join(unicodedata.normalize("NFKC", lower).split())
        return [word for word in words(folded) if regex.search(r"[\p{Alphabetic}\p{N}]", word)]


BLEUS = {name: BLEU(effective_order=True, tokenize=tok) for name, tok in [("bleu", "13a"), ("bleu_char", "char"), ("bleu_none", "none")]}
CORPUS_BLEU, CHRF2 = BLEU(), CHRF()
ASCII, UNICODE = RougeScorer(ROUGE), RougeScorer(ROUGE, tokenizer=UnicodeTokenizer())


def digits(score):
    return float(f"{float(score):.12g}")


def signature(metric):
    """With the number of references left open."""
    return regex.sub(r"nrefs:\d+", "nrefs:var", str(metric.get_signature()))


def edits(a, b):
    a, b = list(grapheme_clusters(a)), list(grapheme_clusters(b))
    distance = Levenshtein.distance(a, b)
    return distance, 1 - distance / max(len(a), len(b), 1)


def scores(answer, references):
    found = {name: bleu.sentence_score(answer, references).score for name, bleu in BLEUS.items()}
    found["chrf"] = CHRF2.sentence_score(answer, references).score
    for suffix, scorer in [("", ASCII), ("_unicode", UNICODE)]:
        rouge = scorer.score_multi(references, answer)
        found |= {name + suffix: rouge[name].fmeasure for name in ROUGE}
    each = [edits(answer, reference) for reference in references]
    found["levenshtein"] = min(distance for distance, _ in each)
    found["levenshtein_similarity"] = max(similarity for _, similarity in each)
    return {name: digits(score) for name, score in found.items()}


WRITTEN = [
    ("", [""]), ("", ["x"]), ("x", [""]), ("x", ["x"]), ("x", ["y"]), (" ", ["\n"]), ("x y", ["x y"]), ("x y z", ["z y x"]), ("", ["", "x"]),
    ("the cat is on the mat", ["the cat sat on the mat", "there is a cat on the mat"]), ("a b c d", ["a b c d e f", "a b"]),
    ("a a a a", ["a a", "a b a"]), ("Hello, world!", ["hello world"]), ("3.14 1,000.5 -7 7-8 .5 5. 1-", ["3.14 1,000.5 - 7 7 - 8 . 5 5 ."]),
    ("a..b ... ,, x.,y 5.,6", ["a . . b . . . , , x . , y 5 . , 6"]), ("&quot;a&quot; &amp;lt; &lt;b&gt; &amp;", ["\"a\" &lt; <b> &"]),
    ("well-\nknown fact-", ["wellknown fact -"]), ("<skipped>one two<skipped>", ["one two"]), ("[a] {b} (c) d/e f|g h~i j_k l'm", ["[ a ] { b }"]),
    ("one\u00a0two\u2003three\x1cfour\x1dfive\x1esix\x1fseven\x85eight\u200bnine", ["one two three four five six seven eight nine"]),
    ("a\r\nb\tc\x0bd\x0ce \n\n", ["a b c d e"]), ("trailing \x1f\x1c", ["trailing"]), ("\ufeffbom", ["bom"]),
    ("\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!", ["\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440"]),
    ("你好世界", ["你好，世界。"]), ("東京タワーは高い", ["東京タワーは大きい"]), ("สวัสดีครับ", ["สวัสดีค่ะ"]), ("नमस्ते दुनिया", ["नमस्ते, दुनिया!"]), ("안녕하세요 세계", ["안녕 세계"]),
    ("مرحبا بالعالم", ["مرحبا يا عالم"]), ("שלום עולם", ["שלום"]),
    ("👩‍👩‍👧 👨🏽‍💻 🇫🇷🇩🇪", ["👩‍👩‍👦 👨🏿‍💻 🇫🇷🇪🇸"]), ("❤️ ❤", ["❤ ❤️"]), ("e\u0301te\u0301", ["été"]), ("q\u0323\u0307", ["q\u0307\u0323"]), ("Z\u0351\u036b\u0343algo", ["Zalgo"]),
    ("İstanbul \u212aelvin ẞ Straße ΣΟΦΟΣ", ["i̇stanbul kelvin ss strasse σοφος"]), ("ﬁne ＡＢＣ １２", ["fine abc 12"]), ("Don’t “quote”", ["don't \"quote\""]),
    ("First line.\nSecond line here.\n\nThird.", ["First line.\nThe second line.\nA third one.", "Third.\nSecond line here."]),
    ("w1 w2 w3 w4 w5", ["w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5"]), ("a b a b\nb a", ["b a b a\na b\na"]),
]
ALPHABETS = {
    "latin": "the cat sat on mat a dog was not here where it is said that one".split(),
    "mixed": "it's don't co-op x-ray 3.5 1,000 2,000.50 -7 $5 50% e.g. U.S. &amp; &quot;q&quot; a/b C++ <b> (see [1]) — … ! ? , .".split(),
    "cyrillic": "мир труд май кошка сидела на ковре и ёлка Москва это не так".split(),
    "chinese": list("你好世界东京是一个大城市，。我们不知道") + ["LoRA", "7"],
    "emoji": ["😀", "👩‍👩‍👧", "👨🏽‍💻", "🇫🇷", "❤️", "ok", "x", "1️⃣"],
    "marks": ["e\u0301", "é", "n\u0303o", "नमस्ते", "क्षि", "a\u0300\u0323", "กำ", "한국", "が", "\u0301"],
    "few": list("abc"),
}
SPACES = [" ", " ", " ", " ", " ", "  ", "\n", "\t", "\u00a0", "\u2003", "\x1c", "\x1f", "\r\n", "", "-\n", ", ", ". "]


def drawn(draw):
    alphabet = list(ALPHABETS[draw.choice(list(ALPHABETS))])
    if draw.random() < 0.3:
        alphabet += ALPHABETS[draw.choice(list(ALPHABETS))]
    spaces = SPACES if draw.random() < 0.4 else [" ", " ", " ", "\n"]
    base = [draw.choice(alphabet) for _ in range(draw.choice([0, 1, 2, 3, 5, 8, 13, 21, 34]))]
    texts = []
    for _ in range(draw.choice([2, 2, 2, 3, 4])):
        chosen, kept = list(base), []
        if draw.random() < 0.3 and len(chosen) > 3:
            at = draw.randrange(len(chosen))
            chosen = chosen[at:] + chosen[:at]
        for word in chosen:
            change = draw.random()
            kept += [word] if change < 0.75 else [draw.choice(alphabet)] if change < 0.85 else [word, word] if change < 0.9 else []
        texts.append("".join(part for word in kept for part in (word, draw.choice(spaces))))
    return texts[0], texts[1:]


SYLLABLES = "ka lo mi ту ра 北 京 é ñ so".split()


def long_text(seed, count):
    """The recipe of long texts, the same in src/eval/reference_scores/oracle_tests.rs: `count` words of one to three syllables from
    a linear congruential generator, a point and a new line after each 25th."""
    state, parts = seed, []
    for i in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        number = state >> 33
        parts.append("".join(SYLLABLES[number // 10**k % 10] for k in range(1 + number // 1000 % 3)))
        parts.append(".\n" if i % 25 == 24 else " ")
    return "".join(parts)


def long_scores(seed, count):
    answer, reference = long_text(seed, count), long_text(seed + 1, count)
    if count <= 2000:
        return scores(answer, [reference])
    # rouge_score keeps a table of one Python number per pair of words: here the LCS is rapidfuzz's, and Lsum is left out.
    found = {name: bleu.sentence_score(answer, [reference]).score for name, bleu in BLEUS.items()}
    found["chrf"] = CHRF2.sentence_score(answer, [reference]).score
    for suffix, tokenizer in [("", DefaultTokenizer()), ("_unicode", UnicodeTokenizer())]:
        rouge = RougeScorer(["rouge1", "rouge2"], tokenizer=tokenizer).score(reference, answer)
        found |= {name + suffix: score.fmeasure for name, score in rouge.items()}
        a, r = tokenizer.tokenize(answer), tokenizer.tokenize(reference)
        found["rougeL" + suffix] = 2 * LCSseq.similarity(a, r) / (len(a) + len(r))
    found["levenshtein"], _ = edits(answer, reference)
    return {name: digits(score) for name, score in found.items()}


def main():
    draw = random.Random(20261215)
    pairs = list(WRITTEN)
    while len(pairs) < 240:
        pairs.append(drawn(draw))
    cases = [{"answer": a, "references": r, "scores": scores(a, r)} for a, r in pairs]
    corpora = []
    for first, last in [(0, 1), (0, 40), (9, 60), (60, 200), (0, 240)]:
        chosen = pairs[first:last]
        most = max(len(references) for _, references in chosen)
        columns = [[references[i] if i < len(references) else None for _, references in chosen] for i in range(most)]
        # The first reference of each is never missing.
        found = {f"corpus_{name}": digits(metric.corpus_score([a for a, _ in chosen], columns).score)
                 for name, metric in [("bleu", CORPUS_BLEU), ("chrf", CHRF2)]}
        corpora.append({"first": first, "last": last, "scores": found})
    for metric in [*BLEUS.values(), CHRF2]:
        metric.sentence_score("x", ["x"])
    signatures = {name: "bleu:" + signature(bleu) for name, bleu in BLEUS.items()}
    signatures |= {"chrf": "chrf2:" + signature(CHRF2), "corpus_bleu": "bleu:" + signature(CORPUS_BLEU), "corpus_chrf": "chrf2:" + signature(CHRF2)}
    long = [{"seed": seed, "words": count, "scores": long_scores(seed, count)} for seed, count in [(11, 500), (21, 2000), (31, 10000)]]
    rows = {"cases": cases, "corpora": corpora, "long": long}
    parts = [f'"signatures": {json.dumps(signatures)}']
    for name, values in rows.items():
        parts.append(f'"{name}": [\n' + ",\n".join(json.dumps(v, ensure_ascii=False) for v in values) + "\n]")
    print("{\n" + ",\n".join(parts) + "\n}")


main()
