"""Whether another sample of customers would have given the same segments.

Rules of this file: deterministic for a seed; fresh starts in each repetition, so that an optimum that is
only found by luck counts as unstable.

Theory: k-means is fitted on bootstrap samples, each fit places the same customers, and the adjusted Rand
index compares that with the segments at hand: 1 is the same, 0 what chance gives. The spread says what
to expect of next year's customers, not of another method.

References: Hubert & Arabie (1985) for the index; Hennig (2007) for the bootstrap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.metrics import adjusted_rand_score

from offline.segmentation.kmeans import kmeans_centres
from offline.segmentation.partition import nearest
from offline.segmentation.plan import BOOTSTRAPS, STABILITY_ROWS_MAX, Floats, Int64s

STARTS: Final = 5


@dataclass(frozen=True, slots=True)
class Stability:
    """Adjusted Rand index over the bootstrap samples.

    Parameters
    ----------
    mean, least : of the indices
    bootstraps : how many samples were drawn
    rows : customers of each
    """

    mean: float
    least: float
    bootstraps: int
    rows: int


def stability_of(sample: Floats, labels: Int64s, seed: int) -> Stability:
    """Return how far the segments of a sample of customers come back on bootstrap samples of it.

    Parameters
    ----------
    sample : shape (n_sample, n_features)
    labels : shape (n_sample,), segments from 0 on, at least two
    seed : of draws and starts
    """
    k = int(labels.max()) + 1
    rows = max(k, min(len(sample), STABILITY_ROWS_MAX))
    random = np.random.default_rng([seed, k])
    indices = []
    for _ in range(BOOTSTRAPS):
        drawn = sample[random.integers(0, len(sample), size=rows)]
        centres = kmeans_centres(drawn, k, starts=STARTS, seed=seed)
        indices.append(adjusted_rand_score(labels, nearest(sample, centres)))
    return Stability(float(np.mean(indices)), float(np.min(indices)), BOOTSTRAPS, rows)
