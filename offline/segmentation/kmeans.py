"""k-means: segments around centres, over all customers however many there are.

Rules of this file: deterministic for a seed; the best of many starts; a large table gets its starts from
a sample and is then run through as a whole until nobody changes the segment.

Theory: Lloyd's algorithm takes each customer to the nearest centre and each centre to the mean of its
customers, which lowers the inertia until it ends in a local optimum; k-means++ spreads the starts and
restarts choose the best optimum. On the 660 customers of the AllLife table ten starts miss the best
known optimum at five of nine k, fifty starts at none below ten.

References: Lloyd (1982); Arthur & Vassilvitskii (2007) for k-means++; both by scikit-learn.
"""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from offline.segmentation.plan import Floats, Int64s
from offline.segmentation.threads import WHOLE_TABLE_THREADS, repeatable_threads

STARTS_MAX: Final = 50
STARTS_MIN: Final = 10

STARTED_ROWS: Final = 100_000
"""Customers times starts: fifty starts up to 2,000 customers, ten from 10,000 on."""

ITERATIONS_MAX: Final = 300


def starts_of(n_rows: int) -> int:
    """Return how many starts a table of so many rows gets."""
    return max(STARTS_MIN, min(STARTS_MAX, STARTED_ROWS // max(n_rows, 1)))


def kmeans_labels(scaled: Floats, k: int, *, sample: Int64s, seed: int) -> Int64s:
    """Return each customer's segment, shape (n_customers,), numbered as it comes.

    Parameters
    ----------
    scaled : shape (n_customers, n_features)
    k : at most the number of different customers
    sample : rows that the starts are tried on
    seed : of the starts
    """
    if len(sample) == len(scaled):
        return _labels(fitted(scaled, k, starts=starts_of(len(scaled)), seed=seed))
    drawn = fitted(scaled[sample], k, starts=starts_of(len(sample)), seed=seed)
    whole = KMeans(k, init=drawn.cluster_centers_, n_init=1, max_iter=ITERATIONS_MAX, random_state=seed)
    with repeatable_threads(WHOLE_TABLE_THREADS):
        return _labels(_quietly(whole, scaled))


def kmeans_centres(scaled: Floats, k: int, *, starts: int, seed: int) -> Floats:
    """Return the centres of one run, shape (k, n_features)."""
    centres: Floats = fitted(scaled, k, starts=starts, seed=seed).cluster_centers_
    return centres


def fitted(scaled: Floats, k: int, *, starts: int, seed: int) -> KMeans:
    """Return scikit-learn's model of the best start."""
    return _quietly(KMeans(k, n_init=starts, max_iter=ITERATIONS_MAX, random_state=seed), scaled)


def _quietly(model: KMeans, scaled: Floats) -> KMeans:
    """Fit; fewer different customers than k in a bootstrap sample is no news to anybody."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(scaled)


def _labels(model: KMeans) -> Int64s:
    labels: Int64s = model.labels_.astype(np.int64)
    return labels
