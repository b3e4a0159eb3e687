"""Summary statistics: numbers by moments and quartiles, categories by counts, keys by repetition.

Definitions, so that another tool gives the same digits: standard deviation of a sample (n − 1), quartiles
interpolated linearly, skewness adjusted for bias (G1 of Joanes and Gill), missing values left out.

Rules of this file: pure.

References
----------
D. N. Joanes, C. A. Gill, Comparing measures of sample skewness and kurtosis, 1998, equation for G1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from offline.tables.table import Table

STATISTICS: Final = ("count", "mean", "std", "min", "25%", "50%", "75%", "max", "skew")
CATEGORIES_SHOWN_MAX: Final = 20
REPEATED_KEYS_SHOWN_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class CategorySummary:
    """How often each value of a column occurs, the most frequent first; `others_count` is what is not shown."""

    name: str
    distinct_count: int
    counts: Mapping[str, int]
    others_count: int

    @property
    def values_count(self) -> int:
        """Cells with a value."""
        return sum(self.counts.values()) + self.others_count


@dataclass(frozen=True, slots=True)
class RepeatedKeys:
    """Values of an id or key that occur more than once; at most the first 20 are listed."""

    name: str
    values_count: int
    rows_count: int
    repeated: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """All of it: `numbers` has a row a column and the statistics as columns."""

    numbers: pd.DataFrame
    categories: tuple[CategorySummary, ...]
    dates: Mapping[str, tuple[str, str]]
    repeated_keys: tuple[RepeatedKeys, ...]
    repeated_rows_count: int
    constant: tuple[str, ...]


def summarised(table: Table) -> Summary:
    """Return the summary of every column of a table."""
    frame, columns = table.frame, table.reading.columns
    keys = table.names("id", "key")
    categorical = [column.name for column in columns if column.type in {"category", "flag"}]
    return Summary(
        numbers=number_summary(frame, table.names(numeric_only=True)),
        categories=tuple(category_summary(frame[name]) for name in categorical),
        dates={column.name: _span(frame[column.name]) for column in columns if column.type == "date"},
        repeated_keys=tuple(filter(None, (_repeated(frame[name]) for name in keys))),
        repeated_rows_count=int(frame.drop(columns=keys).duplicated().sum()),
        constant=tuple(
            column.name for column in columns if column.name not in keys and _is_constant(frame[column.name])
        ),
    )


def number_summary(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the statistics of numeric columns, one row a column.

    Examples
    --------
    >>> number_summary(pd.DataFrame({"visits": [1, 2, 6]}), ["visits"]).loc["visits", ["mean", "50%"]].tolist()
    [3.0, 2.0]
    """
    if not names:
        return pd.DataFrame(columns=list(STATISTICS), index=pd.Index([], name="column"), dtype="float64")
    numbers = frame[list(names)].astype("float64")
    described = numbers.describe().T
    described["skew"] = numbers.skew()
    described.index.name = "column"
    return described[list(STATISTICS)]


def category_summary(values: pd.Series) -> CategorySummary:
    """Return the counts of the values that occur, the 20 most frequent by name."""
    counts = values.value_counts()
    counts = counts[counts > 0]
    shown = counts.head(CATEGORIES_SHOWN_MAX)
    return CategorySummary(
        name=str(values.name),
        distinct_count=len(counts),
        counts={value_name(value): int(count) for value, count in shown.items()},
        others_count=int(counts.sum() - shown.sum()),
    )


def _is_constant(values: pd.Series) -> bool:
    present = values.dropna()
    return len(present) > 0 and bool((present == present.iloc[0]).all())


def value_name(value: object) -> str:
    """Return the value of a category as people write it: a flag with missing values is a float, and still 1.

    Examples
    --------
    >>> value_name(1.0), value_name("KHE")
    ('1', 'KHE')
    """
    return f"{value:g}" if isinstance(value, float) else str(value)


def _span(dates: pd.Series) -> tuple[str, str]:
    present = dates.dropna()
    return (str(present.min().date()), str(present.max().date())) if len(present) else ("", "")


def _repeated(keys: pd.Series) -> RepeatedKeys | None:
    counts = keys.value_counts()
    repeated = counts[counts > 1].sort_index()
    if repeated.empty:
        return None
    values = tuple(repeated.index[:REPEATED_KEYS_SHOWN_MAX].tolist())
    return RepeatedKeys(str(keys.name), len(repeated), int(repeated.sum()), values)
