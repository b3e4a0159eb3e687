"""Silhouettes of several partitions of the same customers in one pass over their distances.

Rules of this file: pure; memory is one block of distances, however many customers and partitions.

Theory: a is a customer's mean distance to the others of the own segment, b the least mean distance to
another segment; the silhouette is (b - a) / max(a, b), from -1 (in the wrong segment) to 1, and 0 for a
segment of one. Sums of distances to all segments of a partition are one product of the block of distances
with the table of memberships, so a pass costs the distances once and not once a partition.

Reference: Rousseeuw (1987), "Silhouettes".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from sklearn.metrics import pairwise_distances

from offline.segmentation.plan import Floats, Int64s

BLOCK_CELLS: Final = 4_000_000
"""32 MB of distances at a time."""


def silhouettes(scaled: Floats, partitions: Sequence[Int64s]) -> list[Floats | None]:
    """Return each customer's silhouette in each partition; None for one with a single segment.

    Parameters
    ----------
    scaled : shape (n_customers, n_features)
    partitions : each of shape (n_customers,), labels from 0 on

    Examples
    --------
    >>> silhouettes(np.array([[0.0], [1.0], [9.0]]), [np.array([0, 0, 1])])
    [array([0.88888889, 0.875     , 0.        ])]
    """
    found: list[Floats | None] = [
        np.empty(len(scaled)) if len(np.unique(labels)) > 1 else None for labels in partitions
    ]
    members = [_membership(labels) for labels in partitions]
    step = max(1, BLOCK_CELLS // max(len(scaled), 1))
    for start in range(0, len(scaled), step):
        rows = slice(start, start + step)
        distances = pairwise_distances(scaled[rows], scaled)
        # The distance to oneself is zero, but not exactly so by the dot product.
        distances[np.arange(len(distances)), np.arange(start, start + len(distances))] = 0.0
        for values, labels, member in zip(found, partitions, members, strict=True):
            if values is not None:
                values[rows] = _block(distances @ member, labels[rows], member.sum(axis=0))
    return found


def _membership(labels: Int64s) -> Floats:
    members: Floats = (labels[:, None] == np.arange(labels.max() + 1)).astype(np.float64)
    return members


def _block(sums: Floats, own: Int64s, sizes: Floats) -> Floats:
    """Return the silhouettes of a block from its sums of distances to each segment, shape (rows, k)."""
    rows = np.arange(len(own))
    others = sizes[own] - 1
    inner = sums[rows, own] / np.maximum(others, 1)
    means = np.full_like(sums, np.inf)
    np.divide(sums, sizes, out=means, where=sizes > 0)
    means[rows, own] = np.inf
    outer = means.min(axis=1)
    larger = np.maximum(inner, outer)
    # Customers that are all alike have no distances; they are between two segments.
    values = np.divide(outer - inner, larger, out=np.zeros_like(larger), where=larger > 0)
    return np.where(others > 0, values, 0.0)
