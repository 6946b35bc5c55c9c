#!/usr/bin/env python3
"""Calibration of multiple choice for src/eval/multiple_choice: softmax by scipy, ECE by its definition (Guo et al. 2017, 10 bins of equal
width, the upper edge belongs to a bin) with numpy.digitize, Brier score by scikit-learn, and what a calibrated model shows, drawn.

    scripts/oracles --write calibration
"""

import json

import numpy as np
from scipy.special import softmax
from sklearn.metrics import brier_score_loss

BINS = 10


def ece(confidence, right):
    which = np.digitize(confidence, np.arange(1, BINS) / BINS, right=True)
    parts = [abs(right[which == b].mean() - confidence[which == b].mean()) * (which == b).mean() for b in range(BINS) if (which == b).any()]
    return float(sum(parts)), np.bincount(which, minlength=BINS).tolist()


def row(name, random, log_likelihoods, expected):
    """`log_likelihoods`: a list for each prompt; all of one length, for scikit-learn."""
    log_likelihoods, expected = np.array(log_likelihoods), np.array(expected)
    p = softmax(log_likelihoods, axis=1)
    confidence, right = p.max(axis=1), (p.argmax(axis=1) == expected).astype(float)
    error, counts = ece(confidence, right)
    drawn = [ece(confidence, (random.random(len(confidence)) < confidence).astype(float))[0] for _ in range(4000)]
    predictions = [dict(log_likelihoods=[float(x) for x in row], expected=int(e)) for row, e in zip(log_likelihoods, expected)]
    return dict(
        name=name, predictions=predictions, ece=error, counts=counts, acc=float(right.mean()), mean_confidence=float(confidence.mean()),
        brier=float(brier_score_loss(expected, p, labels=list(range(p.shape[1])), scale_by_half=False)),
        ece_if_calibrated=float(np.mean(drawn)),
    )


def main():
    random = np.random.default_rng(20261203)
    rows = []
    for name, n, k, scale in [("two", 60, 2, 1.0), ("five", 150, 5, 2.0), ("sharp", 120, 20, 6.0), ("uniform", 80, 4, 0.05)]:
        log_likelihoods = np.round(random.normal(size=(n, k)) * scale - 5, 6)
        p = softmax(log_likelihoods, axis=1)
        # Some follow the probabilities, the others are overconfident.
        expected = [random.choice(k, p=row) if random.random() < 0.7 else random.integers(k) for row in p]
        rows.append(row(name, random, log_likelihoods, expected))
    # Far from 0: exp would underflow; and ties, of which the first is taken.
    tied = [[-1000.0, -1000.0, -1001.0], [-2000.0, -1999.0, -1999.0], [-3.0, -3.0, -3.0]] * 20
    rows.append(row("ties", random, tied, [0, 1, 1] * 20))
    print(json.dumps(rows, separators=(",", ":")).replace('},{"name"', '},\n{"name"'))


if __name__ == "__main__":
    main()
