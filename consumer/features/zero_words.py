"""Zero-word suppression: rows of four-byte words that are mostly zero, as short byte strings.

Only the words that are not zero are kept, after a bitmap that says which; and since most bytes of the bitmap are
as expected, only the others are kept of it, after a map of its own. Expected is that the first groups of
eight words are full, and that all others are empty. A row of 802 words, all zero but 0, 1 and 15, no group of which
is expected to be full:

    13 bytes  map: bit j = byte j of the bitmap is kept     11000000 00000000 ...
    2 bytes   bitmap: bit i = word i is kept                11000000 00000001
    12 bytes  words 0, 1 and 15

Of a group that is expected to be full the bitmap says which words are zero. Bits are numbered from the lowest, words
are little-endian.

Rules of this file: a batch is packed and unpacked as a whole; what remains a row is cutting bytes. Eight
words and their byte of the bitmap are a group; empty groups, most of a record, are found first and never
looked at again. Places are listed with `flatnonzero` of booleans, which takes a sixth of the time of a
boolean index or of `flatnonzero` of numbers. Words of two bytes would make records 5 to 12 % shorter and
cost half a microsecond a record each way; the map of the bitmap saves 30 to 45 bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.features.event_columns import Int64s, UInt8s
from consumer.vocabulary.errors import Defect

Words = NDArray[np.uint32]
WORD_BYTES: Final = 4
GROUP_WORDS: Final = 8
_GROUP: Final = np.dtype((np.void, GROUP_WORDS * WORD_BYTES))
"""A group is copied as one item, whatever it holds: four times as fast as eight words."""


def suppressed(words: Words, head: bytes = b"", *, n_full: int = 0) -> list[bytes]:
    """Return the short form of each row, each with `head` before it.

    Parameters
    ----------
    n_full : groups, at the beginning of a row, that are expected to hold no zero

    Examples
    --------
    >>> suppressed(np.array([[7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 515]], dtype="<u4"))[0].hex(" ")
    '03 01 04 07 00 00 00 03 02 00 00'
    """
    groups = _in_groups(words)
    bits = np.packbits((groups != 0).reshape(-1), bitorder="little").reshape(len(groups), -1)
    used = groups.view(_GROUP).reshape(-1).take(np.flatnonzero(bits != 0)).view("<u4")
    row_words = _ends(_ones(bits) * WORD_BYTES)
    np.invert(bits[:, :n_full], out=bits[:, :n_full])
    all_fronts, row_fronts = _fronts(bits, head)
    all_words = used.take(np.flatnonzero(used != 0)).tobytes()
    rows = zip(pairwise(row_fronts), pairwise(row_words), strict=True)
    return [all_fronts[start:end] + all_words[first:last] for (start, end), (first, last) in rows]


def _fronts(bits: UInt8s, head: bytes) -> tuple[bytes, list[int]]:
    """Return what stands before the words of all rows, and where each row's begins and ends in it."""
    is_told = bits != 0
    maps = np.packbits(is_told, axis=1, bitorder="little")
    n_always = len(head) + maps.shape[1]
    parts = np.empty((len(bits), n_always + bits.shape[1]), np.uint8)
    parts[:, : len(head)] = np.frombuffer(head, np.uint8)
    parts[:, len(head) : n_always] = maps
    parts[:, n_always:] = bits
    is_kept = np.ones(parts.shape, dtype=bool)
    is_kept[:, n_always:] = is_told
    kept = parts.reshape(-1).take(np.flatnonzero(is_kept)).tobytes()
    return kept, _ends(_ones(maps) + n_always)


def restored(values: Sequence[bytes], n_words: int, *, start: int = 0, n_full: int = 0) -> Words:
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
    if (lengths < words_at).any():
        raise Defect("a stored record is cut short")
    cuts = words_at.tolist()
    told = b"".join([value[bits_at:cut] for value, cut in zip(values, cuts, strict=True)])
    words = b"".join([value[cut:] for value, cut in zip(values, cuts, strict=True)])
    bits = _bitmap(maps, np.frombuffer(told, np.uint8), n_groups, n_full=n_full)
    if not np.array_equal(lengths, words_at + _ones(bits) * WORD_BYTES):
        raise Defect("a stored record does not match its own bitmap")
    return _from_groups(np.frombuffer(words, "<u4"), bits, n_words)


def _bitmap(maps: UInt8s, told: UInt8s, n_groups: int, *, n_full: int) -> UInt8s:
    """Return the whole bitmap of each row, shape (n, groups), from its kept bytes."""
    places = np.flatnonzero(np.unpackbits(maps, axis=1, bitorder="little").view(np.bool_))
    bits = np.zeros((len(maps), maps.shape[1] * 8), np.uint8)
    bits.reshape(-1)[places] = told
    if bits[:, n_groups:].any():
        raise Defect("a stored record names words beyond its end")
    bits = bits[:, :n_groups]
    np.invert(bits[:, :n_full], out=bits[:, :n_full])
    return np.ascontiguousarray(bits)


def _in_groups(words: Words) -> Words:
    """Return shape (n, groups, 8); what is missing in the last group is zero."""
    missing = -words.shape[1] % GROUP_WORDS
    filled = np.pad(words, ((0, 0), (0, missing))) if missing else words
    return filled.reshape(len(words), -1, GROUP_WORDS)


def _from_groups(kept: Words, bits: UInt8s, n_words: int) -> Words:
    """Return the rows whose words that are not zero `kept` are, one after another."""
    places = np.flatnonzero(bits != 0)
    used: Words = np.zeros(len(places) * GROUP_WORDS, "<u4")
    is_kept = np.unpackbits(bits.reshape(-1).take(places), bitorder="little").view(np.bool_)
    used[np.flatnonzero(is_kept)] = kept
    groups = np.zeros(bits.size, _GROUP)
    groups[places] = used.view(_GROUP)
    words: Words = groups.view("<u4").reshape(len(bits), -1)
    if words[:, n_words:].any():
        raise Defect("a stored record names words beyond its end")
    return np.ascontiguousarray(words[:, :n_words])


def _ones(bits: UInt8s) -> Int64s:
    """Return how many bits are set in each row."""
    # Eight bytes at a time where rows are whole numbers of eight bytes, as those of records are.
    numbers = bits if bits.shape[1] % 8 else bits.view("<u8")
    return np.asarray(np.bitwise_count(numbers).sum(axis=1, dtype=np.int64))


def _ends(lengths: Int64s) -> list[int]:
    """Return where each of some stretches ends that lie one after another, after a zero."""
    return [0, *np.cumsum(lengths).tolist()]
