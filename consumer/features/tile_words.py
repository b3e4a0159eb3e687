"""Tiles in their stored form: sum and count in ONE word, and the largest amount only where it is not the sum.

In memory a tile has eight bytes of sum, two of count and four of its largest amount, so that the fold can add
without looking. A tile of less than 2 ** 24 minor units (167,772.15) and of less than 128 transactions, as nearly
all are, needs one word. Its top bit says that its largest amount is its sum, as it is of a single one, and
then that is not stored:

    sum 4,711 minor, count 1, largest 4,711     bit 31: 1   bits 24-30: 1   bits 0-23: 4,711      67 12 00 81

A record in which every tile is like this has the NARROW form. Any other has the WIDE form: every largest amount
is stored, a count has all of bits 24-31, and two more words a tile hold what is left:

    bits 0-7: bits 24-31 of the sum, bits 8-15: bits 8-15 of the count;     bits 32-63 of the sum

Rules of this file: both directions are exact for any bytes; the form of a record depends on that record alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from consumer.features.event_columns import Bools, Int64s
from consumer.features.layout import Records
from consumer.features.zero_words import GROUP_WORDS, WORD_BYTES, Words

Form = Literal["narrow", "wide"]

_SUM: Final = "tile_sum"
_COUNT: Final = "tile_count"
_LARGEST: Final = "tile_max"
_SUM_BITS: Final = np.uint32(24)
_SUM_MASK: Final = np.uint32(2**24 - 1)
_COUNT_BITS: Final = 8
_COUNT_MASK: Final = 2 ** (_COUNT_BITS - 1) - 1
_COUNT_HIGH: Final = np.uint32(0xFF00)
_COUNT_BYTE: Final = 3
_IS_LARGEST: Final = np.uint32(2**31)


@dataclass(frozen=True, slots=True)
class TilePlaces:
    """Where the tiles' words are in a row.

    maxima : of the largest amounts
    planes : of the tiles' first, second and third words
    n_words : of a whole row, in each form
    """

    maxima: slice
    planes: tuple[slice, slice, slice]
    n_words: dict[Form, int]

    @property
    def n_tiles(self) -> int:
        """Tiles of a record."""
        return int(self.maxima.stop - self.maxima.start)


def tile_places(n_tiles: int, *, maxima: int, first: int) -> TilePlaces:
    """Return the places of the largest amounts from the word `maxima` on, of all else from the word `first` on."""
    step = -(-n_tiles // GROUP_WORDS) * GROUP_WORDS
    one, two, three = (slice(first + i * step, first + i * step + n_tiles) for i in range(3))
    n_words: dict[Form, int] = {"narrow": first + step, "wide": first + 3 * step}
    return TilePlaces(slice(maxima, maxima + n_tiles), (one, two, three), n_words)


def is_wide(records: Records) -> Bools:
    """Return which records have a tile that one word cannot hold."""
    # The common case first: two looks at the whole batch instead of two for each record.
    sums, counts = records[_SUM].view("<u8"), records[_COUNT]
    if sums.max(initial=0) <= _SUM_MASK and counts.max(initial=0) <= _COUNT_MASK:
        return np.zeros(len(records), dtype=bool)
    return np.asarray((sums.max(axis=1) > _SUM_MASK) | (counts.max(axis=1) > _COUNT_MASK))


def write_tiles(records: Records, form: Form, places: TilePlaces, *, maxima: Int64s, into: Words) -> None:
    """Write the words of the tiles of `records`, which this form can hold, to their places in `into`.

    Parameters
    ----------
    maxima : places, among the tiles of all records, of the largest amounts that may be a sum
    """
    sums, counts = records[_SUM].view("<u4"), records[_COUNT].view(np.uint8)
    into[:, places.planes[0]] = sums[:, 0::2]
    _top_bytes(places, into)[...] = counts[:, 0::2]
    into[:, places.maxima] = records[_LARGEST].view("<u4")
    if form == "narrow":
        _drop_known_maxima(places, into, maxima)
        return
    second = records[_COUNT] & np.uint16(_COUNT_HIGH)
    into[:, places.planes[1]] = sums[:, 0::2] >> _SUM_BITS | second
    into[:, places.planes[2]] = sums[:, 1::2]


def read_tiles(words: Words, form: Form, places: TilePlaces, *, into: Records) -> None:
    """Write the tiles whose words `write_tiles` wrote to `into`, which is all zero."""
    if form == "narrow":
        _restore_known_maxima(places, words)
    first = words[:, places.planes[0]]
    sums = into[_SUM].view("<u4")
    np.bitwise_and(first, _SUM_MASK, out=sums[:, 0::2])
    np.right_shift(first, _SUM_BITS, out=into[_COUNT], casting="unsafe")
    if form == "wide":
        second = words[:, places.planes[1]]
        sums[:, 0::2] |= second << _SUM_BITS
        sums[:, 1::2] = words[:, places.planes[2]]
        into[_COUNT] |= (second & _COUNT_HIGH).astype("<u2")
    into[_LARGEST].view("<u4")[...] = words[:, places.maxima]


def _drop_known_maxima(places: TilePlaces, words: Words, maxima: Int64s) -> None:
    """Zero the largest amounts that are the sums of their tiles, and say so in the tiles."""
    flat = words.reshape(-1)
    at = _flat_places(places, words, maxima) + places.maxima.start
    tiles = at + (places.planes[0].start - places.maxima.start)
    sums, largest = flat.take(tiles), flat.take(at)
    is_known = np.flatnonzero((_as_amounts(sums) == largest) & (largest != 0))
    flat[at.take(is_known)] = 0
    flat[tiles.take(is_known)] = sums.take(is_known) | _IS_LARGEST


def _restore_known_maxima(places: TilePlaces, words: Words) -> None:
    """Undo `_drop_known_maxima`, in place."""
    flat = words.reshape(-1)
    found = np.flatnonzero(words[:, places.planes[0]] >= _IS_LARGEST)
    tiles = _flat_places(places, words, found) + places.planes[0].start
    sums = flat.take(tiles) ^ _IS_LARGEST
    flat[tiles] = sums
    flat[tiles - (places.planes[0].start - places.maxima.start)] = _as_amounts(sums)


def _as_amounts(tiles: Words) -> Words:
    """Return the bits of the sums of tiles, as the largest amounts are kept: 32-bit floats hold 24 bits exactly."""
    amounts: Words = (tiles & _SUM_MASK).astype("<f4").view("<u4")
    return amounts


def _flat_places(places: TilePlaces, words: Words, tiles: Int64s) -> Int64s:
    """Return the places of tiles in all rows of words, counted from their first tile's, from those among tiles."""
    return np.asarray(tiles + tiles // places.n_tiles * (words.shape[1] - places.n_tiles))


def _top_bytes(places: TilePlaces, words: Words) -> NDArray[np.uint8]:
    """Return the top byte of each tile's first word, as a view."""
    first = places.planes[0]
    return words.view(np.uint8)[
        :, first.start * WORD_BYTES + _COUNT_BYTE : first.stop * WORD_BYTES : WORD_BYTES
    ]
