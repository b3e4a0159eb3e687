"""Which columns belong to which family and axis, and how high each segment stands on an axis.

Rules of this file: pure; what a mapping says of a column comes before what its name suggests; identifiers,
labels and protected columns belong to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from offline.segmentation.features import SEGMENTING_ROLES, differs, is_numeric, numeric_values
from offline.segmentation.plan import Int64s
from offline.segmentation.profiles import Profiles, profiles_of
from offline.segmentation.rules import Axis, ColumnChoice, FamilyName, SegmentRules
from offline.tables.inference import words_of
from offline.tables.reading import ColumnReading


@dataclass(frozen=True, slots=True)
class AxisScores:
    """How high segments stand on one axis.

    Parameters
    ----------
    axis : its definition
    columns : names of its columns
    scores : of each segment, standard deviations of all customers from their mean
    leaders : of each segment, the column of the axis that stands out most upwards there
    profiles : of the columns
    """

    axis: Axis
    columns: tuple[str, ...]
    scores: tuple[float, ...]
    leaders: tuple[str, ...]
    profiles: Profiles


def family_of(column: ColumnReading, rules: SegmentRules) -> FamilyName | None:
    """Return the family of a column: as mapped, else by its role, else by a word of its name."""
    if not _counts(column):
        return None
    if column.mapping.family is not None:
        return column.mapping.family
    for by_role in (True, False):
        for family, choice in rules.families.items():
            if _chosen(column, choice, by_role=by_role):
                return family
    return None


def axis_columns(columns: Sequence[ColumnReading], axis: Axis, rules: SegmentRules) -> list[str]:
    """Return the names of an axis' columns."""
    found = []
    for column in columns:
        by_family = axis.family is not None and family_of(column, rules) == axis.family
        by_choice = any(_chosen(column, axis, by_role=by_role) for by_role in (True, False))
        if _counts(column) and (by_family or by_choice) and not _named_by(column, axis.without):
            found.append(column.name)
    return found


def axis_scores(
    frame: pd.DataFrame, columns: Sequence[ColumnReading], labels: Int64s, rules: SegmentRules
) -> dict[str, AxisScores]:
    """Return axis → how high each segment stands on it, for the axes that the table has columns for.

    Parameters
    ----------
    frame : a row a customer
    columns : of the table
    labels : shape (n_customers,), segments from 0 on
    rules : with the axes
    """
    found: dict[str, AxisScores] = {}
    for name, axis in rules.axes.items():
        usable = [one for one in axis_columns(columns, axis, rules) if differs(frame, one)]
        if usable:
            found[name] = _scores(frame, axis, usable, labels)
    return found


def channel_of(scores: Mapping[str, AxisScores], segment: int) -> str | None:
    """Return the contact channel that stands out most in the segment, where an axis looks for it."""
    for found in scores.values():
        if found.axis.measure == "largest":
            return found.leaders[segment]
    return None


def _scores(frame: pd.DataFrame, axis: Axis, columns: Sequence[str], labels: Int64s) -> AxisScores:
    profiles = profiles_of(frame, columns, labels)
    z = np.nan_to_num(profiles.z)
    if axis.measure == "mean":
        scores = z.mean(axis=1)
    elif axis.measure == "largest":
        scores = z.max(axis=1)
    else:
        scores = _sum_scores(frame, columns, labels)
    leaders = tuple(columns[place] for place in z.argmax(axis=1))
    return AxisScores(axis, tuple(columns), tuple(float(score) for score in scores), leaders, profiles)


def _sum_scores(frame: pd.DataFrame, columns: Sequence[str], labels: Int64s) -> np.ndarray:
    total = sum((numeric_values(frame, name) for name in columns), np.zeros(len(frame)))
    summed = profiles_of(pd.DataFrame({"sum": total}), ["sum"], labels)
    found: np.ndarray = np.nan_to_num(summed.z[:, 0])
    return found


def _counts(column: ColumnReading) -> bool:
    return column.role in SEGMENTING_ROLES and is_numeric(column)


def _chosen(column: ColumnReading, choice: ColumnChoice, *, by_role: bool) -> bool:
    if by_role:
        return column.role in choice.roles
    # A role that says something is believed; names speak only for columns without one.
    return column.role == "feature" and _named_by(column, choice.words)


def _named_by(column: ColumnReading, words: Sequence[str]) -> bool:
    return bool(words_of(column.name) & frozenset(words))
