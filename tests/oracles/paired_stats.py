#!/usr/bin/env python3
"""Paired statistics for src/eval/paired.rs: Tango's interval by its closed form in Python, McNemar's exact and mid p by statsmodels and scipy;
for src/eval/bootstrap.rs: the interval of sparse differences, by weighted least squares with a cluster-robust error.

    python3 -m pip install scipy statsmodels && python3 tests/oracles/paired_stats.py > tests/fixtures/paired_stats.json

The first Tango row is the published example of Tango 1998 / Fagerland et al. 2014: (-0.5172, -0.0260).
"""
import json
import math

import numpy
import scipy
import statsmodels
import statsmodels.api as sm
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


def sparse(clusters, mode, z=stats.norm.ppf(0.95)):
    """Bonett and Price 2012 over clusters: two more, of mean size, one 1 above the mode and one 1 below it."""
    y = [d for c in clusters for d in c] + [mode + 1, mode - 1]
    size = (len(y) - 2) / len(clusters)
    weights = [1.0] * (len(y) - 2) + [size] * 2
    groups = [i for i, c in enumerate(clusters) for _ in c] + [len(clusters), len(clusters) + 1]
    fit = sm.WLS(numpy.array(y), numpy.ones(len(y)), weights=numpy.array(weights)).fit(
        cov_type="cluster", cov_kwds={"groups": numpy.array(groups), "use_correction": False})
    count = len(clusters) + 2
    half = z * math.sqrt(count / (count - 1)) * float(fit.bse[0])
    return [max(float(fit.params[0]) - half, -1.0), min(float(fit.params[0]) + half, 1.0)]


SPARSE = [
    ([[0.0]] * 35 + [[1.0]] * 2, 0),
    ([[0.0]] * 33 + [[0.0, 1.0], [1.0, 0.0]], 0),
    ([[0.0, 0.0]] * 30 + [[0.0, -1.0, 0.0], [1.0], [0.25, 0.5]], 0),
    ([[0.0]] * 99 + [[-0.3]], 0),
    ([[1.0]] * 20 + [[0.5, 1.0], [0.0, 0.0]], 1),
    ([[0.0]] * 40 + [[1.0, 1.0]] * 6 + [[-1.0]] * 3, 0),
]

print(json.dumps({
    "made_with": {"scipy": scipy.__version__, "statsmodels": statsmodels.__version__},
    "tango95": [dict(n=n, b=b, c=c, ci=tango(b, c, n)) for n, b, c in ((21, 7, 1), (50, 12, 2), (100, 3, 5), (100, 0, 0), (44, 0, 1))],
    "sparse90": [dict(clusters=c, ci=sparse(c, mode)) for c, mode in SPARSE],
    "mcnemar": [
        dict(b=b, c=c, exact=float(mcnemar([[10, b], [c, 10]], exact=True).pvalue) if b + c else 1.0, midp=midp(b, c))
        for b, c in ((1, 7), (6, 0), (3, 3), (0, 0), (12, 25), (2, 9))
    ],
}, indent=1))
