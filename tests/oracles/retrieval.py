#!/usr/bin/env python3
"""Retrieval metrics by ir-measures 0.4.3 (trec_eval) for src/rag/metrics.rs.

    python3 -m pip install ir-measures==0.4.3 && python3 tests/oracles/retrieval.py > tests/fixtures/rag/retrieval.json
"""
import importlib.metadata
import json
import random

import ir_measures
from ir_measures import RR, Qrel, ScoredDoc, Success, nDCG

MEASURES = {Success @ 1: "hit@1", Success @ 4: "hit@4", RR @ 10: "mrr@10", nDCG @ 10: "ndcg@10"}

rng = random.Random(3)
questions = []
for _ in range(48):
    relevant = sorted(rng.sample(range(40), rng.choice([1, 1, 1, 2, 3, 12])))
    ranked = rng.sample(range(40), rng.choice([1, 4, 10, 25]))
    questions.append({"ranked": ranked, "relevant": relevant})

qrels = [Qrel(str(q), str(d), 1) for q, question in enumerate(questions) for d in question["relevant"]]
run = [ScoredDoc(str(q), str(d), -float(at)) for q, question in enumerate(questions) for at, d in enumerate(question["ranked"])]
for value in ir_measures.iter_calc(MEASURES, qrels, run):
    questions[int(value.query_id)].setdefault("scores", {})[MEASURES[value.measure]] = value.value
mean = {MEASURES[m]: v for m, v in ir_measures.calc_aggregate(MEASURES, qrels, run).items()}
print(json.dumps({
    "made_with": {"ir-measures": importlib.metadata.version("ir-measures")}, "questions": questions, "mean": mean,
}, separators=(",", ":")))
