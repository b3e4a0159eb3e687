"""A CSV file → one Arrow table of texts, or one sentence that says where the file is wrong.

All cells are read as text and typed later, column by column: so that markers of missing values can be told
from values, and an error can name column, row and value.

Rules of this file: the shape of the file only (encoding, delimiter, header, length of rows). Rows are counted
from 1 after the header.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyarrow import csv as arrow_csv

from consumer.vocabulary.errors import ConfigurationError
from offline.tables.mapping import FileFormat

OTHER_DELIMITERS: Final = (",", ";", "\t", "|", ":")
TEXT_SHOWN_MAX: Final = 60
"""Characters of a wrong row that an error repeats."""
CELL_CHARACTERS_MAX: Final = 1_000_000
"""A header name longer than this is an open quote."""


def csv_header(file: Path, form: FileFormat) -> tuple[str, ...]:
    """Return the names of the columns; one without a name is called after its place.

    Raises
    ------
    ConfigurationError : the file is empty, is not text of its encoding, or its header makes no table
    """
    csv.field_size_limit(CELL_CHARACTERS_MAX)
    try:
        with file.open(encoding=_python_name(form.encoding), newline="") as lines:
            names = next((row for row in csv.reader(lines, delimiter=form.delimiter) if row), None)
    except UnicodeDecodeError as error:
        raise undecodable(file, form.encoding) from error
    except (LookupError, csv.Error) as error:
        raise ConfigurationError(f"{file}, header: {error}") from error
    if names is None:
        raise ConfigurationError(f"{file} is empty: it has no header and no rows")
    return _checked_names(file, names, form)


def read_csv(file: Path, form: FileFormat, names: Sequence[str]) -> pa.Table:
    """Return the columns of these names, all as text.

    Raises
    ------
    ConfigurationError : a row has another number of cells than the header, or is not text of the encoding
    """
    wrong: list[Any] = []

    def keep_and_stop(row: Any) -> str:
        wrong.append(row)
        return "error"

    try:
        table = _read(file, form, names, keep_and_stop, use_threads=True)
    except UnicodeDecodeError as error:
        raise undecodable(file, form.encoding) from error
    except pa.ArrowInvalid as error:
        if not wrong:
            raise undecodable(file, form.encoding, otherwise=str(error)) from error
        raise _wrong_length(file, form, names) from error
    if table.num_rows == 0:
        raise ConfigurationError(f"{file} has a header and no rows")
    return table


def undecodable(file: Path, encoding: str, otherwise: str = "") -> ConfigurationError:
    """Return the error that names the first byte that is not text of the encoding."""
    number = 0
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                return ConfigurationError(
                    f"{file}, line {number}, byte {error.start + 1}: 0x{line[error.start]:02x} is not {encoding} "
                    f"text; if the file has another encoding, name it in a mapping (format: encoding: cp1252)"
                )
    return ConfigurationError(f"{file} cannot be read: {_first_line(otherwise) or 'it is not text'}")


def _read(file: Path, form: FileFormat, names: Sequence[str], handler: Any, *, use_threads: bool) -> pa.Table:
    return arrow_csv.read_csv(
        file,
        read_options=arrow_csv.ReadOptions(encoding=form.encoding, use_threads=use_threads),
        parse_options=arrow_csv.ParseOptions(
            delimiter=form.delimiter, newlines_in_values=True, invalid_row_handler=handler
        ),
        convert_options=arrow_csv.ConvertOptions(
            include_columns=list(names), column_types=dict.fromkeys(names, pa.string())
        ),
    )


def _wrong_length(file: Path, form: FileFormat, names: Sequence[str]) -> ConfigurationError:
    # Only one thread knows the number of a row, so the file is read again as far as the wrong one.
    wrong: list[Any] = []

    def keep_and_stop(row: Any) -> str:
        wrong.append(row)
        return "error"

    try:
        _read(file, form, names, keep_and_stop, use_threads=False)
    except pa.ArrowInvalid:
        row = wrong[0]
        return ConfigurationError(
            f"{file}, row {row.number - 1:,}: {row.actual_columns} cells where the header has "
            f"{row.expected_columns} columns: {_short(row.text)!r}"
        )
    raise AssertionError("a row was wrong when several threads read the file, and right for one")


def _checked_names(file: Path, names: Sequence[str], form: FileFormat) -> tuple[str, ...]:
    if len(names) == 1:
        raise _one_column(file, names[0], form.delimiter)
    seen: set[str] = set()
    for place, name in enumerate(names, 1):
        if name in seen:
            raise ConfigurationError(
                f"{file}, header: column {place} has the name {name!r} of another column"
            )
        seen.add(name)
    return tuple(names)


def _one_column(file: Path, name: str, delimiter: str) -> ConfigurationError:
    other = max(OTHER_DELIMITERS, key=name.count)
    if name.count(other) and other != delimiter:
        return ConfigurationError(
            f"{file}, header: no {_spoken(delimiter)} in {_short(name)!r}, the delimiter seems to be "
            f"{_spoken(other)}; name it in a mapping (format: delimiter: {json.dumps(other)})"
        )
    return ConfigurationError(
        f"{file} has one column only, {_short(name)!r}: a table of customers needs two or more"
    )


def _spoken(delimiter: str) -> str:
    return {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", ":": "colon"}.get(
        delimiter, repr(delimiter)
    )


def _python_name(encoding: str) -> str:
    # A byte order mark is no part of the first name.
    return "utf-8-sig" if encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else encoding


def _short(text: str) -> str:
    return text if len(text) <= TEXT_SHOWN_MAX else text[: TEXT_SHOWN_MAX - 1] + "…"


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else ""
