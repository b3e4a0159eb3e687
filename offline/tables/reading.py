"""What was read: how many rows and bytes, and for each column what was found and converted.

Rules of this file: values only; counts are of cells; `sentences` says for people what the counts say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from offline.tables.mapping import ColumnMapping, ColumnType, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnReading:
    """One column as it was read.

    Parameters
    ----------
    source, name : in the file, and from here on
    role, type : as mapped, or inferred from name and values (`is_role_inferred`, `is_type_inferred`)
    rows_count, missing_count, padded_count : cells; padded ones had blanks around their text
    markers : marker of a missing value → cells
    odd_values : code that the bank's description does not know → cells
    outside_count : values outside the plausible range; they are kept
    renamed : code → cells whose code got another name
    """

    source: str
    name: str
    role: Role
    type: ColumnType
    mapping: ColumnMapping
    rows_count: int
    missing_count: int = 0
    padded_count: int = 0
    markers: Mapping[str, int] = field(default_factory=dict)
    odd_values: Mapping[str, int] = field(default_factory=dict)
    outside_count: int = 0
    renamed: Mapping[str, int] = field(default_factory=dict)
    is_role_inferred: bool = False
    is_type_inferred: bool = False

    @property
    def unit(self) -> str:
        """Unit of the values, empty when none was named."""
        return self.mapping.unit

    @property
    def title(self) -> str:
        """The name with its unit, as axes and headings show it."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def missing_share(self) -> float:
        """Share of the rows without a value, in [0, 1]."""
        return self.missing_count / self.rows_count

    @property
    def is_numeric(self) -> bool:
        """Whether sums and means of it make sense as numbers (flags are 0 and 1, and not meant here)."""
        return self.type in {"number", "integer"}

    def sentences(self) -> list[str]:
        """Return what is worth saying about the reading of this column."""
        return [*(f"{self.name}: {text}." for text in self._conversions()), *self.oddities()]

    def found(self) -> str:
        """Return in a few words what was cut off and renamed on the way; empty when nothing was."""
        padded = f"{self.padded_count:,} padded with blanks" if self.padded_count else ""
        renamed = ", ".join(
            f"{code} → {self.mapping.values[code]}: {count:,}" for code, count in self.renamed.items()
        )
        return "; ".join(filter(None, (padded, renamed)))

    def _conversions(self) -> list[str]:
        found = []
        if self.padded_count:
            found.append(f"{self.padded_count:,} cells had blanks around their text, which were cut off")
        if self.missing_count:
            marked = ", ".join(f"{_shown(marker)} {count:,}" for marker, count in self.markers.items())
            found.append(
                f"{self.missing_count:,} of {self.rows_count:,} values are missing "
                f"({100 * self.missing_share:.2f} %; {marked})"
            )
        if self.renamed:
            renamed = ", ".join(f"{code!r} {count:,}" for code, count in self.renamed.items())
            found.append(f"{sum(self.renamed.values()):,} cells got the name of their code ({renamed})")
        return found

    def oddities(self) -> list[str]:
        """Return what in the values the mapping did not expect: codes and ranges."""
        found = []
        if self.odd_values:
            odd = ", ".join(f"{code!r} {count:,}" for code, count in self.odd_values.items())
            found.append(
                f"{sum(self.odd_values.values()):,} cells hold a code that is not documented ({odd})"
            )
        if self.outside_count:
            found.append(
                f"{self.outside_count:,} values are not plausible, being {self._outside()}; they are kept"
            )
        return [f"{self.name}: {text}." for text in found]

    def _outside(self) -> str:
        low, high = self.mapping.minimum, self.mapping.maximum
        ends = [f"below {low:,g}" if low is not None else "", f"above {high:,g}" if high is not None else ""]
        return " or ".join(filter(None, ends))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A file as it was read: its size and its columns, in their order in the file."""

    file: str
    mapping_name: str | None
    rows_count: int
    bytes_count: int
    columns: tuple[ColumnReading, ...]
    left_out: tuple[str, ...] = ()

    def column(self, name: str) -> ColumnReading:
        """Return the reading of the column of this name; a `KeyError` when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def sentences(self) -> list[str]:
        """Return the summary of the reading: size, what was inferred, and what was odd in each column."""
        return [*self.overview(), *(text for column in self.columns for text in column.sentences())]

    def overview(self) -> list[str]:
        """Return size, what was inferred and what was left out."""
        by = f"by the mapping {self.mapping_name}" if self.mapping_name else "without a mapping"
        first = (
            f"{self.file} was read {by}: {self.rows_count:,} rows, "
            f"{len(self.columns) + len(self.left_out)} columns, {self.bytes_count:,} bytes."
        )
        inferred = [column.name for column in self.columns if column.is_type_inferred]
        told = [first]
        if inferred:
            which = ", ".join(inferred) if len(inferred) < len(self.columns) else "all"
            told.append(f"Types were inferred from the values of {len(inferred)} columns: {which}.")
        if self.left_out:
            told.append(f"Left out: {', '.join(self.left_out)}.")
        return told


def _shown(marker: str) -> str:
    return repr(marker) if marker else "empty"
