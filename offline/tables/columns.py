"""One column as it stands in the file → typed values, and what was found on the way.

    " 35"  → strip → "35"  → marker? → no → number → 35
    "  NA" → strip → "NA"  → marker? → missing, counted under "NA"
    "S"    → strip → "S"   → true    → 1

Rules of this file: pure; a value that cannot be read is an error with column, row (from 1 after the header)
and value, never a missing value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from consumer.vocabulary.errors import ConfigurationError
from offline.tables.inference import type_of_arrow, type_of_texts
from offline.tables.mapping import ColumnMapping, ColumnType, FileFormat

VALUE_SHOWN_MAX: Final = 60
NUMBER_MAX: Final = 1e100
"""In size. No customer has a number beyond it, and squares and sums of smaller ones stay finite."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A column of the file: where it stands, its cells, its mapping and the markers that hold for it."""

    file: str
    name: str
    cells: Any
    mapping: ColumnMapping
    markers: tuple[str, ...]
    form: FileFormat
    strip: bool

    def fault(self, row: int, value: object, text: str) -> ConfigurationError:
        """Return the error that names the place and the value; `row` counts from 0."""
        shown = str(value)
        shown = shown if len(shown) <= VALUE_SHOWN_MAX else shown[: VALUE_SHOWN_MAX - 1] + "…"
        return ConfigurationError(f"{self.file}, column {self.name!r}, row {row + 1:,}: {shown!r} {text}")


@dataclass(frozen=True, slots=True)
class Typed:
    """The values of a column, and the counts of what was found in its cells."""

    type: ColumnType
    series: pd.Series
    padded_count: int
    markers: dict[str, int]
    renamed: dict[str, int]


def typed(raw: Raw) -> Typed:
    """Return the column's values in its type.

    Raises
    ------
    ConfigurationError : a cell cannot be read as the type; names column, row and value
    """
    if _is_text(raw.cells):
        return _typed_texts(raw)
    return _typed_arrow(raw)


def _typed_texts(raw: Raw) -> Typed:
    cells = raw.cells.cast(pa.string())
    bare = pc.utf8_trim_whitespace(cells) if raw.strip else cells
    padded_count = int(pc.sum(pc.not_equal(bare, cells)).as_py() or 0)
    present, markers = _without_markers(bare, raw.markers)
    renamed = _counts(present, raw.mapping.values)
    present = _renamed(present, raw.mapping.values)
    kind = raw.mapping.type or type_of_texts(_number_text(present, raw.form))
    return Typed(kind, _READERS[kind](raw, present), padded_count, markers, renamed)


def _without_markers(bare: Any, markers: Sequence[str]) -> tuple[Any, dict[str, int]]:
    found = _counts(bare, markers)
    nulls = bare.null_count
    if found:
        bare = pc.if_else(pc.is_in(bare, pa.array(list(found))), pa.scalar(None, pa.string()), bare)
    return bare, ({"null": nulls} if nulls else {}) | found


def _counts(texts: Any, wanted: Sequence[str] | Any) -> dict[str, int]:
    """How often each wanted text occurs, those that do not occur left out."""
    if not len(wanted):
        return {}
    hits = texts.filter(pc.is_in(texts, pa.array(list(wanted), pa.string())))
    return {item["values"]: item["counts"] for item in pc.value_counts(hits).to_pylist()}


def _renamed(texts: Any, names: Any) -> Any:
    for code, name in names.items():
        texts = pc.if_else(pc.equal(texts, code), name, texts)
    return texts


def _number_text(texts: Any, form: FileFormat) -> Any:
    if form.thousands:
        texts = pc.replace_substring(texts, form.thousands, "")
    return pc.replace_substring(texts, form.decimal, ".") if form.decimal != "." else texts


def _read_number(raw: Raw, texts: Any) -> pd.Series:
    plain = _number_text(texts, raw.form)
    try:
        values = pc.cast(plain, pa.float64())
    except pa.ArrowInvalid:
        raise _first_fault(raw, texts, _is_number(plain), "is not a number") from None
    # Arrow reads "nan" and "inf" as numbers; neither is a value.
    good = pc.and_(pc.less_equal(pc.abs(values), NUMBER_MAX), pc.invert(pc.is_nan(values)))
    if not pc.all(good).as_py() and values.null_count < len(values):
        raise _first_fault(raw, texts, good, f"is not a number up to {NUMBER_MAX:g} in size")
    return _floats(values)


def _is_number(plain: Any) -> Any:
    def reads(text: str | None) -> bool | None:
        try:
            return None if text is None else bool(pc.cast(pa.array([text]), pa.float64()))
        except pa.ArrowInvalid:
            return False

    return pa.array([reads(text) for text in plain.to_pylist()], pa.bool_())


def _read_integer(raw: Raw, texts: Any) -> pd.Series:
    try:
        whole = pc.cast(_number_text(texts, raw.form), pa.int64())
    except pa.ArrowInvalid:
        values = _read_number(raw, texts)
        return _whole(raw, values)
    return _floats(whole) if whole.null_count else pd.Series(whole.to_numpy())


def _whole(raw: Raw, values: pd.Series) -> pd.Series:
    broken = np.flatnonzero((values % 1 != 0).to_numpy() & values.notna().to_numpy())
    if broken.size:
        raise raw.fault(int(broken[0]), values.iloc[broken[0]], "is not a whole number")
    return values if values.hasnans else values.astype("int64")


def _read_flag(raw: Raw, texts: Any) -> pd.Series:
    is_true = pc.is_in(texts, pa.array(list(raw.mapping.true_values)))
    is_false = pc.is_in(texts, pa.array(list(raw.mapping.false_values)))
    known = pc.if_else(pc.is_null(texts), None, pc.or_(is_true, is_false))
    if not pc.all(known).as_py() and pc.any(pc.invert(known)).as_py():
        raise _first_fault(raw, texts, known, "is neither true nor false of this flag")
    values = pc.if_else(pc.is_null(texts), None, pc.cast(is_true, pa.int64()))
    return _floats(values) if values.null_count else pd.Series(values.to_numpy())


def _read_date(raw: Raw, texts: Any) -> pd.Series:
    form = raw.mapping.date_format
    series = texts.to_pandas()
    dates: pd.Series = pd.to_datetime(series, format=form or "ISO8601", errors="coerce")
    broken = np.flatnonzero((dates.isna() & series.notna()).to_numpy())
    if broken.size:
        like = f"of the form {form}" if form else "such as 2015-01-28"
        raise raw.fault(int(broken[0]), series.iloc[broken[0]], f"is not a date {like}")
    return dates


def _read_category(_: Raw, texts: Any) -> pd.Series:
    values: pd.Series = pc.dictionary_encode(texts).to_pandas()
    ordered: pd.Series = values.cat.set_categories(sorted(values.cat.categories))
    return ordered


def _read_text(_: Raw, texts: Any) -> pd.Series:
    values: pd.Series = texts.to_pandas()
    texts_only: pd.Series = values.astype("str")
    return texts_only


_READERS: Final[dict[ColumnType, Callable[[Raw, Any], pd.Series]]] = {
    "number": _read_number,
    "integer": _read_integer,
    "flag": _read_flag,
    "date": _read_date,
    "category": _read_category,
    "text": _read_text,
}


def _typed_arrow(raw: Raw) -> Typed:
    kind = raw.mapping.type or type_of_arrow(raw.cells)
    if kind is None:
        raise ConfigurationError(
            f"{raw.file}, column {raw.name!r}: values of the type {raw.cells.type} are not read; "
            "leave the column out (role: ignore)"
        )
    if kind in {"category", "text", "flag"}:
        return _typed_texts(_as_texts(raw, kind))
    if kind == "date":
        nulls = raw.cells.null_count
        return Typed(kind, pd.to_datetime(raw.cells.to_pandas()), 0, {"null": nulls} if nulls else {}, {})
    return _typed_numbers(raw, kind)


def _as_texts(raw: Raw, kind: ColumnType) -> Raw:
    mapping = raw.mapping.model_copy(update={"type": kind})
    return Raw(raw.file, raw.name, raw.cells.cast(pa.string()), mapping, raw.markers, raw.form, raw.strip)


def _typed_numbers(raw: Raw, kind: ColumnType) -> Typed:
    try:
        values = raw.cells.cast(pa.float64()).to_pandas().astype("float64")
    except pa.ArrowInvalid as error:
        raise ConfigurationError(f"{raw.file}, column {raw.name!r}: {error}") from error
    nulls = int(values.isna().sum())
    markers = {"null": nulls} if nulls else {}
    for marker in raw.markers:
        hit = values == _number_or_nan(marker)
        if hit.any():
            markers[marker] = int(hit.sum())
            values = values.mask(hit)
    infinite = np.flatnonzero(values.abs().to_numpy() > NUMBER_MAX)
    if infinite.size:
        raise raw.fault(
            int(infinite[0]), values.iloc[infinite[0]], f"is not a number up to {NUMBER_MAX:g} in size"
        )
    return Typed(kind, _whole(raw, values) if kind == "integer" else values, 0, markers, {})


def _number_or_nan(marker: str) -> float:
    try:
        return float(marker)
    except ValueError:
        return float("nan")


def _floats(values: Any) -> pd.Series:
    series: pd.Series = values.to_pandas().astype("float64")
    return series


def _first_fault(raw: Raw, texts: Any, good: Any, text: str) -> ConfigurationError:
    row = int(np.flatnonzero(~pc.fill_null(good, True).to_numpy(zero_copy_only=False))[0])
    return raw.fault(row, texts[row].as_py(), text)


def _is_text(cells: Any) -> bool:
    kind = cells.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_null))
