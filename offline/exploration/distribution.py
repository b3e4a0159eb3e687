"""Distributions of single columns: histogram and box plot, as numbers.

Bins: one for each whole number while these are at most 30, else by Freedman and Diaconis between 8 and 40, of
whole width where all values are whole. A tail that is longer than the rest (outside the middle 99 %) is counted
and not binned: it would press everybody into one bar.

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
MIDDLE: Final = (0.005, 0.995)
BINS_MIN: Final = 8
BINS_MAX: Final = 40


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts between edges, one edge more than counts; `is_whole` when each bin holds one whole number.

    `beyond_count` values lie outside the edges, in tails that are longer than the rest.
    """

    edges: np.ndarray
    counts: np.ndarray
    is_whole: bool
    beyond_count: int = 0


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
    shown = _without_long_tails(present)
    low, high = float(shown.min()), float(shown.max())
    beyond_count = present.size - shown.size
    if not bool(np.all(shown % 1 == 0)):
        # A constant has no width of its own; NumPy gives it one.
        counts, edges = np.histogram(shown, bins=_bins_count(shown, high - low))
        return Histogram(edges, counts, is_whole=False, beyond_count=beyond_count)
    is_whole = high - low < WHOLE_BINS_MAX
    width = 1.0 if is_whole else max(1.0, np.ceil((high - low) / _bins_count(shown, high - low)))
    edges = np.arange(low - 0.5, high + width, width)
    return Histogram(edges, np.histogram(shown, edges)[0], is_whole=is_whole, beyond_count=beyond_count)


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


def _without_long_tails(present: np.ndarray) -> np.ndarray:
    low, high = np.quantile(present, MIDDLE)
    middle = high - low
    if middle == 0:
        return present
    from_low = low if low - present.min() > middle else -np.inf
    to_high = high if present.max() - high > middle else np.inf
    kept: np.ndarray = present[(present >= from_low) & (present <= to_high)]
    return kept


def _bins_count(present: np.ndarray, span: float) -> int:
    first, third = np.quantile(present, [0.25, 0.75])
    width = 2.0 * (third - first) / np.cbrt(present.size)
    wanted = span / width if width > 0 else BINS_MAX
    return int(np.clip(np.ceil(wanted), BINS_MIN, BINS_MAX))
