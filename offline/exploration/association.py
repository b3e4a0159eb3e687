"""How categories go with numbers and with each other.

    correlation ratio η²   share of a number's variance that lies between the categories, in [0, 1]
    Cramér's V             √(χ² / (n · (min(r, c) − 1))), in [0, 1]; 0 for independent categories

Neither says what causes what; both grow by chance with many categories and few rows, hence the limits.

Rules of this file: pure; missing values are left out.

References
----------
H. Cramér, Mathematical Methods of Statistics, 1946, section 21.9 (V).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from offline.exploration.summary import value_name

CATEGORIES_COMPARED_MAX: Final = 12
"""More categories than this fit neither in a figure nor in a table that is read."""
CATEGORY_ROWS_MIN: Final = 5


@dataclass(frozen=True, slots=True)
class NumberByCategory:
    """A number over the categories of another column; `groups` has a row a category."""

    number: str
    category: str
    correlation_ratio: float
    groups: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Crosstab:
    """Counts of two categories, rows by columns, and Cramér's V."""

    rows: str
    columns: str
    cramers_v: float
    counts: pd.DataFrame


def comparable(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Return the columns with two to twelve categories of at least five rows each."""
    return [name for name in names if 2 <= len(_sizes(frame[name])) <= CATEGORIES_COMPARED_MAX]


def numbers_by_category(
    frame: pd.DataFrame, numbers: Sequence[str], categories: Sequence[str]
) -> list[NumberByCategory]:
    """Return each number over each category, the strongest first."""
    found = [_by_category(frame, number, category) for number in numbers for category in categories]
    return sorted(
        (item for item in found if item is not None),
        key=lambda item: (-item.correlation_ratio, item.number, item.category),
    )


def crosstabs(frame: pd.DataFrame, categories: Sequence[str]) -> list[Crosstab]:
    """Return the tables of all pairs of categories, the strongest first.

    Examples
    --------
    >>> frame = pd.DataFrame({"a": list("xxxyyy") * 2, "b": list("uuuvvv") * 2})
    >>> crosstabs(frame, ["a", "b"])[0].cramers_v
    1.0
    """
    found = [
        _crosstab(frame, first, second)
        for place, first in enumerate(categories)
        for second in categories[place + 1 :]
    ]
    return sorted(found, key=lambda table: (-table.cramers_v, table.rows, table.columns))


def _sizes(values: pd.Series) -> pd.Series:
    counts = values.value_counts()
    return counts[counts >= CATEGORY_ROWS_MIN]


def _by_category(frame: pd.DataFrame, number: str, category: str) -> NumberByCategory | None:
    kept = frame[[number, category]].dropna()
    kept = kept[kept[category].isin(_sizes(kept[category]).index)]
    values = kept[number].astype("float64")
    total = float(((values - values.mean()) ** 2).sum())
    if total == 0.0 or kept[category].nunique() < 2:
        return None
    grouped = values.groupby(kept[category], observed=True)
    groups = grouped.describe()[["count", "mean", "25%", "50%", "75%"]]
    groups.index = pd.Index([value_name(value) for value in groups.index], name=category)
    between = float((groups["count"] * (groups["mean"] - values.mean()) ** 2).sum())
    return NumberByCategory(number, category, between / total, groups)


def _crosstab(frame: pd.DataFrame, first: str, second: str) -> Crosstab:
    kept = frame[[first, second]].dropna()
    counts = pd.crosstab(kept[first], kept[second])
    counts.index = pd.Index([value_name(value) for value in counts.index], name=first)
    counts.columns = pd.Index([value_name(value) for value in counts.columns], name=second)
    return Crosstab(first, second, _cramers_v(counts.to_numpy(dtype="float64")), counts)


def _cramers_v(counts: np.ndarray) -> float:
    total = counts.sum()
    smaller = min(counts.shape) - 1
    if total == 0 or smaller < 1:
        return 0.0
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    return float(np.sqrt(chi_square / (total * smaller)))
