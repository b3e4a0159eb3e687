"""Zero-word suppression: rows of four-byte words that are mostly zero, as short byte strings.

Only the words that are not zero are kept, after a bitmap that says which; and since most of the bitmap
is zero too, so is it, after a map of its own. A row of 802 words, all zero but 0, 1 and 15:

    13 bytes  map: bit j = byte j of the bitmap is kept     11000000 00000000 ...
    2 bytes   bitmap: bit i = word i is kept                11000000 00000001
    12 bytes  words 0, 1 and 15

Bits are numbered from the lowest, words are little-endian.

Rules of this file: a batch is packed and unpacked by two boolean indexes each; what remains a row is
cutting bytes. Words of two bytes would make records 5 to 12 % shorter and cost up to a microsecond a
record each way; the second bitmap saves 30 to 45 bytes and costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consumer.features.event_columns import Bools, Int64s, UInt8s
from consumer.vocabulary.errors import Defect

Words = NDArray[np.uint32]
WORD_BYTES: Final = 4


def suppressed(words: Words) -> list[bytes]:
    """Return the short form of each row.

    Examples
    --------
    >>> suppressed(np.array([[7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 515]], dtype="<u4"))[0].hex(" ")
    '03 01 04 07 00 00 00 03 02 00 00'
    """
    is_kept = words != 0
    bitmap = _bits(is_kept)
    maps = _bits(bitmap != 0)
    bits = _cut(bitmap[bitmap != 0].tobytes(), _ones(maps))
    body = _cut(words[is_kept].tobytes(), _ones(bitmap) * WORD_BYTES)
    rows = _cut(maps.tobytes(), np.full(len(maps), maps.shape[1]))
    return [row + row_bits + row_body for row, row_bits, row_body in zip(rows, bits, body, strict=True)]


def restored(values: Sequence[bytes], n_words: int, *, start: int = 0) -> Words:
    """Return the rows whose short forms begin at byte `start` of `values`.

    Raises
    ------
    Defect : a value is not what `suppressed` wrote
    """
    n_bits = -(-n_words // 8)
    bits_at = start + -(-n_bits // 8)
    if min(map(len, values)) < bits_at:
        raise Defect("a stored record is cut short")
    maps = np.frombuffer(b"".join([value[start:bits_at] for value in values]), np.uint8)
    maps = maps.reshape(len(values), -1)
    body_at = (_ones(maps) + bits_at).tolist()
    bits = [value[bits_at:end] for value, end in zip(values, body_at, strict=True)]
    body = [value[end:] for value, end in zip(values, body_at, strict=True)]
    bitmap = _filled(np.zeros((len(values), n_bits), np.uint8), maps, bits)
    return _filled(np.zeros((len(values), n_words), "<u4"), bitmap, body)


def _bits(flags: Bools) -> UInt8s:
    return np.packbits(flags, axis=1, bitorder="little")


def _ones(bits: UInt8s) -> Int64s:
    """Return how many bits are set in each row."""
    return np.asarray(np.bitwise_count(bits).sum(axis=1, dtype=np.int64))


def _cut(joined: bytes, lengths: Int64s) -> list[bytes]:
    ends = [0, *np.cumsum(lengths).tolist()]
    return [joined[start:end] for start, end in pairwise(ends)]


def _filled(rows: NDArray[Any], bitmap: UInt8s, parts: Sequence[bytes]) -> NDArray[Any]:
    """Write each row's part to the places that its bitmap names, and return the rows."""
    if list(map(len, parts)) != (_ones(bitmap) * rows.itemsize).tolist():
        raise Defect("a stored record does not match its own bitmap")
    is_kept = np.unpackbits(bitmap, axis=1, count=rows.shape[1], bitorder="little").view(np.bool_)
    kept = np.frombuffer(b"".join(parts), rows.dtype)
    if np.count_nonzero(is_kept) != len(kept):
        raise Defect("a stored record names words beyond its end")
    rows[is_kept] = kept
    return rows
