"""A record as words that are nearly all zero, and the other way round.

    usual      words of the small fields that nearly every customer has, in the order of `stored_order`
    decayed    the decayed sums, in an order of their own
    largest    of each tile the largest amount
    rare       the other words of the small fields
    tiles      sums and counts, in a narrow or a wide form (`tile_words`)

Of the small fields, three times are what they lie before the record's own time, and dates before the
year 2052: this makes most of them zero or two bytes long, and it is its own inverse, exact for any
numbers, since all of it is modulo 2 ** 64 or 2 ** 32. A time that most customers do not have is never turned, for it
is zero then.

Rules of this file: both directions are exact for any bytes; a batch is turned as a whole; a row is a whole number of
groups, for `zero_words`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consumer.features.byte_order import ByteOrder, byte_order
from consumer.features.event_columns import NO_DAY, Int64s
from consumer.features.layout import Layout, Records
from consumer.features.stored_order import WIDE_FIELDS, Places, between, ends_of, rare_bytes, usual_bytes
from consumer.features.tile_words import Form, TilePlaces, read_tiles, tile_places, write_tiles
from consumer.features.zero_words import GROUP_WORDS, WORD_BYTES, Words
from consumer.vocabulary.time import SECOND_MS

Bytes = NDArray[np.uint8]
Stretches = tuple[tuple[int, int, slice], ...]
"""First byte of a record, the byte after the last, and where they are among the small fields."""

_USUAL_DECAYED: Final = 24
"""Decayed sums that nearly every customer has: of spending, balance, salary and the first kind of interaction."""

_DAYS_FROM: Final = np.uint32(30_000 - NO_DAY)
"""Dates are days before this one, in 2052: from 1872 on in two bytes."""


_TURNED: Final = {
    "as_of": "as_of_ms",
    "balance": "balance_ms",
    "seconds": "last_transaction_s",
    "days": "birth_day",
}
"""Times that others are told from or that are turned, and the field where each begins: two fields of seconds,
the last transaction's and interaction's, and two of days, of birth and of joining."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where everything lies, for one layout.

    stretches : of a record's bytes, all but those of `WIDE_FIELDS`; one after another they are the small fields
    times : rows of small fields, of which only the times of `_TURNED` are named
    forwards, backwards : from the small fields to stored order, and the other way round
    usual, decayed, rare : words of a row
    """

    stretches: Stretches
    times: np.dtype[np.void]
    forwards: ByteOrder
    backwards: ByteOrder
    usual: slice
    decayed: slice
    rare: slice
    tiles: TilePlaces


def n_words_of(layout: Layout, form: Form) -> int:
    """Return how many words a record of this form has."""
    return _plan(layout).tiles.n_words[form]


def n_full_groups_of(layout: Layout) -> int:
    """Return how many groups, at the beginning of a record's words, are expected to hold no zero."""
    return (int(_plan(layout).decayed.start) + _USUAL_DECAYED) // GROUP_WORDS


def free_value(records: Records, name: str) -> Any:
    """Return what the field of each record would hold if it cost no byte: zero, or the time that it is told from.

    Examples
    --------
    >>> from consumer.features.catalogue import catalogue_for
    >>> records = np.zeros(1, catalogue_for(("mortgage",)).layout.dtype)
    >>> records["as_of_ms"] = 7_000
    >>> [free_value(records, name).item() for name in ("last_transaction_s", "balance_ms")]
    [7, 7000]
    >>> free_value(records, "salary_ms")
    0
    """
    if name == "balance_ms":
        return records["as_of_ms"]
    if name in ("last_transaction_s", "last_interaction_s"):
        return records["as_of_ms"] // SECOND_MS
    return _DAYS_FROM if name in ("birth_day", "joined_day") else 0


def to_words(layout: Layout, records: Records, form: Form, *, maxima: Int64s) -> Words:
    """Return the words of records that this form can hold; `maxima` is what `clear_hidden_maxima` returned."""
    plan = _plan(layout)
    words: Words = np.zeros((len(records), plan.tiles.n_words[form]), "<u4")
    small = _small_words(plan, records)
    words[:, plan.usual] = small[:, : plan.usual.stop]
    words[:, plan.rare] = small[:, plan.usual.stop :]
    words[:, plan.decayed] = records["decayed"].view("<u4")
    write_tiles(records, form, plan.tiles, maxima=maxima, into=words)
    return words


def from_words(layout: Layout, words: Words, form: Form, *, into: Records) -> None:
    """Write the records that `to_words` turned into these words over `into`, which is all zero."""
    plan = _plan(layout)
    small = plan.backwards.apply(np.concatenate([words[:, plan.usual], words[:, plan.rare]], axis=1))
    small_bytes, target = small.view(np.uint8), _bytes_of(into)
    _turn_times(small_bytes.view(plan.times)[:, 0])
    for start, end, there in plan.stretches:
        target[:, start:end] = small_bytes[:, there]
    into["decayed"].view("<u4")[...] = words[:, plan.decayed]
    read_tiles(words, form, plan.tiles, into=into)


def _small_words(plan: _Plan, records: Records) -> Words:
    """Return the stored words of the small fields, the usual ones first."""
    small: Bytes = np.empty((len(records), plan.times.itemsize), np.uint8)
    source = _bytes_of(records)
    for start, end, there in plan.stretches:
        small[:, there] = source[:, start:end]
    _turn_times(small.view(plan.times)[:, 0])
    return plan.forwards.apply(small.view("<u4"))


def _turn_times(rows: Records) -> None:
    """Turn times into what they lie before others, or back, in place."""
    as_of_ms, balance_ms, seconds, days = (rows[name] for name in _TURNED)
    np.subtract(as_of_ms, balance_ms, out=balance_ms)
    np.subtract((as_of_ms // SECOND_MS).astype(np.uint32)[:, None], seconds, out=seconds)
    np.subtract(_DAYS_FROM, days, out=days)


@cache
def _plan(layout: Layout) -> _Plan:
    stretches = _stretches(layout)
    n_usual, order = _stored_order(layout, stretches)
    n_decayed, n_tiles = (layout.dtype[name].shape[0] for name in ("decayed", "tile_sum"))
    n_rare = len(order) // WORD_BYTES - n_usual
    decayed, largest, rare, end = accumulate([n_usual, n_decayed, n_tiles, n_rare])
    return _Plan(
        stretches=stretches,
        times=_turned_dtype(layout, stretches),
        forwards=byte_order(order),
        backwards=byte_order(np.argsort(order)),
        usual=slice(0, decayed),
        decayed=slice(decayed, largest),
        rare=slice(rare, end),
        tiles=tile_places(n_tiles, maxima=largest, first=-(-end // GROUP_WORDS) * GROUP_WORDS),
    )


def _stored_order(layout: Layout, stretches: Stretches) -> tuple[int, Places]:
    """Return how many words are usual, and the bytes of the small fields in stored order."""
    usual, rare = usual_bytes(layout), rare_bytes(layout)
    # The last usual word is filled up from the end, where records have bytes that nothing is written to.
    cut = len(rare) - -len(usual) % WORD_BYTES
    place = np.zeros(layout.dtype.itemsize, dtype=np.intp)
    for start, end, there in stretches:
        place[start:end] = np.arange(there.start, there.stop)
    return -(-len(usual) // WORD_BYTES), place[np.concatenate([usual, rare[cut:], rare[:cut]])]


def _turned_dtype(layout: Layout, stretches: Stretches) -> np.dtype[np.void]:
    """Return where the times that are turned lie in rows of small fields: two of each kind lie side by side."""
    firsts = [ends_of(layout, name)[0] for name in _TURNED.values()]
    offsets = [
        first - start + there.start
        for first in firsts
        for start, end, there in stretches
        if start <= first < end
    ]
    formats = ["<i8", "<i8", ("<u4", (2,)), ("<u4", (2,))]
    itemsize = stretches[-1][-1].stop
    return np.dtype({"names": [*_TURNED], "formats": formats, "offsets": offsets, "itemsize": itemsize})


def _stretches(layout: Layout) -> Stretches:
    """Return the stretches of a record's bytes between the wide fields, and where they are one after another."""
    cut = between(layout, WIDE_FIELDS)
    stops = accumulate(end - start for start, end in cut)
    return tuple(
        (start, end, slice(stop - (end - start), stop)) for (start, end), stop in zip(cut, stops, strict=True)
    )


def _bytes_of(records: Records) -> Bytes:
    return records.view(np.uint8).reshape(len(records), -1)
