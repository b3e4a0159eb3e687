"""Two measures of how well segments are apart, from their centres alone.

Rules of this file: pure; None where a measure is not defined.

Theory: Calinski-Harabasz = (between / (k - 1)) / (within / (n - k)), higher is better (1974, eq. 3).
Davies-Bouldin = mean over segments of the worst (s_i + s_j) / d_ij, with s the mean distance to the own
centre and d the distance of centres, lower is better (1979, eq. 3 with p = q = 2).
"""

from __future__ import annotations

import numpy as np

from offline.segmentation.partition import Partition
from offline.segmentation.plan import Floats


def calinski_harabasz(scaled: Floats, partition: Partition) -> float | None:
    """Return the ratio of variance between to variance within; None for one segment or none within."""
    n, k = len(scaled), partition.k
    if not 1 < k < n or partition.inertia <= 0:
        return None
    between = float(np.sum(partition.sizes[:, None] * np.square(partition.centres - scaled.mean(axis=0))))
    return (between / (k - 1)) / (partition.inertia / (n - k))


def davies_bouldin(scaled: Floats, partition: Partition) -> float | None:
    """Return the mean likeness of each segment to the one most like it; None for one segment."""
    if partition.k < 2:
        return None
    squares = np.zeros(len(scaled))
    for column, centre in zip(scaled.T, partition.centres.T, strict=True):
        squares += np.square(column - centre[partition.labels])
    spread = np.bincount(partition.labels, weights=np.sqrt(squares)) / partition.sizes
    apart = np.linalg.norm(partition.centres[:, None, :] - partition.centres[None, :, :], axis=2)
    np.fill_diagonal(apart, np.inf)
    return float(np.max((spread[:, None] + spread[None, :]) / apart, axis=1).mean())
