"""A record as words that are nearly all zero: sum and count of a tile in ONE word, the rest as it lies.

In memory a tile has eight bytes of sum and two of count, so that the fold can add without looking. A tile
of less than 2 ** 24 minor units (167,772.15) and of less than 256 transactions, as nearly all are, needs one
word of four bytes:

    sum 4,711 minor, count 3      bits 24-31: 3   bits 0-23: 4,711      67 12 00 03

A record in which every tile is like this has the NARROW form: everything but sums and counts, then these
words. Any other record has the WIDE form, which goes on with two words a tile for what is left:

    bits 0-7: bits 24-31 of the sum, bits 8-15: bits 8-15 of the count;     bits 32-63 of the sum

Rules of this file: both directions are exact for any bytes; the form of a record depends on that record
alone; a batch is turned as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from consumer.features.event_columns import Bools
from consumer.features.layout import Layout, Records
from consumer.features.zero_words import GROUP_WORDS, WORD_BYTES, Words

Form = Literal["narrow", "wide"]
Bytes = NDArray[np.uint8]

_SUM: Final = "tile_sum"
_COUNT: Final = "tile_count"
_SUM_BITS: Final = 24
_SUM_MASK: Final = np.uint32(2**_SUM_BITS - 1)
_COUNT_BITS: Final = 8
_COUNT_MASK: Final = np.uint32(2**_COUNT_BITS - 1)
_COUNT_BYTE: Final = 3


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where everything lies; `rest` are the stretches of a record's bytes that are neither sum nor count.

    The words of a form: the rest in whole groups, then one, or three times, `n_tiles` words in whole groups.
    """

    rest: tuple[tuple[int, int], ...]
    n_rest: int
    n_tiles: int

    def n_words(self, form: Form) -> int:
        """Words of a record in this form."""
        return self.n_rest + (1 if form == "narrow" else 3) * _in_whole_groups(self.n_tiles)

    def plane(self, number: int) -> slice:
        """Places of the tiles' first, second or third words."""
        start = self.n_rest + number * _in_whole_groups(self.n_tiles)
        return slice(start, start + self.n_tiles)


def n_words_of(layout: Layout, form: Form) -> int:
    """Return how many words a record of this form has."""
    return _plan(layout).n_words(form)


def is_wide(records: Records) -> Bools:
    """Return which records have a tile that one word cannot hold."""
    names = records.dtype.names or ()
    if _SUM not in names:
        return np.zeros(len(records), dtype=bool)
    # The common case first: two looks at the whole batch instead of two for each record.
    sums, counts = records[_SUM].view("<u8"), records[_COUNT]
    if sums.max(initial=0) <= _SUM_MASK and counts.max(initial=0) <= _COUNT_MASK:
        return np.zeros(len(records), dtype=bool)
    return np.asarray((sums.max(axis=1) > _SUM_MASK) | (counts.max(axis=1) > _COUNT_MASK))


def to_words(layout: Layout, records: Records, form: Form) -> Words:
    """Return the words of records that this form can hold."""
    plan = _plan(layout)
    words: Words = np.zeros((len(records), plan.n_words(form)), "<u4")
    _copy_rest(plan, _bytes_of(records), words.view(np.uint8))
    if not plan.n_tiles:
        return words
    sums, counts = _halves(records[_SUM], "<u4"), _halves(records[_COUNT], np.uint8)
    np.bitwise_and(sums[0], _SUM_MASK, out=words[:, plan.plane(0)])
    _top_bytes(plan, words)[...] = counts[0]
    if form == "wide":
        words[:, plan.plane(1)] = sums[0] >> _SUM_BITS | counts[1].astype("<u4") << _COUNT_BITS
        words[:, plan.plane(2)] = sums[1]
    return words


def from_words(layout: Layout, words: Words, form: Form, *, into: Records) -> None:
    """Write the records that `to_words` turned into these words over `into`, which is all zero."""
    plan, records = _plan(layout), into
    _copy_rest(plan, words.view(np.uint8), _bytes_of(records), back=True)
    if not plan.n_tiles:
        return
    sums, counts = _halves(records[_SUM], "<u4"), _halves(records[_COUNT], np.uint8)
    np.bitwise_and(words[:, plan.plane(0)], _SUM_MASK, out=sums[0])
    counts[0][...] = _top_bytes(plan, words)
    if form == "wide":
        second = words[:, plan.plane(1)]
        sums[0][...] |= second << _SUM_BITS
        counts[1][...] = second >> _COUNT_BITS
        sums[1][...] = words[:, plan.plane(2)]


def _halves(column: NDArray[Any], half: str | type[np.uint8]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the low and the high halves of a column's numbers, as views."""
    halves = column.view(half)
    return halves[:, 0::2], halves[:, 1::2]


def _top_bytes(plan: _Plan, words: Words) -> Bytes:
    """Return the top byte of each tile's first word, as a view."""
    places = plan.plane(0)
    return words.view(np.uint8)[
        :, places.start * WORD_BYTES + _COUNT_BYTE : places.stop * WORD_BYTES : WORD_BYTES
    ]


@cache
def _plan(layout: Layout) -> _Plan:
    dtype = layout.dtype
    tiles = [name for name in (_SUM, _COUNT) if name in (dtype.names or ())]
    cuts = sorted((dtype.fields[name][1], dtype.fields[name][0].itemsize) for name in tiles if dtype.fields)
    starts = [0, *(offset + size for offset, size in cuts)]
    ends = [*(offset for offset, _ in cuts), dtype.itemsize]
    rest = tuple(zip(starts, ends, strict=True))
    n_bytes = sum(end - start for start, end in rest)
    n_tiles = dtype[_SUM].shape[0] if tiles else 0
    return _Plan(rest, _in_whole_groups(-(-n_bytes // WORD_BYTES)), n_tiles)


def _in_whole_groups(n_words: int) -> int:
    return -(-n_words // GROUP_WORDS) * GROUP_WORDS


def _bytes_of(records: Records) -> Bytes:
    return records.view(np.uint8).reshape(len(records), -1)


def _copy_rest(plan: _Plan, source: Bytes, target: Bytes, *, back: bool = False) -> None:
    """Copy the stretches of records one after another, or back to where they lie in records."""
    at = 0
    for start, end in plan.rest:
        there = slice(at, at + end - start)
        if back:
            target[:, start:end] = source[:, there]
        else:
            target[:, there] = source[:, start:end]
        at += end - start
