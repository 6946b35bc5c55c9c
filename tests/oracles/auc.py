#!/usr/bin/env python3
"""Areas under ROC curves, ties included, and thresholds that keep at most 5 % of the negatives, for src/generate/llm/auc.rs.

    python3 -m pip install scikit-learn==1.9.1 && python3 tests/oracles/auc.py > tests/fixtures/auc.json

The threshold is the lowest score s of a negative with share(negatives > s) <= 0.05, found by trying all of them.
"""
import json
import random

from sklearn.metrics import roc_auc_score

draw = random.Random(20261201)
cases = []
for i in range(40):
    n, m = draw.randint(1, 60), draw.randint(1, 60)
    digits = (1, 2, 6)[i % 3]  # few digits make ties
    positives = [round(draw.gauss(0.6, 0.3), digits) for _ in range(n)]
    negatives = [round(draw.gauss(0.4, 0.3), digits) for _ in range(m)]
    labels = [1] * n + [0] * m
    threshold = min(s for s in negatives if sum(t > s for t in negatives) <= 0.05 * m)
    cases.append({
        "positives": positives,
        "negatives": negatives,
        "auc": float(roc_auc_score(labels, positives + negatives)),
        "threshold": threshold,
    })
print(json.dumps(cases))
