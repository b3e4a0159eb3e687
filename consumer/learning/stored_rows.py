"""Rows of open decisions as short bytes: small numbers first, then only the bytes that are not zero.

    26 bytes of fields that hardly a row does without                         `short_fields`
    map of the bitmap (1 byte for 64 bytes), what it keeps of the bitmap (1 bit a byte), and of the
    bitmaps of the inputs and the other bytes of the fields those that are not zero
    widths of the inputs, 1 byte for 8 numbers; then the inputs, 2 bits at a time     `short_inputs`

Rules of this file: both directions are exact for any bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.learning.short_fields import ALWAYS, fields_dtype, fields_into, short_fields
from consumer.learning.short_inputs import (
    bitmaps_bytes,
    inputs_from,
    later_rows,
    n_groups_of,
    n_pairs_of,
    ones,
    short_inputs,
    width_codes,
)
from consumer.vocabulary.errors import Defect

Rows = NDArray[np.void]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

_MAP: Final = 1
"""Bytes of map: it covers the last 64 bytes, which are the fields' and nearly always zero."""

_BLOCK: Final = 500
"""Rows that are made short at a time, about: half a megabyte each way, which stays in the cache."""


def row_bytes(rows: Rows, is_first: Bools) -> list[bytes]:
    """Return the short form of each row.

    Parameters
    ----------
    rows : shape (k,), one customer's after another's
    is_first : shape (k,), True at each customer's first row
    """
    made = (_block_bytes(rows[start:end], is_first[start:end]) for start, end in _blocks(is_first))
    return list(chain.from_iterable(made))


def rows_from(values: Sequence[bytes], is_first: Bools, into: Rows) -> None:
    """Write the rows of short forms over `into`.

    Raises
    ------
    Defect : a value is not what `row_bytes` wrote
    """
    for start, end in _blocks(is_first):
        _block_from(values[start:end], is_first[start:end], into[start:end])


def _blocks(is_first: Bools) -> Iterable[tuple[int, int]]:
    """Return where blocks of whole customers start and end."""
    starts = np.flatnonzero(is_first)
    wanted = np.arange(0, len(is_first), _BLOCK)
    return pairwise(
        [*np.unique(starts[np.searchsorted(starts, wanted, "right") - 1]).tolist(), len(is_first)]
    )


def _block_bytes(rows: Rows, is_first: Bools) -> list[bytes]:
    fields = short_fields(rows, is_first)
    inputs = short_inputs(rows["inputs_milli"], is_first)
    matrix = np.concatenate([inputs.bitmaps, fields[:, ALWAYS:]], axis=1)
    is_kept = matrix != 0
    bits = np.packbits(is_kept, axis=1, bitorder="little")
    n_told = _bits_told(matrix.shape[1])
    is_used = bits[:, n_told:] != 0
    maps = np.packbits(is_used, axis=1, bitorder="little")
    n_widths = (inputs.n_groups + 1) // 2
    is_width = np.arange(inputs.widths.shape[1]) < n_widths[:, None]
    always = [fields[:, :ALWAYS], maps, bits[:, :n_told]]
    n_always = sum(part.shape[1] for part in always)
    is_always = np.ones((len(rows), n_always), dtype=bool)
    whole = np.concatenate([*always, bits[:, n_told:], matrix, inputs.widths], axis=1)
    heads = whole[np.concatenate([is_always, is_used, is_kept, is_width], axis=1)].tobytes()
    ends = np.cumsum(n_always + ones(maps) + ones(bits) + n_widths).tolist()
    pairs, pairs_ends = inputs.pairs.tobytes(), np.cumsum(inputs.n_pairs).tolist()
    places = zip([0, *ends[:-1]], ends, [0, *pairs_ends[:-1]], pairs_ends, strict=True)
    return [heads[a:b] + pairs[c:d] for a, b, c, d in places]


def _block_from(values: Sequence[bytes], is_first: Bools, into: Rows) -> None:
    n_inputs = into.dtype["inputs_milli"].shape[0]
    n_bitmaps = bitmaps_bytes(n_inputs)
    stored = _Stored.of(values)
    always, others, at = _with_zeros(stored, n_bitmaps + fields_dtype().itemsize - ALWAYS)
    bitmaps = others[:, :n_bitmaps]
    n_groups = n_groups_of(bitmaps)
    widths, at = stored.part(at, (n_groups + 1) // 2)
    codes = width_codes(widths, n_groups)
    pairs, at = stored.part(at, n_pairs_of(codes, n_groups))
    if not np.array_equal(at, stored.ends):
        raise Defect("A stored open decision goes on after its last input.")
    later = later_rows(is_first)
    fields_into(into, np.concatenate([always, others[:, n_bitmaps:]], axis=1), later)
    into["inputs_milli"] = inputs_from(bitmaps, codes, pairs, later=later, n_inputs=n_inputs)


@dataclass(frozen=True, slots=True)
class _Stored:
    """Short rows one after another; `ends` is where each ends."""

    told: Bytes
    starts: Int64s
    ends: Int64s

    @classmethod
    def of(cls, values: Sequence[bytes]) -> _Stored:
        lengths = np.fromiter(map(len, values), np.int64, len(values))
        ends = np.cumsum(lengths)
        return cls(np.frombuffer(b"".join(values), np.uint8), ends - lengths, ends)

    def part(self, starts: Int64s, lengths: Int64s) -> tuple[Bytes, Int64s]:
        """Return some bytes of each row, one row's after another's, and where they end in each."""
        ends = starts + lengths
        if (ends > self.ends).any():
            raise Defect("A stored open decision is cut short.")
        before = np.cumsum(lengths)
        places = np.repeat(starts - before + lengths, lengths)
        places += np.arange(len(places))
        return self.told[places], ends


def _with_zeros(stored: _Stored, width: int) -> tuple[Bytes, Bytes, Int64s]:
    """Return the bytes that are always there, the `width` others with their zeros, and where they end."""
    n_bits = -(-width // 8)
    n_told = _bits_told(width)
    n_head = ALWAYS + _MAP + n_told
    told, at = stored.part(stored.starts, np.full(len(stored.starts), n_head))
    head = told.reshape(-1, n_head)
    maps = head[:, ALWAYS : ALWAYS + _MAP]
    is_used = np.unpackbits(maps, axis=1, count=n_bits - n_told, bitorder="little").view(np.bool_)
    told, at = stored.part(at, ones(maps))
    bits = np.concatenate([head[:, ALWAYS + _MAP :], _filled(is_used, told)], axis=1)
    is_kept = np.unpackbits(bits, axis=1, count=width, bitorder="little").view(np.bool_)
    told, at = stored.part(at, ones(bits))
    return head[:, :ALWAYS], _filled(is_kept, told), at


def _bits_told(width: int) -> int:
    """Return how many bytes of a bitmap for `width` bytes come before those that the map is of."""
    return max(0, -(-width // 8) - 8 * _MAP)


def _filled(mask: Bools, told: Bytes) -> Bytes:
    """Return zeros with `told` where the mask is true."""
    if len(told) != np.count_nonzero(mask):
        raise Defect("A stored open decision does not match its own bitmap.")
    matrix = np.zeros(mask.shape, np.uint8)
    matrix[mask] = told
    return matrix
