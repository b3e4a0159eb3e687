"""Three segmentations side by side: who customers are, what they do, what they are worth.

Rules of this file: each family by its own columns alone and with a number of segments of its own, so that
the three can be compared; a column with missing values or one value is left out, and that is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from offline.segmentation.axes import family_of
from offline.segmentation.choice import is_splintered
from offline.segmentation.comparison import agreement, crosstab
from offline.segmentation.features import differs, distinct_count, numeric_values
from offline.segmentation.kmeans import kmeans_labels
from offline.segmentation.naming import outstanding
from offline.segmentation.partition import Partition, partition_of
from offline.segmentation.plan import Floats, Int64s, SegmentationPlan
from offline.segmentation.profiles import Profiles, profiles_of
from offline.segmentation.rules import SegmentRules
from offline.segmentation.sampling import analysis_rows
from offline.segmentation.scaling import fit_scaling
from offline.segmentation.silhouette import silhouettes
from offline.segmentation.threads import repeatable_threads
from offline.tables.reading import ColumnReading
from offline.tables.table import Announce

FAMILIES: Final = ("demographic", "behavioural", "value")

FAMILY_K_MAX: Final = 6
"""A family is a view beside the segments; more parts than this nobody compares by eye."""


@dataclass(frozen=True, slots=True)
class Family:
    """One family's segments.

    Parameters
    ----------
    name : demographic | behavioural | value
    columns : that it is made of
    partition : of all customers
    silhouette : mean of the sample, for each number of segments that was tried
    profiles : of its columns
    descriptions : of each segment, what stands out
    ari : adjusted Rand index against the segments of all features
    crosstab : "segment of all features,segment of this family" → customers
    """

    name: str
    columns: tuple[str, ...]
    partition: Partition
    silhouette: Mapping[int, float]
    profiles: Profiles
    descriptions: tuple[str, ...]
    ari: float
    crosstab: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Families:
    """The families that the table has columns for, and sentences about what is not there."""

    found: tuple[Family, ...]
    notes: tuple[str, ...]


def families_of(
    frame: pd.DataFrame,
    columns: Sequence[ColumnReading],
    *,
    labels: Int64s,
    plan: SegmentationPlan,
    rules: SegmentRules,
    announce: Announce,
) -> Families:
    """Return a segmentation by each family of columns.

    Parameters
    ----------
    frame : a row a customer
    columns : of the table
    labels : shape (n_customers,), the segments by all features
    plan : for scale and seed
    rules : which columns belong to which family
    announce : told before each family
    """
    found, notes, absent = [], [], []
    for name in FAMILIES:
        own = [column.name for column in columns if family_of(column, rules) == name]
        fit = [column for column in own if _is_fit(frame, column)]
        if len(fit) < len(own):
            left = ", ".join(sorted(set(own) - set(fit)))
            notes.append(f"Not in the {name} segments, for missing values or a single value: {left}.")
        raw = np.column_stack([numeric_values(frame, column) for column in fit]) if fit else None
        if raw is None or distinct_count(raw, enough=FAMILY_K_MAX) < 2:
            absent.append(name)
            continue
        announce(f"{name} segments by {', '.join(fit)}")
        found.append(_family(name, fit, frame, raw, labels=labels, plan=plan))
    if absent:
        notes.append(f"There are no {' and no '.join(absent)} segments: the file has no column for them.")
    return Families(tuple(found), tuple(notes))


def _is_fit(frame: pd.DataFrame, column: str) -> bool:
    return not frame[column].isna().any() and differs(frame, column)


def _family(
    name: str, columns: list[str], frame: pd.DataFrame, raw: Floats, *, labels: Int64s, plan: SegmentationPlan
) -> Family:
    partition, tried = _best_partition(raw, plan)
    profiles = profiles_of(frame, columns, partition.labels)
    return Family(
        name=name,
        columns=tuple(columns),
        partition=partition,
        silhouette=tried,
        profiles=profiles,
        descriptions=tuple(outstanding(profiles, segment) for segment in range(partition.k)),
        ari=agreement(labels, partition.labels),
        crosstab=crosstab(labels, partition.labels),
    )


def _best_partition(raw: Floats, plan: SegmentationPlan) -> tuple[Partition, dict[int, float]]:
    """Return the segments of the best silhouette; the number is found on the sample, the segments on all."""
    scaled = fit_scaling(raw, plan.scale).scaled(raw)
    sample = analysis_rows(len(raw), plan.seed)
    chosen = scaled[sample]
    last = min(FAMILY_K_MAX, distinct_count(chosen, enough=FAMILY_K_MAX + 1) - 1)
    ks = range(2, max(2, last) + 1)
    with repeatable_threads():
        tried = [
            partition_of(chosen, kmeans_labels(chosen, k, sample=np.arange(len(chosen)), seed=plan.seed))
            for k in ks
        ]
        values = silhouettes(chosen, [one.labels for one in tried])
        means = {k: float(found.mean()) for k, found in zip(ks, values, strict=True) if found is not None}
        whole = [k for k in means if not is_splintered(tried[k - 2])] or list(means)
        best = max(whole, key=lambda k: (means[k], -k)) if whole else 2
        labels = kmeans_labels(scaled, best, sample=sample, seed=plan.seed)
    return partition_of(scaled, labels), means
