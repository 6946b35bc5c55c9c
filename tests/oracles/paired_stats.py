#!/usr/bin/env python3
"""Paired statistics for src/eval/paired.rs: Tango's interval by its closed form in Python, McNemar's exact and mid p by statsmodels and scipy.

    python3 -m pip install scipy statsmodels && python3 tests/oracles/paired_stats.py > tests/fixtures/paired_stats.json

The first Tango row is the published example of Tango 1998 / Fagerland et al. 2014: (-0.5172, -0.0260).
"""
import json
import math

import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar


def score(b, c, n, d0):
    a2, a1, a0 = 2 * n, -b - c + (2 * n - c + b) * d0, -b * d0 * (1 - d0)
    q = (math.sqrt(max(a1 * a1 - 4 * a2 * a0, 0)) - a1) / (2 * a2)
    variance, distance = n * (2 * q + d0 * (1 - d0)), c - b - n * d0
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def tango(b, c, n, z=stats.norm.ppf(0.975)):
    def root(target, low, high):
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if score(b, c, n, middle) > target else (low, middle)
        return (low + high) / 2

    d = (c - b) / n
    return [root(z, -1 + 1e-12, d), root(-z, d, 1 - 1e-12)]


def midp(b, c):
    n, k = b + c, min(b, c)
    if b == c:
        return float(1 - 0.5 * stats.binom.pmf(b, n, 0.5)) if n else 1.0
    return float(2 * stats.binom.cdf(k, n, 0.5) - stats.binom.pmf(k, n, 0.5))


print(json.dumps({
    "made_with": {"scipy": scipy.__version__, "statsmodels": statsmodels.__version__},
    "tango95": [dict(n=n, b=b, c=c, ci=tango(b, c, n)) for n, b, c in ((21, 7, 1), (50, 12, 2), (100, 3, 5), (100, 0, 0), (44, 0, 1))],
    "mcnemar": [
        dict(b=b, c=c, exact=float(mcnemar([[10, b], [c, 10]], exact=True).pvalue) if b + c else 1.0, midp=midp(b, c))
        for b, c in ((1, 7), (6, 0), (3, 3), (0, 0), (12, 25), (2, 9))
    ],
}, indent=1))
