#!/usr/bin/env python3
"""BM25 scores by bm25s 0.3.16 (method "lucene", k1 1.2, b 0.75) for src/rag/bm25.rs, of words and of character trigrams.

    python3 -m pip install bm25s==0.3.16 && python3 tests/oracles/bm25.py > tests/fixtures/rag/bm25.json

bm25s gets the tokens made here, by the definition that src/rag/terms.rs states.
"""
import json
import random
import re
import unicodedata

import bm25s

LIGATURES = {"œ": "oe", "æ": "ae", "ß": "ss"}
SUBJECTS = "L'application Œuvre|Le portail|La base|L’outil|Le logiciel|The registry|Straße".split("|")
VERBS = "gère|héberge|sauvegarde|contrôle|remplace|archives|publishes".split("|")
OBJECTS = "les congés|des dossiers|l'état civil|ses factures, factures et devis|six données|user accounts|à Lyon".split("|")


def words(text):
    folded = unicodedata.normalize("NFKD", text)
    folded = "".join(c for c in folded if not 0x300 <= ord(c) <= 0x36F).lower()
    folded = "".join(LIGATURES.get(c, c) for c in folded)
    return re.findall(r"[^\W_]+", folded)


def trigrams(text):
    marked = [f"^{word}$" for word in words(text)]
    return [word[i : i + 3] for word in marked for i in range(len(word) - 2)]


def name(rng):
    return "".join(rng.choice(s) for s in ("BCDGLMNR", "aeiou", "dfglmn", "aeiouy", "bcdflrt", "-0123"))


rng = random.Random(7)
names = [name(rng) for _ in range(200)]
texts = [
    " ".join(f"{n if i == 0 else rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(OBJECTS)}." for i in range(rng.randint(1, 5)))
    for n in names
]
queries = [f"Qui {rng.choice(VERBS)} {rng.choice(names)} ?" for _ in range(12)]
queries += ["factures factures devis", "ETAT CIVIL à lyon", "cœur oeuvre", "xyzzy", "strasse", "l l l six"]


def scored(tokenize):
    retriever = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    retriever.index([tokenize(text) for text in texts], show_progress=False)
    rows = []
    for query in queries:
        known = [token for token in tokenize(query) if token in retriever.vocab_dict]
        scores = retriever.get_scores(known) if known else [0.0] * len(texts)
        best = sorted(range(len(texts)), key=lambda d: -scores[d])[:15]
        rows.append({"found": int(sum(s > 0 for s in scores)), "scores": [[d, float(scores[d])] for d in best]})
    return rows


print(json.dumps({
    "made_with": {"bm25s": bm25s.__version__},
    "texts": texts, "queries": queries, "words": scored(words), "trigrams": scored(trigrams),
}, ensure_ascii=False, separators=(",", ":")))
