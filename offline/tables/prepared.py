"""A table → the frame that is analysed: missing values and outliers treated as the mapping chose.

First missing values, then outliers, whose fences are those of the values as they then are.

Rules of this file: pure; whatever changes is said in `notes`, and what could have been treated and was not
is the reports' business (`missing_report`, `outlier_report`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from offline.tables.mapping import MissingTreatment
from offline.tables.missing import without_missing
from offline.tables.outliers import without_outliers
from offline.tables.table import Table


@dataclass(frozen=True, slots=True)
class Prepared:
    """The treated frame, its index naming the rows of the table, and the sentences that say what was done."""

    frame: pd.DataFrame
    notes: tuple[str, ...]


def prepared(
    table: Table,
    *,
    columns: Sequence[str] | None = None,
    when_missing: Mapping[str, MissingTreatment] | None = None,
) -> Prepared:
    """Return the table's columns with missing values and outliers treated.

    Parameters
    ----------
    columns : whose treatments are applied; all when None. Other columns come along untreated.
    when_missing : column → treatment in place of the mapping's, for methods that cannot keep missing values

    Raises
    ------
    ConfigurationError : a column has no value that could stand in, or no row is left
    """
    chosen = {
        column.name: column.mapping
        for column in table.reading.columns
        if columns is None or column.name in columns
    }
    treatments = {name: mapping.when_missing for name, mapping in chosen.items()} | dict(when_missing or {})
    filled = without_missing(table.frame, treatments)
    numeric = {column.name for column in table.reading.columns if column.is_numeric}
    treated = without_outliers(filled.frame, {name: how for name, how in chosen.items() if name in numeric})
    return Prepared(treated.frame, (*filled.notes, *treated.notes))
