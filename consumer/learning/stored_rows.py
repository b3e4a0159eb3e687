"""Rows of open decisions as short bytes: differences first, then only the bytes that are not zero.

The decisions of one customer are alike: weeks apart, most inputs (age, income, holdings, traits) are the
same or nearly so. So a row is written as what differs from the customer's row before it, times as what
they follow, and of the result only the bytes that are not zero:

    decided 20 days after the row before       the difference in ms, 4 bytes instead of 8
    delivered 3 s later, window 30 days, ...    2, 4 and 0 bytes: the deadline is where both say that it is
    inputs 4,711 then 4,708 thousandths         1 byte, for -3

    1 byte of map a 64 bytes of row, 1 bit a byte of row, then the bytes

Rules of this file: both directions are exact for any bytes, with differences modulo 2 ** 64 and 2 ** 32; small
negative differences become small numbers by zigzag (0, -1, 1, -2 ... are 0, 1, 2, 3 ...).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consumer.vocabulary.errors import Defect

Rows = NDArray[np.void]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

_CODES: Final = ("topic_code", "channel", "state", "has_inputs")
_KEYS: Final = ("model_key", "product_key", "offer_key", "segment")
_TIMES: Final = ("decided_ms", "delivered_ms", "window_ms", "deadline_ms", "forget_ms")
_AS_THEY_ARE: Final = ("offset", "logging_propensity", "p_accept")
_INPUT_BYTES: Final = 4


@cache
def _fixed_dtype() -> np.dtype[np.void]:
    """Return the type of everything in a row but its inputs, turned into small numbers."""
    codes = [(name, "u1") for name in _CODES]
    return np.dtype([*codes, *((n, "<u2") for n in _KEYS), *((n, "<u8") for n in (*_TIMES, *_AS_THEY_ARE))])


def row_bytes(rows: Rows, is_first: Bools) -> list[bytes]:
    """Return the short form of each row.

    Parameters
    ----------
    rows : shape (k,), one customer's after another's
    is_first : shape (k,), True at each customer's first row
    """
    inputs = np.ascontiguousarray(rows["inputs_milli"])
    planes = _zigzag(_differences(inputs, is_first)).view(np.uint8).reshape(*inputs.shape, _INPUT_BYTES)
    fixed = _fixed(rows, is_first).view(np.uint8).reshape(len(rows), -1)
    # Low bytes of all inputs, then their second bytes: what is zero lies together.
    return _without_zeros(np.concatenate([fixed, planes.swapaxes(1, 2).reshape(len(rows), -1)], axis=1))


def rows_from(values: Sequence[bytes], is_first: Bools, into: Rows) -> None:
    """Write the rows of short forms over `into`.

    Raises
    ------
    Defect : a value is not what `row_bytes` wrote
    """
    n_inputs = into.dtype["inputs_milli"].shape[0]
    n_fixed = _fixed_dtype().itemsize
    whole = _with_zeros(values, n_fixed + n_inputs * _INPUT_BYTES)
    _write_fixed(np.ascontiguousarray(whole[:, :n_fixed]).view(_fixed_dtype())[:, 0], is_first, into)
    planes = whole[:, n_fixed:].reshape(len(values), _INPUT_BYTES, n_inputs)
    told = np.empty((len(values), n_inputs, _INPUT_BYTES), np.uint8)
    for place in range(_INPUT_BYTES):
        told[:, :, place] = planes[:, place]
    into["inputs_milli"] = _running_sums(_unzigzag(told.view("<u4")[:, :, 0]), is_first)


def _fixed(rows: Rows, is_first: Bools) -> Rows:
    fixed = np.zeros(len(rows), _fixed_dtype())
    for name in (*_CODES, *_KEYS, *_AS_THEY_ARE):
        fixed[name] = np.ascontiguousarray(rows[name]).view(fixed.dtype[name])
    fixed["has_inputs"] ^= 1
    fixed["product_key"] ^= fixed["model_key"]
    decided, delivered, window, deadline, forget = (np.ascontiguousarray(rows[name]) for name in _TIMES)
    told = (
        _differences(decided, is_first),
        delivered - decided,
        window,
        deadline - np.maximum(decided, delivered) - window,
        forget - deadline,
    )
    for name, number in zip(_TIMES, told, strict=True):
        fixed[name] = _zigzag(number)
    return fixed


def _write_fixed(fixed: Rows, is_first: Bools, into: Rows) -> None:
    fixed["has_inputs"] ^= 1
    fixed["product_key"] ^= fixed["model_key"]
    for name in (*_CODES, *_KEYS, *_AS_THEY_ARE):
        into[name] = np.ascontiguousarray(fixed[name]).view(into.dtype[name])
    step, delay, window, slack, kept = (_unzigzag(fixed[name]) for name in _TIMES)
    decided = _running_sums(step, is_first)
    delivered = decided + delay
    deadline = slack + np.maximum(decided, delivered) + window
    for name, number in zip(_TIMES, (decided, delivered, window, deadline, deadline + kept), strict=True):
        into[name] = number


def _differences(numbers: NDArray[Any], is_first: Bools) -> NDArray[Any]:
    """Return what each row adds to the row before; a first row stays as it is."""
    before = np.roll(numbers, 1, axis=0)
    before[is_first] = 0
    return np.asarray(numbers - before)


def _running_sums(differences: NDArray[Any], is_first: Bools) -> NDArray[Any]:
    """Return what `_differences` was made from; most customers have one row, and nothing to add."""
    total = differences.copy()
    starts = np.flatnonzero(is_first)
    turn = np.arange(len(total)) - starts[np.cumsum(is_first) - 1]
    for number in range(1, int(turn.max(initial=0)) + 1):
        rows = np.flatnonzero(turn == number)
        total[rows] += total[rows - 1]
    return total


def _zigzag(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return signed numbers as unsigned ones that are small where they are near zero."""
    bits = 8 * numbers.itemsize - 1
    return np.asarray(((numbers << 1) ^ (numbers >> bits)).view(f"<u{numbers.itemsize}"))


def _unzigzag(numbers: NDArray[Any]) -> NDArray[Any]:
    signed = np.ascontiguousarray(numbers >> 1).view(f"<i{numbers.itemsize}")
    return np.asarray(signed ^ -np.ascontiguousarray(numbers & 1).view(signed.dtype))


def _without_zeros(matrix: Bytes) -> list[bytes]:
    """Return the bytes of each row that are not zero, after a bitmap that says which and a map of the bitmap.

    Examples
    --------
    >>> [short] = _without_zeros(np.array([[0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 7]], np.uint8))
    >>> short.hex(" ")
    '02 05 09 07'
    """
    is_kept = matrix != 0
    bits = np.packbits(is_kept, axis=1, bitorder="little")
    is_used = bits != 0
    maps = np.packbits(is_used, axis=1, bitorder="little")
    whole = np.concatenate([maps, bits, matrix], axis=1)
    kept = np.concatenate([np.ones(maps.shape, dtype=bool), is_used, is_kept], axis=1)
    joined = whole[kept].tobytes()
    ends = np.cumsum(maps.shape[1] + _ones(maps) + _ones(bits)).tolist()
    return [joined[start:end] for start, end in pairwise([0, *ends])]


def _with_zeros(values: Sequence[bytes], width: int) -> Bytes:
    """Return the rows of `width` bytes that `_without_zeros` made short."""
    n_bits = -(-width // 8)
    n_map = -(-n_bits // 8)
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    if lengths.min(initial=n_map) < n_map:
        raise Defect("A stored open decision is cut short.")
    maps = np.frombuffer(b"".join([value[:n_map] for value in values]), np.uint8).reshape(-1, n_map)
    is_used = np.unpackbits(maps, axis=1, count=n_bits, bitorder="little").view(np.bool_)
    ends = (n_map + _ones(maps)).tolist()
    told = b"".join([value[n_map:end] for value, end in zip(values, ends, strict=True)])
    bits = np.zeros(is_used.shape, np.uint8)
    if len(told) == np.count_nonzero(is_used):
        bits[is_used] = np.frombuffer(told, np.uint8)
    is_kept = np.unpackbits(bits, axis=1, count=width, bitorder="little").view(np.bool_)
    if not np.array_equal(lengths, ends + _ones(bits)):
        raise Defect("A stored open decision does not match its own bitmap.")
    matrix = np.zeros(is_kept.shape, np.uint8)
    matrix[is_kept] = np.frombuffer(
        b"".join([v[end:] for v, end in zip(values, ends, strict=True)]), np.uint8
    )
    return matrix


def _ones(bits: Bytes) -> Int64s:
    """Return how many bits are set in each row."""
    return np.asarray(np.bitwise_count(bits).sum(axis=1, dtype=np.int64))
