"""The stored form of customer records: zero words left out.

Most of a record is zero (tiles without events, products without interest), so only the words that are
not zero are stored, after a bitmap that says which. A record of 816 words of which three are not zero:

    8 bytes   fingerprint of the layout
    102 bytes bitmap, bit i (little-endian) = word i is stored: 11000000 00000001 00000000 ...
    12 bytes  the words 0, 1 and 15, little-endian, in order

Rules of this file: the whole batch is one boolean index, then one slice a record; a record that cannot
be what `pack` wrote is a `Defect`, because guessing at a customer's state would be worse than stopping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.features.event_columns import Int64s, UInt8s
from consumer.features.layout import WORD_BYTES, Layout, Records
from consumer.features.migration import migrated
from consumer.features.tiles import clear_hidden_maxima
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
    is_stored = words != 0
    bitmap = np.packbits(is_stored, axis=1, bitorder="little")
    bits, body = bitmap.tobytes(), words[is_stored].tobytes()
    head, width = bytes.fromhex(layout.fingerprint), bitmap.shape[1]
    ends = np.cumsum(_stored_bytes(bitmap)).tolist()
    starts = [0, *ends[:-1]]
    places = zip(range(0, len(bits), width), starts, ends, strict=True)
    return [head + bits[bit : bit + width] + body[start:end] for bit, start, end in places]


def _stored_bytes(bitmap: UInt8s) -> Int64s:
    """Return the bytes that each record's stored words take."""
    return np.asarray(np.bitwise_count(bitmap).sum(axis=1, dtype=np.int64) * WORD_BYTES)


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
        stored = [value for row in rows if (value := values[row]) is not None]
        found = _unpack_same_layout(layout, stored)
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
    """Return records of values that all have `layout`."""
    n_words = layout.dtype.itemsize // WORD_BYTES
    body_at = _FINGERPRINT_BYTES + -(-n_words // 8)
    if min(map(len, values)) < body_at:
        raise Defect(f"a customer record of layout {layout.fingerprint} is cut short")
    bitmaps = b"".join([value[_FINGERPRINT_BYTES:body_at] for value in values])
    bits = np.frombuffer(bitmaps, dtype=np.uint8).reshape(len(values), -1)
    is_stored = np.unpackbits(bits, axis=1, count=n_words, bitorder="little").view(np.bool_)
    lengths = np.fromiter(map(len, values), dtype=np.int64, count=len(values)) - body_at
    if not np.array_equal(lengths, _stored_bytes(bits)):
        raise Defect(f"a customer record of layout {layout.fingerprint} does not match its own bitmap")
    words: NDArray[np.uint32] = np.zeros((len(values), n_words), dtype="<u4")
    words[is_stored] = np.frombuffer(b"".join([value[body_at:] for value in values]), dtype="<u4")
    return words.view(layout.dtype).reshape(len(values))
