"""Correlations of numeric columns: Pearson for straight lines, Spearman for anything that rises or falls.

Each pair of columns is compared over the rows where both have a value. A constant has no correlation; it is
left out and named.

Rules of this file: pure. Ids are part of the matrices (a file that is ordered shows there), and of no pair:
that a row number goes with a limit says something about the file, nothing about customers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

CORRELATED_COLUMNS_MAX: Final = 200
"""A matrix of more columns is neither read nor computed in reasonable time: the first ones are taken."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two columns and how they go together."""

    first: str
    second: str
    pearson: float
    spearman: float
    rows_count: int


@dataclass(frozen=True, slots=True)
class Correlations:
    """Both matrices, symmetric with ones on the diagonal; `constant` and `beyond_limit` are left out of them."""

    pearson: pd.DataFrame
    spearman: pd.DataFrame
    constant: tuple[str, ...]
    beyond_limit: tuple[str, ...]


def correlations(frame: pd.DataFrame, names: Sequence[str]) -> Correlations:
    """Return the correlation matrices of numeric columns.

    Examples
    --------
    >>> frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 4.0, 9.0], "c": [5.0, 5.0, 5.0]})
    >>> found = correlations(frame, ["a", "b", "c"])
    >>> round(found.pearson.loc["a", "b"], 4), found.spearman.loc["a", "b"], found.constant
    (np.float64(0.9897), np.float64(1.0), ('c',))
    """
    varying = [name for name in names if _varies(frame[name])]
    taken = varying[:CORRELATED_COLUMNS_MAX]
    numbers = frame[taken].astype("float64")
    if numbers.isna().to_numpy().any():
        pearson, spearman = numbers.corr(), numbers.corr(method="spearman")
    else:
        # The same values as pandas', a hundred times faster on a million rows.
        pearson, spearman = _matrix(numbers), _matrix(numbers.rank())
    return Correlations(
        pearson,
        spearman,
        tuple(name for name in names if name not in varying),
        tuple(varying[CORRELATED_COLUMNS_MAX:]),
    )


def pairs(found: Correlations, frame: pd.DataFrame, *, without: Collection[str] = ()) -> list[Pair]:
    """Return all pairs of different columns, the strongest first by the larger of both coefficients."""
    pearson, spearman = found.pearson.to_numpy(), found.spearman.to_numpy()
    names = list(found.pearson.columns)
    present = {name: frame[name].notna().to_numpy() for name in names}
    listed = [
        Pair(
            first,
            names[column],
            float(pearson[row, column]),
            float(spearman[row, column]),
            int((present[first] & present[names[column]]).sum()),
        )
        for row, first in enumerate(names)
        for column in range(row + 1, len(names))
        if not {first, names[column]} & set(without) and np.isfinite(pearson[row, column])
    ]
    return sorted(
        listed, key=lambda pair: (-max(abs(pair.pearson), abs(pair.spearman)), pair.first, pair.second)
    )


def _varies(values: pd.Series) -> bool:
    return bool(values.min() < values.max())


def _matrix(numbers: pd.DataFrame) -> pd.DataFrame:
    if numbers.shape[1] < 2:
        return pd.DataFrame(np.ones((numbers.shape[1],) * 2), index=numbers.columns, columns=numbers.columns)
    matrix = np.corrcoef(numbers.to_numpy(), rowvar=False)
    return pd.DataFrame(matrix, index=numbers.columns, columns=numbers.columns)
