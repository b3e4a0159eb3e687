"""Missing values: where they are, which are missing together, and what is done with them.

Treatments, chosen per column by the mapping and never by themselves:
    keep       they stay missing
    drop       rows without the value are left out
    median     the column's median stands in (numbers, flags)
    mode       the most frequent value stands in; of several the smallest
    indicator  a further column `<name>_missing` of 0 and 1, and the median (mode for texts) stands in

Rules of this file: pure; each treatment returns a sentence with its numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from consumer.vocabulary.errors import ConfigurationError
from offline.reporting.numbers import spoken_number
from offline.tables.mapping import MissingTreatment
from offline.tables.table import Table


@dataclass(frozen=True, slots=True)
class MissingColumn:
    """Missing values of one column; `markers` as they stood in the file, with their cells."""

    name: str
    missing_count: int
    missing_share: float
    markers: Mapping[str, int]
    treatment: MissingTreatment


@dataclass(frozen=True, slots=True)
class MissingTogether:
    """Columns that are missing in exactly the same rows: a part of the record that was not there."""

    names: tuple[str, ...]
    rows_count: int

    def sentence(self) -> str:
        """Return the group in one sentence."""
        return (
            f"{len(self.names)} columns are missing in the same {self.rows_count:,} rows: "
            f"{', '.join(self.names)}."
        )


@dataclass(frozen=True, slots=True)
class MissingReport:
    """All columns with missing values, the most missing first, and the groups that are missing together."""

    rows_count: int
    cells_count: int
    complete_rows_count: int
    columns: tuple[MissingColumn, ...]
    together: tuple[MissingTogether, ...]

    def sentences(self) -> list[str]:
        """Return what the report says, with its numbers."""
        if not self.columns:
            return [f"No value is missing in {self.rows_count:,} rows."]
        first = (
            f"{self.cells_count:,} values are missing in {len(self.columns)} columns; "
            f"{self.complete_rows_count:,} of {self.rows_count:,} rows are complete."
        )
        empty = [column.name for column in self.columns if column.missing_count == self.rows_count]
        return [
            first,
            *(f"{name} holds no value at all." for name in empty),
            *(group.sentence() for group in self.together),
        ]


def missing_report(table: Table) -> MissingReport:
    """Return where values are missing."""
    frame = table.frame
    holes = {column.name: frame[column.name].isna().to_numpy() for column in table.reading.columns}
    columns = [
        MissingColumn(
            column.name,
            column.missing_count,
            column.missing_share,
            column.markers,
            column.mapping.when_missing,
        )
        for column in table.reading.columns
        if column.missing_count
    ]
    any_hole = np.logical_or.reduce(list(holes.values()))
    return MissingReport(
        rows_count=len(frame),
        cells_count=sum(column.missing_count for column in columns),
        complete_rows_count=int(len(frame) - any_hole.sum()),
        columns=tuple(sorted(columns, key=lambda column: -column.missing_count)),
        together=tuple(_together(holes)),
    )


def _together(holes: Mapping[str, np.ndarray]) -> list[MissingTogether]:
    groups: defaultdict[bytes, list[str]] = defaultdict(list)
    for name, hole in holes.items():
        if hole.any() and not hole.all():
            groups[np.packbits(hole).tobytes()].append(name)
    return [
        MissingTogether(tuple(names), int(holes[names[0]].sum()))
        for names in groups.values()
        if len(names) > 1
    ]


@dataclass(frozen=True, slots=True)
class Treated:
    """A frame after a treatment, and the sentences that say what was done."""

    frame: pd.DataFrame
    notes: tuple[str, ...]


def without_missing(frame: pd.DataFrame, treatments: Mapping[str, MissingTreatment]) -> Treated:
    """Return the frame with each column's missing values treated as chosen; rows are dropped last.

    Parameters
    ----------
    treatments : column → treatment; columns that are not named keep their missing values

    Raises
    ------
    ConfigurationError : a value has to stand in and the column has none, or no row would be left

    Examples
    --------
    >>> frame = pd.DataFrame({"income": [1.0, None, 5.0]})
    >>> treated = without_missing(frame, {"income": "indicator"})
    >>> treated.frame["income"].tolist(), treated.frame["income_missing"].tolist()
    ([1.0, 3.0, 5.0], [0, 1, 0])
    """
    treated = frame.copy(deep=False)
    notes = []
    dropped_by = [name for name, how in treatments.items() if how == "drop" and frame[name].hasnans]
    for name, how in treatments.items():
        if how in {"median", "mode", "indicator"} and frame[name].hasnans:
            notes.append(_fill(treated, name, how))
    if dropped_by:
        treated, note = _dropped(treated, dropped_by)
        notes.append(note)
    return Treated(treated, tuple(notes))


def _fill(frame: pd.DataFrame, name: str, how: MissingTreatment) -> str:
    column = frame[name]
    count = int(column.isna().sum())
    if count == len(column):
        raise ConfigurationError(f"column {name!r} holds no value, so none can stand in for the missing ones")
    is_numeric = pd.api.types.is_numeric_dtype(column)
    by_median = is_numeric and how != "mode"
    value = column.median() if by_median else column.mode().iloc[0]
    if how == "indicator":
        if f"{name}_missing" in frame:
            raise ConfigurationError(
                f"column {f'{name}_missing'!r} is already there, so it cannot say where {name!r} is missing"
            )
        frame[f"{name}_missing"] = column.isna().astype("int64")
    frame[name] = column.fillna(value)
    shown = spoken_number(float(value)) if is_numeric else repr(str(value))
    also = f"; {name}_missing says where" if how == "indicator" else ""
    return f"{name}: the {'median' if by_median else 'mode'} {shown} stands in for {count:,} missing values{also}."


def _dropped(frame: pd.DataFrame, names: Sequence[str]) -> tuple[pd.DataFrame, str]:
    kept = frame.dropna(subset=list(names))
    listed = ", ".join(names)
    if kept.empty:
        raise ConfigurationError(f"no row has a value in each of {listed}: dropping rows leaves none")
    gone = len(frame) - len(kept)
    return kept, f"{gone:,} of {len(frame):,} rows were left out, which have no value in {listed}."
