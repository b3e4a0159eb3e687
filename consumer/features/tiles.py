"""Tiles: exact sums, counts and maxima over six rolling windows, from 81 partial aggregates.

A window of 365 days cannot keep its events, so amounts are kept in tiles: the events of one hop, added
up. Each window has a ring of tiles as long as the window; short windows have short hops. The rings are
NESTED: an event lies in exactly one tile, in the finest ring that still reaches back to it, and moves
to the next coarser ring when its tile leaves the finer one:

    age of event:   now ──── 1 h ──── 24 h ──── 7 d ──── 30 d ──── 90 d ──── 365 d ──► dropped
    its tile is of:   5 min      2 h      12 h     60 h     180 h     720 h

So window l is everything in rings 0..l, and the six windows are one cumulative sum over rings.
Every hop divides the next, hence a tile always moves into one tile as a whole.

Rules of this file: pure arithmetic on the record's tile fields; sums are exact integers, so neither
the order of arrival nor the cut into batches can change them; counts saturate instead of wrapping.

Theory: windows are half-open at event granularity at the head (exact to the last event) and at hop
granularity at the tail: window l at time T holds the events with t // hop >= (T - window) // hop, so
it reaches back between one window and one window plus one hop. Partial aggregates of this kind are
"panes" in Li et al. (2005), "No pane, no gain", SIGMOD Record 34(1); nesting them is our addition.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.features.event_columns import Bools, Floats, Int64s
from consumer.features.layout import Records
from consumer.vocabulary.time import DAY_MS, HOUR_MS, MINUTE_MS


@dataclass(frozen=True, slots=True)
class Ring:
    """One window and the hop of its tiles."""

    window: str
    window_ms: int
    hop_ms: int

    @property
    def length(self) -> int:
        """Slots: the hops that a window spans, rounded up, and the one that it starts in."""
        return -(-self.window_ms // self.hop_ms) + 1


RINGS: Final = (
    Ring("1h", HOUR_MS, 5 * MINUTE_MS),
    Ring("24h", 24 * HOUR_MS, 2 * HOUR_MS),
    Ring("7d", 7 * DAY_MS, 12 * HOUR_MS),
    Ring("30d", 30 * DAY_MS, 60 * HOUR_MS),
    Ring("90d", 90 * DAY_MS, 180 * HOUR_MS),
    Ring("365d", 365 * DAY_MS, 720 * HOUR_MS),
)
WINDOWS: Final = tuple(ring.window for ring in RINGS)

DEBIT: Final = 0
CREDIT: Final = 1
TOO_OLD_LEVEL: Final = len(RINGS)
"""The level of an event that no ring reaches back to."""

N_SLOTS: Final = sum(ring.length for ring in RINGS)
N_COLUMNS: Final = 2 * N_SLOTS
"""Tiles of a record: all debit slots, then all credit slots."""

MAX_COUNT: Final = 65_535

_HOP_MS: Final = np.array([ring.hop_ms for ring in RINGS])
_LENGTH: Final = np.array([ring.length for ring in RINGS])
_FIRST_SLOT: Final = np.concatenate(([0], np.cumsum(_LENGTH)[:-1]))
_LEVEL_OF_SLOT: Final = np.repeat(np.arange(len(RINGS)), _LENGTH)
_SLOT_IN_RING: Final = np.arange(N_SLOTS) - _FIRST_SLOT[_LEVEL_OF_SLOT]


def _ages(length: int) -> NDArray[np.int8]:
    """Return table[p, s] = age in hops of slot s when the newest tile is in slot p."""
    newest, slot = np.ogrid[:length, :length]
    return ((newest - slot) % length).astype(np.int8)


_LENGTH_MAX: Final = int(_LENGTH.max())


def _ranks() -> Int64s:
    """Return table[s, p] = rank by age of slot s when the newest tile of its ring is in slot p.

    It is its own inverse: table[r, p] = slot of rank r.
    """
    first, length = _FIRST_SLOT[_LEVEL_OF_SLOT], _LENGTH[_LEVEL_OF_SLOT]
    newest = np.arange(_LENGTH_MAX)[:, None]
    return np.ascontiguousarray((first + (newest - _SLOT_IN_RING) % length).T)


_RANKS: Final = _ranks()
_AGES: Final = tuple(_ages(ring.length) for ring in RINGS)
"""Looked up instead of computed: a division for each of 81 slots would be the dearest step of the fold."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """Amounts that want a tile: events that arrive, or tiles that outgrew their ring.

    row : row among the customers of the wave
    direction : DEBIT or CREDIT
    time_ms : event time, or start of the tile
    """

    row: Int64s
    direction: Int64s
    time_ms: Int64s
    count: Int64s
    sum_minor: Int64s
    max_minor: NDArray[np.float32]


def level_starts(as_of_ms: Int64s) -> Int64s:
    """Return the start of each ring's oldest live tile, in ms.

    Parameters
    ----------
    as_of_ms : shape (n,)

    Returns
    -------
    shape (n, 6), falling from left to right
    """
    starts = np.empty((len(as_of_ms), len(RINGS)), dtype=np.int64)
    for level, ring in enumerate(RINGS):
        starts[:, level] = (as_of_ms - ring.window_ms) // ring.hop_ms * ring.hop_ms
    return starts


def level_of(time_ms: Int64s, starts_ms: Int64s) -> Int64s:
    """Return the ring that an event belongs to: 0 the finest, `TOO_OLD_LEVEL` none.

    Parameters
    ----------
    time_ms : shape (n,)
    starts_ms : shape (n, 6), from `level_starts`
    """
    return np.asarray((time_ms[:, None] < starts_ms).sum(axis=1))


def is_too_old(time_ms: Int64s, as_of_ms: Int64s) -> Bools:
    """Return which events no ring reaches back to any more."""
    longest = RINGS[-1]
    return np.asarray(time_ms // longest.hop_ms < (as_of_ms - longest.window_ms) // longest.hop_ms)


def has_hopped(before_ms: Int64s, after_ms: Int64s) -> Bools:
    """Return where a tile may fall out of its ring, or a half-life end, between two times of a record.

    Every window, every hop and every half-life is a whole number of the shortest hop, so nothing ends within one.
    A customer with many events at once spares all the ageing.
    """
    return np.asarray(before_ms // RINGS[0].hop_ms != after_ms // RINGS[0].hop_ms)


def take_expired(records: Records, customers: Int64s, before_ms: Int64s, starts_ms: Int64s) -> Pieces:
    """Clear the tiles that fall out of their ring and return their content.

    Parameters
    ----------
    customers : shape (n,), rows of `records`, each at most once
    before_ms : shape (n,), time that the tiles are as of
    starts_ms : shape (n, 6), `level_starts` of the time that they are to be as of
    """
    counts = records["tile_count"][customers]
    newest = before_ms[:, None] // _HOP_MS
    leaving = (counts != 0).reshape(-1, 2, N_SLOTS) & _expired_slots(newest, starts_ms)[:, None, :]
    row, column = np.divmod(np.flatnonzero(leaving), N_COLUMNS)
    direction, slot = np.divmod(column, N_SLOTS)
    level = _LEVEL_OF_SLOT[slot]
    top = newest[row, level]
    time_ms = (top - (top - _SLOT_IN_RING[slot]) % _LENGTH[level]) * _HOP_MS[level]
    owner = customers[row]
    pieces = Pieces(
        row=row,
        direction=direction,
        time_ms=time_ms,
        count=counts[row, column].astype(np.int64),
        sum_minor=records["tile_sum"][owner, column],
        max_minor=records["tile_max"][owner, column],
    )
    for name in ("tile_count", "tile_sum", "tile_max"):
        records[name][owner, column] = 0
    return pieces


def _expired_slots(newest: Int64s, starts_ms: Int64s) -> Bools:
    """Return for each customer and slot whether its tile starts before its ring does; shape (n, 81)."""
    expired = np.empty((len(newest), N_SLOTS), dtype=bool)
    for level, ring in enumerate(RINGS):
        top = newest[:, level]
        oldest_age = np.minimum(np.maximum(top - starts_ms[:, level] // ring.hop_ms, -1), ring.length).astype(
            np.int8
        )
        first = _FIRST_SLOT[level]
        age = _AGES[level][top % ring.length]
        np.greater(age, oldest_age[:, None], out=expired[:, first : first + ring.length])
    return expired


def place(records: Records, customers: Int64s, starts_ms: Int64s, pieces: Pieces) -> None:
    """Add pieces to the tiles that they belong to; what is older than every ring is dropped.

    Pieces of one tile are added up first, so that each tile is written once.
    """
    level = level_of(pieces.time_ms, starts_ms[pieces.row])
    kept = np.flatnonzero(level < TOO_OLD_LEVEL)
    if not len(kept):
        return
    level = level[kept]
    slot = _FIRST_SLOT[level] + pieces.time_ms[kept] // _HOP_MS[level] % _LENGTH[level]
    target = pieces.row[kept] * N_COLUMNS + pieces.direction[kept] * N_SLOTS + slot
    order = np.argsort(target, kind="stable")
    target, kept = target[order], kept[order]
    first = np.flatnonzero(np.concatenate(([True], target[1:] != target[:-1])))
    row, column = np.divmod(target[first], N_COLUMNS)
    owner = customers[row]
    counts, sums, maxima = records["tile_count"], records["tile_sum"], records["tile_max"]
    total = counts[owner, column] + np.add.reduceat(pieces.count[kept], first)
    counts[owner, column] = np.minimum(total, MAX_COUNT)
    sums[owner, column] += np.add.reduceat(pieces.sum_minor[kept], first)
    largest = np.maximum.reduceat(pieces.max_minor[kept], first)
    maxima[owner, column] = np.maximum(maxima[owner, column], largest)


def joined(first: Pieces, second: Pieces) -> Pieces:
    """Return the pieces of both."""
    return Pieces(
        *(
            np.concatenate((getattr(first, name), getattr(second, name)))
            for name in ("row", "direction", "time_ms", "count", "sum_minor", "max_minor")
        )
    )


@dataclass(frozen=True, slots=True)
class WindowTotals:
    """What each window holds; every array has shape (n, 2 directions, 6 windows)."""

    count: Int64s
    sum_minor: Int64s
    max_minor: Floats


def window_totals(records: Records) -> WindowTotals:
    """Return count, sum and maximum of every window as of each record's `as_of_ms`.

    Examples
    --------
    >>> from consumer.features.catalogue import catalogue_for
    >>> from consumer.features.record import empty_records
    >>> window_totals(empty_records(catalogue_for(("mortgage",)).layout, 1)).count[0, DEBIT]
    array([0, 0, 0, 0, 0, 0])
    """

    def by_level(name: str) -> NDArray[np.generic]:
        return np.ascontiguousarray(records[name]).reshape(-1, 2, N_SLOTS)

    count = np.add.reduceat(by_level("tile_count"), _FIRST_SLOT, axis=2, dtype=np.int64)
    sum_minor = np.add.reduceat(by_level("tile_sum"), _FIRST_SLOT, axis=2)
    max_minor = np.maximum.reduceat(by_level("tile_max"), _FIRST_SLOT, axis=2)
    return WindowTotals(
        count=np.cumsum(count, axis=2),
        sum_minor=np.cumsum(sum_minor, axis=2),
        max_minor=np.maximum.accumulate(max_minor, axis=2).astype(np.float64),
    )


def clear_hidden_maxima(records: Records) -> Int64s:
    """Zero, in place, each tile maximum that a newer tile reaches or exceeds, and return where there was any.

    Any window that holds the older tile holds the newer one too, and tiles only ever merge with their
    neighbours in time, so no window can ever show the hidden value: clearing it changes no feature and
    saves four stored bytes for most tiles. What is left rises from new to old like a staircase.

        newest → oldest   3  1  7  0  5  9      becomes      3  0  7  0  0  9

    Most maxima are cleared already, so the few that are left are listed, each as one number: customer and
    direction, rank by age, and the bits of the amount, which order as positive floats do. Sorted, a running maximum
    over the numbers without the ranks starts afresh with each customer and direction.

    Returns
    -------
    places of all maxima that were not zero before, among the tiles of all records
    """
    maxima = records["tile_max"]
    found = np.flatnonzero(maxima != 0)
    row = found // N_COLUMNS
    column = found - row * N_COLUMNS
    owner = found // N_SLOTS
    slot = found - owner * N_SLOTS
    newest = (records["as_of_ms"][:, None] // _HOP_MS % _LENGTH).reshape(-1)
    rank = _RANKS.take(slot * _LENGTH_MAX + newest.take(row * len(RINGS) + _LEVEL_OF_SLOT.take(slot)))
    tiles = (owner * N_SLOTS + rank) << 32 | maxima[row, column].view(np.uint32)
    tiles.sort()
    ranked = tiles >> 32
    owner = ranked // N_SLOTS
    steps = owner << 32 | tiles & 0xFFFFFFFF
    hidden = np.flatnonzero(steps[1:] <= np.maximum.accumulate(steps)[:-1]) + 1
    owner = owner[hidden]
    row, rank = owner // 2, ranked[hidden] - owner * N_SLOTS
    slot = _RANKS.take(rank * _LENGTH_MAX + newest.take(row * len(RINGS) + _LEVEL_OF_SLOT.take(rank)))
    maxima[row, slot + owner % 2 * N_SLOTS] = 0
    return found
