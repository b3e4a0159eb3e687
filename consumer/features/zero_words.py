"""Zero-word suppression: rows of four-byte words that are mostly zero, as short byte strings.

Only the words that are not zero are kept, after a bitmap that says which; and since most of the bitmap
is zero too, so is it, after a map of its own. A row of 802 words, all zero but 0, 1 and 15:

    13 bytes  map: bit j = byte j of the bitmap is kept     11000000 00000000 ...
    2 bytes   bitmap: bit i = word i is kept                11000000 00000001
    12 bytes  words 0, 1 and 15

Bits are numbered from the lowest, words are little-endian.

Rules of this file: a batch is packed and unpacked as a whole; what remains a row is cutting bytes. Eight
words and their byte of the bitmap are a group; empty groups, most of a record, are found first and never
looked at again. Places are listed with `flatnonzero` of booleans, which takes a sixth of the time of a
boolean index or of `flatnonzero` of numbers. Words of two bytes would make records 5 to 12 % shorter and
cost half a microsecond a record each way; the second bitmap saves 30 to 45 bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.features.event_columns import Bools, Int64s, UInt8s
from consumer.vocabulary.errors import Defect

Words = NDArray[np.uint32]
WORD_BYTES: Final = 4
GROUP_WORDS: Final = 8
_GROUP: Final = np.dtype((np.void, GROUP_WORDS * WORD_BYTES))
"""A group is copied as one item, whatever it holds: four times as fast as eight words."""


def suppressed(words: Words, head: bytes = b"") -> list[bytes]:
    """Return the short form of each row, each with `head` before it.

    Examples
    --------
    >>> suppressed(np.array([[7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 515]], dtype="<u4"))[0].hex(" ")
    '03 01 04 07 00 00 00 03 02 00 00'
    """
    groups = _in_groups(words)
    pairs = groups.view("<u8")
    is_used = (pairs[..., 0] | pairs[..., 1] | pairs[..., 2] | pairs[..., 3]) != 0
    used = groups.view(_GROUP).reshape(-1)[np.flatnonzero(is_used)].view("<u4")
    is_kept = used != 0
    bitmap = np.packbits(is_kept, bitorder="little")
    maps = np.packbits(is_used, axis=1, bitorder="little")
    row_maps = _cut(maps.tobytes(), np.arange(1, len(maps) + 1) * maps.shape[1])
    row_bits = _cut(bitmap.tobytes(), np.cumsum(_ones(maps)))
    row_words = _cut(used[np.flatnonzero(is_kept)].tobytes(), _word_ends(maps, bitmap) * WORD_BYTES)
    parts = zip(row_maps, row_bits, row_words, strict=True)
    return [head + own_map + own_bits + own_words for own_map, own_bits, own_words in parts]


def restored(values: Sequence[bytes], n_words: int, *, start: int = 0) -> Words:
    """Return the rows whose short forms begin at byte `start` of `values`.

    Raises
    ------
    Defect : a value is not what `suppressed` wrote
    """
    n_groups = -(-n_words // GROUP_WORDS)
    bits_at = start + -(-n_groups // 8)
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    if lengths.min() < bits_at:
        raise Defect("a stored record is cut short")
    maps = np.frombuffer(b"".join([value[start:bits_at] for value in values]), np.uint8)
    maps = maps.reshape(len(values), -1)
    words_at = _ones(maps) + bits_at
    cuts = words_at.tolist()
    bits = b"".join([value[bits_at:cut] for value, cut in zip(values, cuts, strict=True)])
    words = b"".join([value[cut:] for value, cut in zip(values, cuts, strict=True)])
    bitmap = np.frombuffer(bits, np.uint8)
    if (lengths < words_at).any() or not np.array_equal(lengths, words_at + _words_bytes(maps, bitmap)):
        raise Defect("a stored record does not match its own bitmap")
    used: Words = np.zeros(len(bitmap) * GROUP_WORDS, "<u4")
    is_kept = np.unpackbits(bitmap, bitorder="little").view(np.bool_)
    used[np.flatnonzero(is_kept)] = np.frombuffer(words, "<u4")
    is_used = np.unpackbits(maps, axis=1, count=n_groups, bitorder="little").view(np.bool_)
    return _from_groups(used, is_used, n_words)


def _in_groups(words: Words) -> Words:
    """Return shape (n, groups, 8); what is missing in the last group is zero."""
    missing = -words.shape[1] % GROUP_WORDS
    filled = np.pad(words, ((0, 0), (0, missing))) if missing else words
    return filled.reshape(len(words), -1, GROUP_WORDS)


def _from_groups(used: Words, is_used: Bools, n_words: int) -> Words:
    """Return the rows whose groups `used` are, one after another where `is_used`."""
    places = np.flatnonzero(is_used)
    if len(places) * GROUP_WORDS != len(used):
        raise Defect("a stored record names words beyond its end")
    groups = np.zeros(is_used.size, _GROUP)
    groups[places] = used.view(_GROUP)
    words: Words = groups.view("<u4").reshape(len(is_used), -1)
    if words[:, n_words:].any():
        raise Defect("a stored record names words beyond its end")
    return np.ascontiguousarray(words[:, :n_words])


def _ones(bits: UInt8s) -> Int64s:
    """Return how many bits are set in each row."""
    return np.asarray(np.bitwise_count(bits).sum(axis=1, dtype=np.int64))


def _word_ends(maps: UInt8s, bitmap: UInt8s) -> Int64s:
    """Return how many words all rows up to each one keep together."""
    kept = np.concatenate(([0], np.cumsum(np.bitwise_count(bitmap), dtype=np.int64)))
    return np.asarray(kept[np.cumsum(_ones(maps))])


def _words_bytes(maps: UInt8s, bitmap: UInt8s) -> Int64s:
    return np.diff(_word_ends(maps, bitmap), prepend=0) * WORD_BYTES


def _cut(joined: bytes, ends: Int64s) -> list[bytes]:
    return [joined[start:end] for start, end in pairwise([0, *ends.tolist()])]
