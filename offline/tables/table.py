"""A file of customers → a `Table`: typed columns, and a summary of what was read.

Rules of this file: the story of reading; every error is one `ConfigurationError` sentence with file, and with
column, row and value where there is one.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from consumer.vocabulary.errors import ConfigurationError
from offline.tables.columns import Raw, Typed, typed
from offline.tables.csv_file import csv_header, read_csv
from offline.tables.inference import Seen, inferred_roles
from offline.tables.mapping import ColumnMapping, Role, TableMapping
from offline.tables.reading import ColumnReading, Reading

PARQUET_SUFFIXES: Final = frozenset({".parquet", ".pq"})
COLUMNS_MAX: Final = 5_000
"""Wider files are matrices, not tables of customers with columns that somebody can name."""

Announce = Callable[[str], None]
"""Told the step of a long work that begins."""


def silent(step: str) -> None:
    """Announce nothing."""


@dataclass(frozen=True, slots=True)
class Table:
    """Typed columns of customers.

    Numbers are float64, whole numbers int64 (float64 where values are missing), flags 0 and 1, dates
    datetime64, categories `category`, other texts `str`. Rows stand as in the file; missing is missing.
    """

    frame: pd.DataFrame
    reading: Reading
    mapping: TableMapping
    id_column: str | None

    def names(self, *roles: Role, numeric_only: bool = False) -> list[str]:
        """Return the names of the columns with one of the roles (of all when none is given), in file order."""
        return [
            column.name
            for column in self.reading.columns
            if (not roles or column.role in roles) and (column.is_numeric or not numeric_only)
        ]

    def name_of(self, wanted: str) -> str:
        """Return the column's name for its name or its name in the file.

        Raises
        ------
        ConfigurationError : there is no such column; names those that are near
        """
        for column in self.reading.columns:
            if wanted in {column.name, column.source}:
                return column.name
        raise _unknown_column(self.reading.file, wanted, self.names())


def read_table(
    file: Path,
    mapping: TableMapping | None = None,
    *,
    columns: Sequence[str] | None = None,
    announce: Announce = silent,
) -> Table:
    """Return the typed columns of a CSV or Parquet file.

    Parameters
    ----------
    mapping : what the columns mean; inferred from names and values where it says nothing
    columns : names (of the mapping or of the file) to read, the id besides; all when None
    announce : told each step

    Raises
    ------
    ConfigurationError
        the file is not there, empty, not a table, not of its encoding, or a cell is not of its column's type
    """
    mapping_or_default = mapping or TableMapping(name=file.stem)
    announce(f"reading {file.name}")
    cells, names = _cells(file, mapping_or_default, columns)
    announce("typing the columns")
    found: dict[str, tuple[ColumnMapping, Typed]] = {}
    for source in cells.column_names:
        raw = _raw(file, source, cells.column(source), mapping_or_default)
        found[source] = (raw.mapping, typed(raw))
        cells = cells.drop_columns([source])
    readings = _readings(found, mapping_or_default)
    _require_values(file, readings)
    reading = Reading(
        file=file.name,
        mapping_name=mapping.name if mapping else None,
        rows_count=readings[0].rows_count,
        bytes_count=file.stat().st_size,
        columns=readings,
        left_out=tuple(name for name in names if name not in found),
    )
    frame = pd.DataFrame({column.name: found[column.source][1].series for column in readings})
    return Table(frame, reading, mapping_or_default, _id_of(file, readings, frame))


def _cells(file: Path, mapping: TableMapping, columns: Sequence[str] | None) -> tuple[pa.Table, list[str]]:
    try:
        if file.stat().st_size == 0:
            raise ConfigurationError(f"{file} is empty: it has no header and no rows")
        if file.suffix.lower() in PARQUET_SUFFIXES:
            names = list(parquet.read_schema(file).names)
            cells = parquet.read_table(file, columns=_wanted(file, names, mapping, columns))
            if cells.num_rows == 0:
                raise ConfigurationError(f"{file} has columns and no rows")
        else:
            names = list(csv_header(file, mapping.format))
            cells = read_csv(file, mapping.format, _wanted(file, names, mapping, columns))
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror or error}") from error
    except pa.ArrowInvalid as error:
        raise ConfigurationError(f"{file} is no Parquet file: {error}") from error
    return cells, names


def _wanted(
    file: Path, names: Sequence[str], mapping: TableMapping, columns: Sequence[str] | None
) -> list[str]:
    if len(names) > COLUMNS_MAX:
        raise ConfigurationError(
            f"{file} has {len(names):,} columns, more than the {COLUMNS_MAX:,} that are read"
        )
    for source in mapping.columns:
        if source not in names:
            raise _unknown_column(file.name, source, names, by=f"the mapping {mapping.name}")
    kept = [name for name in names if _column(mapping, name).role != "ignore"]
    _require_distinct(file, kept, mapping)
    if columns is None:
        return kept
    called = {_column(mapping, name).name or name: name for name in names}
    asked = {called.get(column, column) for column in columns}
    for source in asked - set(names):
        raise _unknown_column(file.name, source, sorted(called))
    return [name for name in names if name in asked or _column(mapping, name).role == "id"]


def _require_distinct(file: Path, sources: Sequence[str], mapping: TableMapping) -> None:
    called: dict[str, str] = {}
    for source in sources:
        name = _column(mapping, source).name or source
        if name in called:
            raise ConfigurationError(f"{file.name}: {called[name]!r} and {source!r} are both called {name!r}")
        called[name] = source


def _column(mapping: TableMapping, source: str) -> ColumnMapping:
    return mapping.columns.get(source, ColumnMapping())


def _raw(file: Path, source: str, cells: Any, mapping: TableMapping) -> Raw:
    column = _column(mapping, source)
    markers = tuple(dict.fromkeys((*mapping.missing, *column.missing)))
    return Raw(file.name, source, cells, column, markers, mapping.format, mapping.strip)


def _readings(
    found: dict[str, tuple[ColumnMapping, Typed]], mapping: TableMapping
) -> tuple[ColumnReading, ...]:
    has_id = any(column.role == "id" for column in mapping.columns.values())
    inferred = inferred_roles(
        {
            source: Seen(found_type.type, int(found_type.series.nunique()), len(found_type.series))
            for source, (column, found_type) in found.items()
            if source not in mapping.columns
        }
    )
    return tuple(
        replace(
            _reading(source, column, values),
            role=_role(column.role, inferred.get(source), has_id=has_id),
            is_role_inferred=source in inferred,
        )
        for source, (column, values) in found.items()
    )


def _role(mapped: Role | None, inferred: Role | None, *, has_id: bool) -> Role:
    if mapped is not None:
        return mapped
    if inferred is None:
        return "feature"
    return "key" if has_id and inferred == "id" else inferred


def _reading(source: str, column: ColumnMapping, found: Typed) -> ColumnReading:
    plain = ColumnReading(
        source=source,
        name=column.name or source,
        role="feature",
        type=found.type,
        mapping=column,
        rows_count=len(found.series),
        missing_count=int(found.series.isna().sum()),
        padded_count=found.padded_count,
        markers=found.markers,
        renamed=found.renamed,
        is_type_inferred=column.type is None,
    )
    return replace(
        plain,
        odd_values=_odd_values(column, found.series),
        outside_count=_outside_count(column, found.series) if plain.is_numeric else 0,
    )


def _odd_values(column: ColumnMapping, values: pd.Series) -> dict[str, int]:
    if column.documented is None:
        return {}
    texts = values.dropna().astype(str)
    counts = texts[~texts.isin(column.documented)].value_counts()
    return {str(code): int(count) for code, count in counts.items()}


def _outside_count(column: ColumnMapping, values: pd.Series) -> int:
    low = -float("inf") if column.minimum is None else column.minimum
    high = float("inf") if column.maximum is None else column.maximum
    return int(((values < low) | (values > high)).sum())


def _require_values(file: Path, readings: Sequence[ColumnReading]) -> None:
    if not readings:
        raise ConfigurationError(f"{file}: every column is left out (role: ignore)")
    carrying = [column for column in readings if column.role not in {"id", "key"}]
    if carrying and all(column.missing_count == column.rows_count for column in carrying):
        raise ConfigurationError(
            f"{file} holds no value: all {carrying[0].rows_count:,} rows of its {len(carrying)} columns are missing"
        )


def _id_of(file: Path, readings: Sequence[ColumnReading], frame: pd.DataFrame) -> str | None:
    named = next((column for column in readings if column.role == "id"), None)
    if named is None:
        return None
    if named.missing_count:
        row = int(frame[named.name].isna().to_numpy().argmax())
        raise ConfigurationError(f"{file.name}, column {named.source!r}, row {row + 1:,}: the id is missing")
    return named.name


def _unknown_column(file: str, wanted: str, names: Iterable[str], by: str = "") -> ConfigurationError:
    near = difflib.get_close_matches(wanted, list(names), n=3)
    hint = f"; near are {', '.join(map(repr, near))}" if near else f"; it has {', '.join(map(repr, names))}"
    named = f" named by {by}" if by else ""
    return ConfigurationError(f"{file} has no column {wanted!r}{named}{hint}")
