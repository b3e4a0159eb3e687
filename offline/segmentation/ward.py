"""Ward's hierarchy: customers merged step by step, each step costing as little inertia as it can.

Rules of this file: no random choice; the tree is built on the sample; customers outside it go to the
nearest centre of the cut.

Theory: a merge of segments a and b adds n_a n_b / (n_a + n_b) x |centre_a - centre_b|² to the inertia;
its height in the dendrogram is the square root of twice that. The cophenetic correlation compares the
height at which two customers meet with their distance: 1 would be a tree that keeps all distances.

References: Ward (1963); Sokal & Rohlf (1962) for the cophenetic correlation; both by SciPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.cluster.hierarchy import cophenet, fcluster, linkage  # type: ignore[import-untyped]  # no types
from scipy.spatial.distance import pdist  # type: ignore[import-untyped]  # no types
from sklearn.metrics import adjusted_rand_score

from offline.segmentation.partition import centres_of, nearest, partition_of
from offline.segmentation.plan import Floats, Int64s
from offline.segmentation.sampling import sample_rows
from offline.segmentation.silhouette import silhouettes

LINKAGES: Final = ("ward", "complete", "average", "single")

LINKAGE_ROWS_MAX: Final = 2_000
"""Customers that the four linkages are compared on; it is a side remark and may not cost minutes."""


@dataclass(frozen=True, slots=True)
class LinkageFit:
    """How one way of merging does at the chosen number of segments.

    Parameters
    ----------
    sizes : customers of each segment, falling
    silhouette : mean, or None with one segment
    cophenetic : correlation of tree heights and distances; None where all distances are equal
    ari : adjusted Rand index against the segments of k-means
    """

    sizes: tuple[int, ...]
    silhouette: float | None
    cophenetic: float | None
    ari: float


def ward_tree(sample: Floats) -> Floats:
    """Return SciPy's table of merges, shape (n_sample - 1, 4); column 2 is the height of the merge."""
    tree: Floats = linkage(sample, "ward")
    return tree


def ward_labels(tree: Floats, k: int, *, scaled: Floats, sample: Int64s) -> Int64s:
    """Return everybody's segment when the tree is cut into `k`, shape (n_customers,).

    Parameters
    ----------
    tree : of the sample
    k : segments; ties in height may give fewer
    scaled : shape (n_customers, n_features)
    sample : rows of `scaled` that the tree was built on
    """
    cut = np.asarray(fcluster(tree, k, criterion="maxclust"), dtype=np.int64) - 1
    if len(sample) == len(scaled):
        return cut
    labels = nearest(scaled, centres_of(scaled[sample], cut, int(cut.max()) + 1))
    labels[sample] = cut
    return labels


def linkage_fits(scaled: Floats, reference: Int64s, k: int, seed: int) -> Mapping[str, LinkageFit]:
    """Return how Ward and three other ways of merging do, on at most 2,000 customers.

    Parameters
    ----------
    scaled : shape (n_customers, n_features)
    reference : shape (n_customers,), the segments that agreement is measured against
    k : segments to cut each tree into
    seed : of the sample
    """
    rows = sample_rows(len(scaled), LINKAGE_ROWS_MAX, seed)
    chosen, distances = scaled[rows], pdist(scaled[rows])
    return {kind: _linkage_fit(kind, chosen, distances, reference=reference[rows], k=k) for kind in LINKAGES}


def _linkage_fit(kind: str, chosen: Floats, distances: Floats, *, reference: Int64s, k: int) -> LinkageFit:
    tree = linkage(distances, kind)
    partition = partition_of(chosen, np.asarray(fcluster(tree, k, criterion="maxclust"), dtype=np.int64))
    values = silhouettes(chosen, [partition.labels])[0]
    return LinkageFit(
        sizes=tuple(partition.sizes.tolist()),
        silhouette=None if values is None else float(values.mean()),
        cophenetic=_correlation(cophenet(tree), distances),
        ari=float(adjusted_rand_score(reference, partition.labels)),
    )


def _correlation(heights: Floats, distances: Floats) -> float | None:
    apart, wide = heights - heights.mean(), distances - distances.mean()
    scale = float(np.sqrt(np.square(apart).sum() * np.square(wide).sum()))
    return float((apart * wide).sum()) / scale if scale > 0 else None
