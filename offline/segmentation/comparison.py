"""How far two methods agree about the same customers.

Rules of this file: pure; a crosstab lists only pairs that have customers.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from sklearn.metrics import adjusted_rand_score

from offline.segmentation.plan import Int64s, Method


def crosstab(first: Int64s, second: Int64s) -> dict[str, int]:
    """Return "segment of the first,segment of the second" → customers, for pairs with customers.

    Examples
    --------
    >>> crosstab(np.array([0, 0, 1]), np.array([0, 1, 1]))
    {'0,0': 1, '0,1': 1, '1,1': 1}
    """
    width = int(second.max()) + 1
    counts = np.bincount(first * width + second)
    return {f"{cell // width},{cell % width}": int(counts[cell]) for cell in np.flatnonzero(counts)}


def pairs(labels: Mapping[Method, Int64s]) -> dict[str, tuple[Int64s, Int64s]]:
    """Return each pair of methods, such as `kmeans_ward`, with their labels."""
    return {
        f"{one.value}_{other.value}": (labels[one], labels[other]) for one, other in combinations(labels, 2)
    }


def agreement(first: Int64s, second: Int64s) -> float:
    """Return the adjusted Rand index: 1 for the same segments under any numbers, 0 for chance."""
    return float(adjusted_rand_score(first, second))
