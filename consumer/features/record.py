"""Customer records, and their stored form: the layout's fingerprint, then what is not zero.

Rules of this file: a stored record that cannot be what `pack` wrote, or of a layout that nobody
remembers, is a `Defect`: guessing at a customer's state would be worse than stopping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from consumer.features.layout import Layout, Records
from consumer.features.migration import migrated
from consumer.features.tiles import clear_hidden_maxima
from consumer.features.zero_words import WORD_BYTES, restored, suppressed
from consumer.vocabulary.errors import Defect

_FINGERPRINT_BYTES: Final = 8


def empty_records(layout: Layout, n: int) -> Records:
    """Return `n` records of customers of whom nothing is known."""
    return np.zeros(n, dtype=layout.dtype)


def pack(layout: Layout, records: Records) -> list[bytes]:
    """Return the stored form of each record.

    Tile maxima that no window can show are cleared in `records` first (`clear_hidden_maxima`): this is
    what makes the stored form of a customer's history the same however it was cut into batches.

    Examples
    --------
    >>> from consumer.features.catalogue import catalogue_for
    >>> layout = catalogue_for(("mortgage",)).layout
    >>> records = empty_records(layout, 1)
    >>> records["as_of_ms"] = 7
    >>> [stored] = pack(layout, records)
    >>> unpack({}, layout, [stored])["as_of_ms"].tolist()
    [7]
    """
    if not len(records):
        return []
    clear_hidden_maxima(records)
    words = np.ascontiguousarray(records).view("<u4").reshape(len(records), -1)
    return suppressed(words, bytes.fromhex(layout.fingerprint))


def unpack(layouts: Mapping[str, Layout], current: Layout, values: Sequence[bytes | None]) -> Records:
    """Return the records of stored values, migrated to the current layout.

    Parameters
    ----------
    layouts : every layout that was ever stored, by fingerprint; the current one need not be in it
    current : layout of the result
    values : stored forms; None is a customer of whom nothing is known

    Raises
    ------
    Defect : a value is damaged, or of a layout that nobody remembers
    """
    records = empty_records(current, len(values))
    for fingerprint, rows in _rows_by_fingerprint(values).items():
        layout = current if fingerprint == current.fingerprint else layouts.get(fingerprint)
        if layout is None:
            raise Defect(f"a customer record has the unknown layout {fingerprint}")
        found = _unpack_same_layout(layout, [value for row in rows if (value := values[row]) is not None])
        if len(rows) == len(records) and layout is current:
            return found
        records[rows] = found if layout is current else migrated(layout, current, found)
    return records


def _rows_by_fingerprint(values: Sequence[bytes | None]) -> dict[str, list[int]]:
    rows: dict[bytes, list[int]] = {}
    for row, value in enumerate(values):
        if value is not None:
            rows.setdefault(value[:_FINGERPRINT_BYTES], []).append(row)
    return {head.hex(): members for head, members in rows.items()}


def _unpack_same_layout(layout: Layout, values: Sequence[bytes]) -> Records:
    words = restored(values, layout.dtype.itemsize // WORD_BYTES, start=_FINGERPRINT_BYTES)
    return words.view(layout.dtype).reshape(len(values))
