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
from itertools import pairwise, repeat
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
    bits = np.packbits((groups != 0).reshape(-1), bitorder="little").reshape(len(groups), -1)
    is_used = bits != 0
    places = np.flatnonzero(is_used)
    used = groups.view(_GROUP).reshape(-1).take(places).view("<u4")
    row_bits = _ends(is_used.sum(axis=1))
    row_words = _ends(np.bitwise_count(bits).sum(axis=1, dtype=np.int64) * WORD_BYTES)
    all_maps = np.packbits(is_used, axis=1, bitorder="little")
    own_maps = all_maps.reshape(-1).view(f"V{all_maps.shape[1]}").tolist()
    all_bits, all_words = (
        bits.reshape(-1).take(places).tobytes(),
        used.take(np.flatnonzero(used != 0)).tobytes(),
    )
    own_bits = [all_bits[start:end] for start, end in pairwise(row_bits)]
    own_words = [all_words[start:end] for start, end in pairwise(row_words)]
    return list(map(b"".join, zip(repeat(head), own_maps, own_bits, own_words, strict=False)))


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


def _ends(lengths: Int64s) -> list[int]:
    """Return where each of some stretches ends that lie one after another, after a zero."""
    return [0, *np.cumsum(lengths).tolist()]


def _words_bytes(maps: UInt8s, bitmap: UInt8s) -> Int64s:
    """Return how many bytes of words each row keeps."""
    kept = np.concatenate(([0], np.cumsum(np.bitwise_count(bitmap), dtype=np.int64)))
    return np.diff(kept[np.cumsum(_ones(maps))], prepend=0) * WORD_BYTES
