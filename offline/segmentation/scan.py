"""Every number of segments that was tried, with what speaks for it and against it.

Rules of this file: the scan is by k-means over all customers; the mixture's BIC stands beside it where
the mixture is wanted; silhouettes and stability are of the sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offline.segmentation.criteria import calinski_harabasz, davies_bouldin
from offline.segmentation.kmeans import kmeans_labels
from offline.segmentation.mixture import Mixture, fit_mixture
from offline.segmentation.partition import Partition, partition_of
from offline.segmentation.plan import Floats, Int64s
from offline.segmentation.silhouette import silhouettes
from offline.segmentation.stability import Stability, stability_of
from offline.tables.table import Announce


@dataclass(frozen=True, slots=True)
class Tried:
    """One number of segments.

    Parameters
    ----------
    k : asked for
    partition : of all customers, by k-means
    silhouette : mean of the sample, higher is better; None for one segment
    calinski_harabasz : higher is better; None where undefined
    davies_bouldin : lower is better; None where undefined
    mixture : of the sample; None where no mixture is wanted
    stability : None for one segment, or where it was not asked for
    """

    k: int
    partition: Partition
    silhouette: float | None
    calinski_harabasz: float | None
    davies_bouldin: float | None
    mixture: Mixture | None
    stability: Stability | None


def scan(
    scaled: Floats, ks: Sequence[int], *, sample: Int64s, seed: int, with_mixture: bool, announce: Announce
) -> list[Tried]:
    """Return what each number of segments gives, in the order of `ks`.

    Parameters
    ----------
    scaled : shape (n_customers, n_features)
    ks : numbers of segments
    sample : rows for silhouettes, mixture and stability
    seed : of all starts and draws
    with_mixture : whether the mixture is fitted at each k
    announce : told before each step
    """
    partitions = []
    for k in ks:
        announce(f"k-means with {k} segments over {len(scaled):,} customers")
        partitions.append(partition_of(scaled, kmeans_labels(scaled, k, sample=sample, seed=seed)))
    announce(f"silhouettes of {len(sample):,} customers")
    chosen = scaled[sample]
    of_sample = [partition.labels[sample] for partition in partitions]
    values = silhouettes(chosen, of_sample)
    tried = []
    for k, partition, labels, silhouette in zip(ks, partitions, of_sample, values, strict=True):
        announce(f"stability{' and mixture' if with_mixture else ''} with {k} segments")
        tried.append(
            Tried(
                k=k,
                partition=partition,
                silhouette=None if silhouette is None else float(silhouette.mean()),
                calinski_harabasz=calinski_harabasz(scaled, partition),
                davies_bouldin=davies_bouldin(scaled, partition),
                mixture=fit_mixture(chosen, k, seed) if with_mixture else None,
                stability=None if silhouette is None else stability_of(chosen, labels, seed),
            )
        )
    return tried
