#!/usr/bin/env python3
"""Token F1 and exact match for src/eval/answer_metrics/f1.rs, with the standard library of Python 3.11 alone.

    python3 tests/oracles/answer_metrics.py > tests/fixtures/answer_metrics.json

The F1 re-implements SQuAD's published definition (Rajpurkar et al. 2016, evaluate-v1.1.py: lower case, delete punctuation, delete
a/an/the, split at white space, harmonic mean of precision and recall over multisets); it is not that script. Extended as f1.rs says:
NFKC, case folding, every Unicode punctuation mark and symbol, French articles and elision, numbers in one notation. Exact match: NFKC, case folded, white
space collapsed, typographic quotes plain, numbers in one notation (`50 %` is `50%`). Where `10 000` is one number or two, the better reading counts.
"""
import json
import re
import unicodedata
from collections import Counter

ARTICLES = {"a", "an", "the", "le", "la", "les", "un", "une", "des"}


def numbers(text, join):
    text = re.sub(r"(?<=\d)[\u00a0\u202f\u2009](?=\d{3}(?!\d))", "", text)
    if join:
        text = re.sub(r"(?<![\d.,])(\d{1,3})((?: \d{3})+)(?!\d)", lambda m: m[0].replace(" ", ""), text)
    text = re.sub(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])", lambda m: m[0].replace(",", ""), text)
    text = re.sub(r"(?<![\d.,])(\d+)[.,](\d+)(?![\d.,]*\d)", lambda m: m[1] + "." + m[2] if thousands(m) else decimal(m), text)
    return re.sub(r"(?<=\d)\s(?=[%‰])", "", text)


def thousands(match):
    return "." in match[0] and len(match[2]) == 3


def decimal(match):
    fraction = match[2].rstrip("0")
    return match[1] + ("." + fraction if fraction else "")


def folded(text, join):
    text = re.sub("[\u201c\u201d\u201e]", '"', text)
    text = unicodedata.normalize("NFKC", text.replace("\u2019", "'").replace("\u00ad", "").replace("\u202f", "\u00a0"))
    return " ".join(numbers(text, join).casefold().split())


def squad(text, join):
    text = re.sub(r"(?<!\w)l['\u2019](?=[^\W\d_])", "", text, flags=re.I)
    text = re.sub(r"(?<!\w)(d|j|m|n|s|t|c|qu)['\u2019](?=[^\W\d_])", r"\1 ", text, flags=re.I)
    text = folded(text, join)
    kept = []
    for i, c in enumerate(text):
        number = c == "." and text[i - 1 : i].isdigit() and text[i + 1 : i + 2].isdigit()
        if number or c.isspace() or unicodedata.category(c)[0] in "LN":
            kept.append(c)
    words = "".join(kept).split()
    return [w for w in words if w not in ARTICLES] or words


def f1(answer, reference):
    best = 0.0
    for a in (squad(answer, False), squad(answer, True)):
        for r in (squad(reference, False), squad(reference, True)):
            if not a or not r:
                best = max(best, float(a == r))
                continue
            common = sum((Counter(a) & Counter(r)).values())
            if common:
                precision, recall = common / len(a), common / len(r)
                best = max(best, 2 * precision * recall / (precision + recall))
    return best


def exact(answer, reference):
    return bool({folded(answer, False), folded(answer, True)} & {folded(reference, False), folded(reference, True)})


PAIRS = [
    ("OFB", "OFB"), ("L'OFB", "OFB"), ("l’OFB.", "OFB"), ("GIDAF est hébergé par l'OFB.", "OFB"),
    ("GIDAF est hébergé par l'OFB", "GIDAF est hébergé par l’OFB"), ("The host is OFB", "OFB"), ("the OFB", "an OFB"),
    ("BRGM", "OFB"), ("", "OFB"), ("OFB", ""), ("", ""), ("the", "a"), ("le", "la"), ("the", "the"),
    ("a cat sat on the mat", "the cat sat on the mat"), ("cat cat dog", "cat dog dog"), ("Cat, dog; bird!", "bird dog cat"),
    ("covid-19", "COVID 19"), ("it's", "its"), ("don't know", "dont know"), ("state-of-the-art", "state of the art"),
    ("Straße", "STRASSE"), ("ΣΟΦΟΣ", "σοφος"), ("ＡＢＣ", "abc"), ("ﬁn", "fin"), ("cafe\u0301", "café"), ("café", "cafe"),
    ("Привет, мир!", "привет мир"), ("東京", "東京"), ("東京 です", "東京"), ("naïve  café", "NAÏVE CAFÉ"), ("«\u202fOui\u202f»", "oui"),
    ("“quoted”", '"quoted"'), ("eau d'ici", "eau d’ici"), ("l'eau de l'étang", "eau de étang"), ("qu'il vienne", "qu il vienne"),
    ("aujourd'hui", "aujourdhui"), ("d'eau", "de l'eau"), ("des rejets", "les rejets"), ("une application", "un application"),
    ("1 024,5", "1024.5"), ("1\u202f024,5 kg", "1024.5 kg"), ("1,024.5", "1024.50"), ("10 000", "10000"), ("10,000", "10 000"),
    ("3.0", "3"), ("3,50 euros", "3.5 euros"), ("1.000", "1000"), ("1.000", "1.000"), ("version 2.1", "2.1"), ("version 2.1", "version 2,1"),
    ("200 utilisateurs", "environ 200 utilisateurs"), ("Java, PostgreSQL et Angular", "PostgreSQL, Java"),
    ("Je ne sais pas", "OFB"), ("oui", "Oui."), ("Yes", "yes, it is"), ("A\tB\nC", "a b c"), ("  OFB  ", "ofb"),
    ("x = y + 1", "x y 1"), ("100 %", "100%"), ("5 €", "5"), ("#1", "1"), ("a_b", "ab"), ("C++", "C"), ("…", "x"), ("!", "?"),
    ("Ministère de l'Écologie", "ministère de l’écologie"), ("MINISTÈRE DE L'ÉCOLOGIE", "Ministère de l'Écologie"), ("Œuvre", "œuvre"),
    ("İstanbul", "i̇stanbul"), ("l'", "l"), ("La réponse est : 42", "42"), ("the answer is 42.", "The answer is 42"),
]

if __name__ == "__main__":
    rows = [{"answer": a, "reference": r, "f1": f1(a, r), "exact": exact(a, r)} for a, r in PAIRS]
    print(json.dumps(rows, ensure_ascii=False, indent=0))
