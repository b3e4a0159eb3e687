"""Segments of the history's customers: k-means over a few features, and how people may call them.

Customers are compared by the features that the service computes itself, so that it can place a customer whom
the laboratory has never seen. The fitted `KMeans` and the centroids in the bundle are the same numbers:
placing a customer in the laboratory and online gives the same segment.

Rules of this file: the same customers and seed give the same centroids, bit for bit, on any number of threads:
scikit-learn says who belongs together, the means of the members are taken here, in order.

References: Lloyd (1982), "Least squares quantization in PCM", by scikit-learn with k-means++ starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from consumer.features.catalogue import FeatureCatalogue
from consumer.scoring.scaler import SD_MIN
from consumer.scoring.seed_bundle import SeedSegments, Transform
from consumer.scoring.seeds import transformed

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]

N_SEGMENTS: Final = 6
CUSTOMERS_A_SEGMENT_MIN: Final = 10
"""With fewer customers a segment its mean would say more about them than about anybody new."""

STARTS: Final = 4
SILHOUETTE_SAMPLE: Final = 2_000
"""The silhouette looks at all pairs: four million of them take a tenth of a second."""

SEGMENT_FEATURES: Final[dict[str, Transform]] = {
    "age_years": "identity",
    "tenure_years": "identity",
    "income_minor": "signed_log1p",
    "balance_mean": "signed_log1p",
    "debit_sum_90d": "signed_log1p",
    "credit_sum_90d": "signed_log1p",
    "cash_share": "identity",
    "holdings_count": "identity",
    "engagement_score": "identity",
}
"""What tells customers apart: demographic, behavioural and by value."""

WORDS: Final[dict[str, tuple[str, str]]] = {
    "age_years": ("younger", "older"),
    "tenure_years": ("new with the bank", "long with the bank"),
    "income_minor": ("lower income", "higher income"),
    "balance_mean": ("small balance", "large balance"),
    "debit_sum_90d": ("spends little", "spends much"),
    "credit_sum_90d": ("little comes in", "much comes in"),
    "cash_share": ("hardly any cash", "much cash"),
    "holdings_count": ("few products", "many products"),
    "engagement_score": ("seldom in touch", "often in touch"),
}
"""For each feature what far below and far above the mean of all customers is called."""

NOTABLE_SD: Final = 0.5
"""A segment whose mean is nearer than this to everybody's is not named after the feature."""

NAMED_AFTER: Final = 2
"""Features in a name."""


@dataclass(frozen=True)
class Segmentation:
    """Segments with the scikit-learn model that found them.

    segments : as the bundle holds them; fitted : its centroids are those of `segments`, in the same order
    labels : shape (n,), segment of each customer; silhouette : mean over a sample, in [-1, 1]
    """

    segments: SeedSegments
    fitted: KMeans
    labels: Int64s
    silhouette: float

    def predict(self, values: Floats, features: FeatureCatalogue) -> Int64s:
        """Return the segment that scikit-learn gives to customers by their feature values."""
        placed: Int64s = self.fitted.predict(_positions(self.segments, values, features)).astype(np.int64)
        return placed


def segmentation_of(
    values: Floats, features: FeatureCatalogue, *, n_segments: int = N_SEGMENTS, seed: int
) -> Segmentation | None:
    """Return k-means segments over `SEGMENT_FEATURES`, highest income first; None for too few customers.

    Parameters
    ----------
    values : shape (n, n_features), raw feature values of every customer
    n_segments : how many; seed : of the starts
    """
    columns = _columns(values, features)
    is_enough = len(values) >= CUSTOMERS_A_SEGMENT_MIN * n_segments
    if not is_enough or len(np.unique(columns, axis=0)) < n_segments:
        return None
    mean, sd = columns.mean(axis=0), np.maximum(columns.std(axis=0), SD_MIN)
    positions = (columns - mean) / sd
    fitted = KMeans(n_segments, n_init=STARTS, random_state=seed).fit(positions)
    _put_in_order(fitted, positions)
    labels = fitted.predict(positions).astype(np.int64)
    centroids: Floats = fitted.cluster_centers_
    segments = SeedSegments(
        feature_names=list(SEGMENT_FEATURES),
        transforms=list(SEGMENT_FEATURES.values()),
        mean=mean.tolist(),
        sd=sd.tolist(),
        centroids=centroids.tolist(),
        names=names_of(centroids),
        sizes=np.bincount(labels, minlength=n_segments).tolist(),
    )
    return Segmentation(segments, fitted, labels, _silhouette(positions, labels, seed=seed))


def names_of(centroids: Floats) -> list[str]:
    """Return what segments may be called, after the features that set them apart most; all different.

    Parameters
    ----------
    centroids : shape (k, n), in standard deviations, columns as in `SEGMENT_FEATURES`

    Examples
    --------
    >>> names_of(np.array([[0.0, 0.0, 1.4, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0] * 9, [0.1] * 9]))
    ['higher income, large balance', 'in the middle', 'in the middle (2)']
    """
    names: list[str] = []
    for centroid in centroids:
        name = _name(centroid)
        number = 1 + sum(known == name or known.startswith(f"{name} (") for known in names)
        names.append(f"{name} ({number})" if number > 1 else name)
    return names


def _name(centroid: Floats) -> str:
    features = list(SEGMENT_FEATURES)
    order = np.argsort(-np.abs(centroid), kind="stable")[:NAMED_AFTER]
    words = [
        WORDS[features[place]][int(centroid[place] > 0.0)]
        for place in order
        if abs(centroid[place]) >= NOTABLE_SD
    ]
    return ", ".join(words) or "in the middle"


def _put_in_order(fitted: KMeans, positions: Floats) -> None:
    """Give the fitted model the exact means of its members as centroids, highest income first."""
    n_segments = len(fitted.cluster_centers_)
    means = np.empty_like(fitted.cluster_centers_)
    for segment in range(n_segments):
        means[segment] = positions[fitted.labels_ == segment].mean(axis=0)
    by_income = list(SEGMENT_FEATURES).index("income_minor")
    fitted.cluster_centers_ = np.ascontiguousarray(means[np.argsort(-means[:, by_income], kind="stable")])


def _columns(values: Floats, features: FeatureCatalogue) -> Floats:
    return np.stack(
        [transformed(values[:, features.index[name]], how) for name, how in SEGMENT_FEATURES.items()], axis=1
    )


def _positions(segments: SeedSegments, values: Floats, features: FeatureCatalogue) -> Floats:
    scaled: Floats = (_columns(values, features) - np.array(segments.mean)) / np.array(segments.sd)
    return scaled


def _silhouette(positions: Floats, labels: Int64s, *, seed: int) -> float:
    size = min(SILHOUETTE_SAMPLE, len(positions))
    rows = np.random.default_rng(seed).choice(len(positions), size=size, replace=False)
    if len(np.unique(labels[rows])) < 2:
        return 0.0
    return float(silhouette_score(positions[rows], labels[rows]))
