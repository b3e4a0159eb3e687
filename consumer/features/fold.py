"""The fold: events into customer records, in order of arrival, a wave at a time.

Wave k holds the k-th event of each customer in the batch, so no customer occurs twice in a wave and a
wave is plain column arithmetic. Everything that an event does to a record depends on that record and
that event alone, element by element: a batch gives bit for bit what the same events give one at a time.

Rules of this file: the order of steps and the verdict on each event; what the steps do is elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum

import numpy as np

from consumer.features.catalogue import FeatureCatalogue
from consumer.features.contributions import add_contributions
from consumer.features.decay import move_landmarks
from consumer.features.decayed_columns import DecayedColumns
from consumer.features.event_columns import PROFILE, TRAITS, TRANSACTION, EventColumns, Int64s, UInt8s
from consumer.features.last_values import update_last_values
from consumer.features.layout import Records
from consumer.features.profile import objects_to_profiling, update_profiles
from consumer.features.recent_events import is_duplicate, remember
from consumer.features.tiles import Pieces, has_hopped, is_too_old, joined, level_starts, place, take_expired
from consumer.features.traits import update_traits


class Disposition(IntEnum):
    """What became of an event."""

    APPLIED = 0
    DUPLICATE = 1
    TOO_OLD = 2
    SUPPRESSED = 3


_APPLIED, _DUPLICATE, _TOO_OLD, _SUPPRESSED = (disposition.value for disposition in Disposition)


def waves(customer: Int64s) -> list[Int64s]:
    """Return the event rows of each wave: wave k holds the k-th event of each customer, in order.

    Examples
    --------
    >>> [wave.tolist() for wave in waves(np.array([7, 7, 3, 7, 3]))]
    [[0, 2], [1, 4], [3]]
    """
    if not len(customer):
        return []
    order = np.argsort(customer, kind="stable")
    grouped = customer[order]
    is_first = np.concatenate(([True], grouped[1:] != grouped[:-1]))
    starts = np.flatnonzero(is_first)
    turn = np.empty(len(customer), dtype=np.int64)
    turn[order] = np.arange(len(customer)) - starts[np.cumsum(is_first) - 1]
    by_turn = np.argsort(turn, kind="stable")
    return np.split(by_turn, np.cumsum(np.bincount(turn))[:-1])


def fold(catalogue: FeatureCatalogue, records: Records, events: EventColumns) -> UInt8s:
    """Fold all events into `records`, in place, and return what became of each (`Disposition`)."""
    dispositions = np.empty(len(events), dtype=np.uint8)
    for rows in waves(events.customer):
        dispositions[rows] = fold_wave(catalogue, records, events, rows)
    return dispositions


def fold_wave(catalogue: FeatureCatalogue, records: Records, events: EventColumns, rows: Int64s) -> UInt8s:
    """Fold the events at `rows` into `records`, in place, and return what became of each.

    Parameters
    ----------
    records : one record a customer of the batch
    rows : rows of `events` in rising order, each customer at most once

    Returns
    -------
    shape (len(rows),), `Disposition` values
    """
    dispositions = _judge(records, events, rows)
    applied, too_old = rows[dispositions == _APPLIED], rows[dispositions == _TOO_OLD]
    for seen in (applied, too_old):
        if len(seen):
            remember(records, events.customer[seen], events.event_key[seen])
    records["too_old_count"][events.customer[too_old]] += 1
    _apply(records, events, applied, catalogue.columns)
    return dispositions


def _judge(records: Records, events: EventColumns, rows: Int64s) -> UInt8s:
    """Return the disposition of each event, before anything is changed."""
    customer, time_ms, source = events.customer[rows], events.event_time_ms[rows], events.source[rows]
    as_of_ms = np.maximum(records["as_of_ms"][customer], time_ms)
    is_activity = source >= TRANSACTION
    too_old = is_activity & is_too_old(time_ms, as_of_ms)
    duplicate = is_duplicate(records, customer, events.event_key[rows])
    suppressed = objects_to_profiling(records, customer) & (source != PROFILE)
    verdict = np.full(len(rows), _APPLIED, dtype=np.uint8)
    verdict[too_old] = _TOO_OLD
    verdict[duplicate] = _DUPLICATE
    verdict[suppressed] = _SUPPRESSED
    return verdict


def _apply(records: Records, events: EventColumns, rows: Int64s, columns: DecayedColumns) -> None:
    """Let the events at `rows`, all accepted, change their customers' records."""
    if not len(rows):
        return
    customer, time_ms, source = events.customer[rows], events.event_time_ms[rows], events.source[rows]
    before_ms = records["as_of_ms"][customer]
    after_ms = np.maximum(before_ms, time_ms)
    records["as_of_ms"][customer] = after_ms
    starts_ms = level_starts(after_ms)
    pieces = _arriving(events, rows)
    moved = np.flatnonzero(has_hopped(before_ms, after_ms))
    if len(moved):
        owner, before = customer[moved], before_ms[moved]
        expired = take_expired(records, owner, before, starts_ms[moved])
        pieces = joined(replace(expired, row=moved[expired.row]), pieces)
        move_landmarks(records, owner, before, after_ms[moved], group=columns.group)
    place(records, customer, starts_ms, pieces)
    add_contributions(records, events, rows, as_of_ms=after_ms, columns=columns)
    update_last_values(records, events, rows)
    update_traits(records, events, rows[source == TRAITS])
    update_profiles(records, events, rows[source == PROFILE])


def _arriving(events: EventColumns, rows: Int64s) -> Pieces:
    """Return the amounts of the transactions among `rows`."""
    place_in_wave = np.flatnonzero(events.source[rows] == TRANSACTION)
    transactions = rows[place_in_wave]
    amount = events.amount_minor[transactions]
    return Pieces(
        row=place_in_wave,
        direction=events.is_credit[transactions].astype(np.int64),
        time_ms=events.event_time_ms[transactions],
        count=np.ones(len(transactions), dtype=np.int64),
        sum_minor=amount,
        max_minor=amount.astype(np.float32),
    )
