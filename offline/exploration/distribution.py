"""Distributions of single columns: histogram and box plot, as numbers.

Bins: one for each whole number while these are at most 30, else by Freedman and Diaconis between 8 and 40.

Rules of this file: pure; bins are half-open, the last one closed; missing values are left out.

References
----------
D. Freedman, P. Diaconis, On the histogram as a density estimator, 1981.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from offline.tables.mapping import BOX_PLOT_LIMIT
from offline.tables.outliers import fence

WHOLE_BINS_MAX: Final = 30
BINS_MIN: Final = 8
BINS_MAX: Final = 40


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts between edges, one edge more than counts; `is_whole` when each bin holds one whole number."""

    edges: np.ndarray
    counts: np.ndarray
    is_whole: bool


@dataclass(frozen=True, slots=True)
class BoxPlot:
    """Quartiles, whiskers (the outermost values within the fences) and the values beyond them."""

    low_whisker: float
    first_quartile: float
    median: float
    third_quartile: float
    high_whisker: float
    outside_count: int
    outside: np.ndarray


@dataclass(frozen=True, slots=True)
class Distribution:
    """One numeric column."""

    name: str
    histogram: Histogram
    box_plot: BoxPlot


def distribution(values: pd.Series) -> Distribution | None:
    """Return histogram and box plot of a numeric column; None when it holds no value."""
    present = values.dropna().to_numpy(dtype="float64")
    if present.size == 0:
        return None
    return Distribution(str(values.name), histogram(present), box_plot(present))


def histogram(present: np.ndarray) -> Histogram:
    """Return the histogram of values without missing ones.

    Examples
    --------
    >>> histogram(np.array([1.0, 2.0, 2.0])).counts
    array([1, 2])
    """
    low, high = float(present.min()), float(present.max())
    if high - low < WHOLE_BINS_MAX and bool(np.all(present % 1 == 0)):
        edges = np.arange(low - 0.5, high + 1.0, 1.0)
        return Histogram(edges, np.histogram(present, edges)[0], is_whole=True)
    # A constant has no width of its own; NumPy gives it one.
    counts, edges = np.histogram(present, bins=_bins_count(present, high - low))
    return Histogram(edges, counts, is_whole=False)


def box_plot(present: np.ndarray) -> BoxPlot:
    """Return the box plot of values without missing ones, with fences of 1.5 interquartile ranges."""
    values = pd.Series(present)
    limits = fence(values, "box_plot", BOX_PLOT_LIMIT)
    outside = limits.outside(values)
    inside = present[~outside]
    first, median, third = np.quantile(present, [0.25, 0.5, 0.75])
    return BoxPlot(
        low_whisker=float(inside.min()),
        first_quartile=float(first),
        median=float(median),
        third_quartile=float(third),
        high_whisker=float(inside.max()),
        outside_count=int(outside.sum()),
        outside=np.unique(present[outside]),
    )


def _bins_count(present: np.ndarray, span: float) -> int:
    first, third = np.quantile(present, [0.25, 0.75])
    width = 2.0 * (third - first) / np.cbrt(present.size)
    wanted = span / width if width > 0 else BINS_MAX
    return int(np.clip(np.ceil(wanted), BINS_MIN, BINS_MAX))
