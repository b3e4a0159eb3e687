"""Which columns make the segments, and their numbers as one matrix.

Rules of this file: every refusal is one sentence that names the column and the way on; identifiers and
protected columns never make segments; nothing is filled in here, that is chosen in the mapping.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from consumer.vocabulary.errors import ConfigurationError
from offline.segmentation.plan import Floats
from offline.tables.reading import ColumnReading
from offline.tables.table import Table

NUMERIC_TYPES = frozenset({"number", "integer", "flag"})
TWIN_CORRELATION = 0.95
SEGMENTING_ROLES = frozenset({"feature", "contact_channel", "value"})
"""Columns that make segments when nobody names any."""


def chosen_features(table: Table, asked: Sequence[str] | None) -> list[str]:
    """Return the names of the columns to segment by.

    Parameters
    ----------
    asked : names as a person wrote them, of the mapping or of the file; None for all that are fit

    Raises
    ------
    ConfigurationError : one is unknown, named twice, an identifier, protected or no number; or none is fit
    """
    if asked is None:
        return _fit_columns(table)
    names: list[str] = []
    for wanted in asked:
        name = table.name_of(wanted)
        if name in names:
            raise ConfigurationError(f"--features names {wanted!r} twice")
        _require_fit(table, name)
        names.append(name)
    if not names:
        raise ConfigurationError(f"--features is empty: {_fit_sentence(table)}")
    return names


def feature_matrix(frame: pd.DataFrame, names: Sequence[str], file: str) -> Floats:
    """Return the features' numbers, shape (n_customers, n_features).

    Raises
    ------
    ConfigurationError : a value is missing or not finite, or a feature is constant
    """
    if frame.empty:
        raise ConfigurationError(f"{file}: no customer is left after rows with missing values were dropped")
    columns = [_numbers(frame, name, file) for name in names]
    return np.column_stack(columns)


def distinct_count(raw: Floats, enough: int) -> int:
    """Return how many customers differ in some feature; counting stops being exact above `enough`.

    Examples
    --------
    >>> distinct_count(np.array([[1.0], [1.0], [2.0]]), enough=100)
    2
    """
    first = len(np.unique(raw[: 10 * enough], axis=0))
    return first if first > enough else len(np.unique(raw, axis=0))


def twins(raw: Floats, names: Sequence[str]) -> list[str]:
    """Return a sentence about each pair of features that say nearly the same, and so count nearly twice."""
    correlations = np.atleast_2d(np.corrcoef(raw, rowvar=False))
    return [
        f"{names[one]} and {names[other]} correlate {correlations[one, other]:.3f}: what they share counts "
        f"nearly twice in every distance."
        for one in range(len(names))
        for other in range(one + 1, len(names))
        if abs(correlations[one, other]) >= TWIN_CORRELATION
    ]


def is_numeric(column: ColumnReading) -> bool:
    """Whether distances can be taken in the column; flags count as 0 and 1."""
    return column.type in NUMERIC_TYPES


def numeric_values(frame: pd.DataFrame, name: str) -> Floats:
    """Return a column's numbers, missing ones as NaN."""
    return frame[name].to_numpy(dtype=np.float64, na_value=np.nan)


def differs(frame: pd.DataFrame, name: str) -> bool:
    """Whether a column has at least two different numbers."""
    values = numeric_values(frame, name)
    known = values[~np.isnan(values)]
    return len(known) > 0 and bool(known.min() < known.max())


def _numbers(frame: pd.DataFrame, name: str, file: str) -> Floats:
    values = numeric_values(frame, name)
    missing = int(np.isnan(values).sum())
    if missing:
        raise ConfigurationError(
            f"{file}, column {name!r}: {missing:,} of {len(values):,} values are missing, the first in row "
            f"{_row(frame, np.isnan(values)):,}; choose when_missing (drop, median, mode or indicator) for it in "
            f"the mapping, or leave it out of --features"
        )
    if not np.isfinite(values).all():
        row = _row(frame, ~np.isfinite(values))
        raise ConfigurationError(f"{file}, column {name!r}, row {row:,}: the value is not finite")
    if values.min() == values.max():
        raise ConfigurationError(
            f"{file}, column {name!r}: every customer has the value {values[0]:,g}, which tells no customer "
            f"from another; leave it out of --features"
        )
    return values


def _row(frame: pd.DataFrame, where: np.ndarray) -> int:
    return int(frame.index[int(where.argmax())]) + 1


def left_out(table: Table, features: Sequence[str]) -> list[str]:
    """Return a sentence about numbers that would make segments if they were not the same for everybody."""
    names = [
        column.name
        for column in table.reading.columns
        if column.role in SEGMENTING_ROLES and is_numeric(column) and column.name not in features
    ]
    return [f"Not among the features, for a single value: {', '.join(names)}."] if names else []


def _fit_columns(table: Table) -> list[str]:
    names = [
        column.name
        for column in table.reading.columns
        if column.role in SEGMENTING_ROLES and is_numeric(column) and differs(table.frame, column.name)
    ]
    if not names:
        raise ConfigurationError(
            f"{table.reading.file}: no column can make segments, which takes numbers or flags that differ; "
            f"it has {', '.join(repr(column.name) for column in table.reading.columns)}"
        )
    return names


def _require_fit(table: Table, name: str) -> None:
    column = table.reading.column(name)
    reasons = {
        "id": "it identifies customers",
        "key": "it identifies customers",
        "protected": "it is protected: it may be used to measure fairness and never to treat customers differently",
    }
    reason = reasons.get(column.role)
    if reason is None and not is_numeric(column):
        reason = f"it is a {column.type}, and distances need numbers or flags"
    if reason is not None:
        raise ConfigurationError(
            f"{table.reading.file}, column {column.source!r} cannot make segments: {reason}; {_fit_sentence(table)}"
        )


def _fit_sentence(table: Table) -> str:
    names = [
        column.name
        for column in table.reading.columns
        if column.role in SEGMENTING_ROLES and is_numeric(column)
    ]
    return f"columns that can are {', '.join(map(repr, names))}" if names else "no column of the file can"
