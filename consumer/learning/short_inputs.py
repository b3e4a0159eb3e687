"""Model inputs of open decisions as short bytes: groups of four numbers, each group as wide as its largest.

Most inputs are zero, or 1,000 (an indicator in thousandths), or below 2 ** 14. So a row of inputs is two
bitmaps and, of what is neither zero nor 1,000, groups of four in their order, two bits of each at a time:

    inputs     0  1000  5174  5222  0  5054  1000  19  ...
    told       0  0     1     1     0  1     0     1       1 bit a number: it stands in a group
    thousand   0  1     0     0     0  0     1     0       1 bit a number: it is 1,000, or thousands of it
    group      5174 5222 5054 19: 13 bits at most, 7 pairs of bits; byte 0 holds the lowest pair of each of
               the four, byte 6 the highest
    widths     6, the number of pairs less 1: half a byte a group

The inputs of a customer's further decisions are differences to the decision before (zigzag: 0, -1, 1, -2 ...
are 0, 1, 2, 3 ...); what is in the last group beside the last numbers is zero.

Rules of this file: pure; exact for any 32-bit numbers, however long the groups get.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
UInt32s = NDArray[np.uint32]
UInt64s = NDArray[np.uint64]

_GROUP: Final = 4
_PAIRS: Final = 16
_IS_KEPT: Final = np.tri(_PAIRS, dtype=bool)
"""Row w: which of the 16 pairs of bits a group of width code w keeps."""

_NO_ROWS: Final = np.zeros(0, dtype=np.int64)

_THOUSAND: Final = 1_000
_LARGE_BITS: Final = 14
_LARGE: Final = 1 << _LARGE_BITS
_EXPONENT_AT: Final = 52
_EXPONENT_BIAS: Final = 1023


@dataclass(frozen=True, slots=True)
class ShortInputs:
    """Inputs of n rows in short.

    bitmaps : shape (n, `bitmaps_bytes`), which are told, which are thousands; zero where nothing is
    widths : shape (n, `widths_bytes`), two groups a byte; of a row the first `n_widths` mean something
    pairs : pairs of bits, four a byte, of all rows; `n_pairs` bytes are each row's
    """

    bitmaps: Bytes
    widths: Bytes
    n_groups: Int64s
    pairs: Bytes
    n_pairs: Int64s


def bitmaps_bytes(n_inputs: int) -> int:
    """Return how many bytes the bitmaps of a row take."""
    return _columns(n_inputs) // 4


def widths_bytes(n_inputs: int) -> int:
    """Return how many bytes the widths of a row take at most."""
    return _columns(n_inputs) // 8


def short_inputs(inputs: Int32s, is_first: Bools) -> ShortInputs:
    """Return rows of inputs in short.

    Parameters
    ----------
    inputs : shape (n, F), one customer's rows after another's
    is_first : shape (n,), True at each customer's first row
    """
    n_inputs = inputs.shape[1]
    numbers = _numbers(inputs, is_first)
    is_thousand = numbers == _THOUSAND
    is_told = (numbers != 0) ^ is_thousand
    _shorten_large(numbers, is_thousand, is_first)
    bitmaps = np.packbits(np.concatenate([is_told, is_thousand], axis=1), axis=1, bitorder="little")
    n_groups = n_groups_of(bitmaps)
    _fill(is_told, ones(bitmaps[:, : bitmaps.shape[1] // 2]), n_inputs)
    groups = numbers[is_told].reshape(-1, _GROUP)
    codes = _codes(groups)
    return ShortInputs(
        bitmaps=bitmaps,
        widths=_two_a_byte(codes, n_groups, widths_bytes(n_inputs)),
        n_groups=n_groups,
        pairs=_pairs_of(groups)[np.take(_IS_KEPT, codes, axis=0)],
        n_pairs=n_pairs_of(codes, n_groups),
    )


def n_groups_of(bitmaps: Bytes) -> Int64s:
    """Return how many groups each row has; two have their widths in one byte."""
    return np.asarray(-(-ones(bitmaps[:, : bitmaps.shape[1] // 2]) // _GROUP))


def width_codes(widths: Bytes, n_groups: Int64s) -> Bytes:
    """Return the width codes of the groups of all rows.

    Parameters
    ----------
    widths : of all rows, (n_groups + 1) // 2 bytes of each
    """
    halves = np.empty((len(widths), 2), np.uint8)
    np.bitwise_and(widths, 15, out=halves[:, 0])
    np.right_shift(widths, 4, out=halves[:, 1])
    row_ends = np.cumsum(n_groups + (n_groups & 1))
    return np.delete(halves.reshape(-1), row_ends[n_groups & 1 == 1] - 1)


def n_pairs_of(codes: Bytes, n_groups: Int64s) -> Int64s:
    """Return how many bytes the pairs of bits of each row take."""
    total = np.concatenate([[0], np.cumsum(codes, dtype=np.int64)])
    ends = np.cumsum(n_groups)
    return np.asarray(total[ends] - total[ends - n_groups] + n_groups)


def inputs_from(
    bitmaps: Bytes, codes: Bytes, pairs: Bytes, *, later: Sequence[Int64s], n_inputs: int
) -> Int32s:
    """Return the inputs that `short_inputs` made these of, shape (n, F).

    Parameters
    ----------
    later : `later_rows`
    """
    half = bitmaps.shape[1] // 2
    told, thousands = bitmaps[:, :half], bitmaps[:, half:]
    is_told = np.unpackbits(told, axis=1, bitorder="little").view(np.bool_)
    _fill(is_told, ones(told), n_inputs)
    planes = np.zeros((len(codes), _PAIRS), np.uint8)
    planes[np.take(_IS_KEPT, codes, axis=0)] = pairs
    numbers = np.zeros(is_told.shape, np.uint32)
    numbers[is_told] = _groups_of(planes).reshape(-1)
    is_thousand = np.unpackbits(thousands, axis=1, bitorder="little").view(np.bool_)
    is_signed = np.ones(len(numbers), dtype=bool)
    inputs: Int32s = numbers.view(np.int32)[:, :n_inputs]
    rows = np.concatenate([_NO_ROWS, *later])
    is_signed[rows] = False
    _lengthen(numbers, is_told, is_thousand, is_signed)
    inputs[rows] = unzigzag(numbers[rows, :n_inputs])
    add_up(inputs, later)
    return inputs


def _columns(n_inputs: int) -> int:
    """Return with how many columns one computes: with room to fill the last group, and whole bytes of bits."""
    return -(-(n_inputs + _GROUP - 1) // 8) * 8


def _numbers(inputs: Int32s, is_first: Bools) -> UInt32s:
    """Return the numbers to store, `_columns` of them."""
    n_inputs = inputs.shape[1]
    numbers = np.zeros((len(inputs), _columns(n_inputs)), np.int32)
    numbers[:, :n_inputs] = inputs
    later = np.flatnonzero(~is_first)
    if len(later):
        numbers[later, :n_inputs] = zigzag(inputs[later] - inputs[later - 1]).view(np.int32)
    return numbers.view(np.uint32)


def _shorten_large(numbers: UInt32s, is_thousand: Bools, is_first: Bools) -> None:
    """Write thousands without their zeros, and the sign of a first row's number beside what is small."""
    flat = numbers.reshape(-1)
    places = np.flatnonzero(flat >= _LARGE)
    large = flat[places]
    is_round = large % _THOUSAND == 0
    is_thousand.reshape(-1)[places[is_round]] = True
    is_signed = is_first[places // numbers.shape[1]]
    flat[places] = np.where(is_round, large // _THOUSAND, np.where(is_signed, _sign_moved_in(large), large))


def _lengthen(numbers: UInt32s, is_told: Bools, is_thousand: Bools, is_signed: Bools) -> None:
    """Undo `_shorten_large`, and write the thousands that are not told."""
    flat = numbers.reshape(-1)
    places = np.flatnonzero(flat >= _LARGE)
    places = places[is_signed[places // numbers.shape[1]] & ~is_thousand.reshape(-1)[places]]
    flat[places] = _sign_moved_out(flat[places])
    places = np.flatnonzero(is_thousand)
    flat[places] = np.where(is_told.reshape(-1)[places], flat[places], 1) * np.uint32(_THOUSAND)


def _sign_moved_in(numbers: UInt32s) -> UInt32s:
    """Return 32-bit signed numbers with the sign in bit 14: what is slightly negative needs 15 bits, not 32."""
    sign = numbers >> 31
    size = numbers ^ (np.uint32(0) - sign)
    return np.asarray(
        (size & (_LARGE - 1)) | sign << _LARGE_BITS | (size >> _LARGE_BITS) << (_LARGE_BITS + 1)
    )


def _sign_moved_out(numbers: UInt32s) -> UInt32s:
    sign = (numbers >> _LARGE_BITS) & 1
    size = (numbers & (_LARGE - 1)) | (numbers >> (_LARGE_BITS + 1)) << _LARGE_BITS
    return np.asarray(size ^ (np.uint32(0) - sign))


def _fill(is_told: Bools, n_told: Int64s, n_inputs: int) -> None:
    """Take in as many columns after the inputs, all zero, as fill the last group of each row."""
    is_told[:, n_inputs : n_inputs + _GROUP - 1] = np.arange(_GROUP - 1) < (-n_told % _GROUP)[:, None]


def _codes(groups: UInt32s) -> Bytes:
    """Return how many pairs of bits the largest number of each group has, less 1."""
    together = groups[:, 0] | groups[:, 1] | groups[:, 2] | groups[:, 3]
    exponents = (together.astype(np.float64).view(np.int64) >> _EXPONENT_AT) - _EXPONENT_BIAS
    return np.asarray(exponents >> 1).astype(np.uint8)


def _pairs_of(groups: UInt32s) -> Bytes:
    """Return the pairs of bits of each group, lowest first, one byte for the same pair of all four numbers."""
    return _pairs_turned(_bytes_turned(groups)).view(np.uint8)


def _groups_of(pairs: Bytes) -> UInt32s:
    """Return what `_pairs_of` was given."""
    return _bytes_turned(_pairs_turned(pairs.view(np.uint64)).view(np.uint32)).view(np.uint32)


def _bytes_turned(groups: UInt32s) -> UInt64s:
    """Return groups as squares of 4 x 4 bytes, turned over their diagonal; twice is nothing.

    Warren (2013), Hacker's Delight, 7-3: first within squares of 2 x 2, then these squares themselves.
    """
    words = _swapped(groups.view(np.uint64), 24, 0x00000000FF00FF00)
    swap = words[:, 0] >> 16
    swap ^= words[:, 1]
    swap &= 0x0000FFFF0000FFFF
    words[:, 1] ^= swap
    swap <<= 16
    words[:, 0] ^= swap
    return words


def _pairs_turned(words: UInt64s) -> UInt64s:
    """Return the halves of words as squares of 4 x 4 pairs of bits, turned over their diagonal."""
    return _swapped(_swapped(words, 6, 0x00CC00CC00CC00CC), 12, 0x0000F0F00000F0F0)


def _swapped(words: UInt64s, distance: int, low: int) -> UInt64s:
    """Return words with the bits at `low` and those `distance` above them exchanged."""
    swap = words >> np.uint64(distance)
    swap ^= words
    swap &= np.uint64(low)
    swapped = words ^ swap
    swap <<= np.uint64(distance)
    swapped ^= swap
    return np.asarray(swapped)


def _two_a_byte(codes: Bytes, n_groups: Int64s, n_bytes: int) -> Bytes:
    """Return codes below 16 as half bytes, one row's in a row."""
    halves = np.zeros((len(n_groups), n_bytes, 2), np.uint8)
    halves.reshape(len(n_groups), -1)[np.arange(2 * n_bytes) < n_groups[:, None]] = codes
    return np.asarray(halves[:, :, 0] | halves[:, :, 1] << 4)


def ones(bits: Bytes) -> Int64s:
    """Return how many bits are set in each row."""
    return np.asarray(np.bitwise_count(bits).sum(axis=1, dtype=np.int64))


def later_rows(is_first: Bools) -> list[Int64s]:
    """Return every customer's second row, every third one and so on; most customers have only one."""
    if is_first.all():
        return []
    turn = np.arange(len(is_first)) - np.flatnonzero(is_first)[np.cumsum(is_first) - 1]
    return [np.flatnonzero(turn == number) for number in range(1, int(turn.max()) + 1)]


def add_up(differences: NDArray[Any], later: Sequence[Int64s]) -> None:
    """Add to each of `later_rows` the row before it."""
    for rows in later:
        differences[rows] += differences[rows - 1]


def zigzag(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return signed numbers as unsigned ones that are small where they are near zero."""
    bits = 8 * numbers.itemsize - 1
    return np.asarray(((numbers << 1) ^ (numbers >> bits)).view(f"<u{numbers.itemsize}"))


def unzigzag(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return what `zigzag` was given."""
    signed = np.ascontiguousarray(numbers >> 1).view(f"<i{numbers.itemsize}")
    return np.asarray(signed ^ -np.ascontiguousarray(numbers & 1).view(signed.dtype))
