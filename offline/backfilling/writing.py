"""Customer records to the store, partition by partition, so that a scorer goes on as after a former owner.

A bank's records do not fit into one atomic call. Until the last call of a partition its state carries a mark
that no scorer goes past (`UNFINISHED_BACKFILL`), so an interrupted backfill is never read on from as if it
were whole:

    take over       the epoch rises: a scorer that still runs can write no more
    mark            all partitions first; what an outbox held is dropped
    clear           what the partition had before, where it had something
    records         10,000 a call, one MSET each
    positions       where to read on, and the stream time; the mark goes in the same call

Rules of this file: only the store's port, and `clear` for what the port cannot do; fenced like a scorer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from consumer.features.event_columns import Int64s
from consumer.features.layout import Layout, Records
from consumer.features.record import pack
from consumer.ports import UNFINISHED_BACKFILL, PartitionState, PartitionWrite, StateStore
from consumer.vocabulary.errors import ConfigurationError

RECORDS_A_CALL: Final = 10_000
"""About 5 MB: large enough that the round trip is nothing, small enough that Redis answers others meanwhile."""

Clear = Callable[[int], None]
"""Drops all customer records, open decisions and deadlines of a partition."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who writes where: the store, the number of partitions, and whether older state may go."""

    store: StateStore
    clear: Clear
    n_partitions: int
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class PartitionContent:
    """What one partition gets.

    customer_ids : names of `rows`; rows : of the records
    positions : role → next offset to read; stream_time_ms : largest event time of its customers
    """

    partition: int
    customer_ids: Sequence[str]
    rows: Int64s
    positions: Mapping[str, int]
    stream_time_ms: int


def check_free(own: Ownership, partitions: Sequence[int]) -> list[PartitionState]:
    """Take partitions over, and return their states.

    Raises
    ------
    ConfigurationError : a partition has state of its own, and `replaces` does not say that it may go; or the
        state is of another number of partitions
    """
    states = [own.store.take_over(number, n_partitions=own.n_partitions)[0] for number in partitions]
    used = [state.partition for state in states if _has_state(state)]
    if used and not own.replaces:
        named = ", ".join(map(str, used))
        raise ConfigurationError(
            f"The store already has state of partition {named}: a backfill would overwrite what scorers have "
            f"written; stop the scorers and give --replace to drop that state first, or use another namespace."
        )
    return states


def write_partitions(
    own: Ownership, layout: Layout, records: Records, contents: Sequence[PartitionContent]
) -> int:
    """Write all partitions, and return the number of records.

    Raises
    ------
    ConfigurationError : state of its own came up meanwhile, or a scorer took a partition over
    """
    own.store.remember_layout(layout.fingerprint, layout.to_json())
    states = check_free(own, [content.partition for content in contents])
    marked = [_mark(own.store, state) for state in states]
    return sum(
        _write_partition(own, layout, records, content=content, state=state)
        for content, state in zip(contents, marked, strict=True)
    )


def _has_state(state: PartitionState) -> bool:
    is_unfinished = UNFINISHED_BACKFILL in state.extra
    return not is_unfinished and bool(state.sequence or state.positions)


def _mark(store: StateStore, state: PartitionState) -> PartitionState:
    after = replace(
        state, sequence=state.sequence + 1, positions={}, stream_time_ms=0, extra={UNFINISHED_BACKFILL: 1.0}
    )
    _write(store, state, after, {})
    return after


def _write_partition(
    own: Ownership, layout: Layout, records: Records, *, content: PartitionContent, state: PartitionState
) -> int:
    if state.sequence > 1:
        own.clear(content.partition)
    count = 0
    for values in _stored(layout, records, content):
        after = replace(state, sequence=state.sequence + 1)
        _write(own.store, state, after, values)
        state, count = after, count + len(values)
    done = replace(
        state,
        sequence=state.sequence + 1,
        positions=dict(content.positions),
        stream_time_ms=content.stream_time_ms,
        extra={},
    )
    _write(own.store, state, done, {})
    return count


def _stored(layout: Layout, records: Records, content: PartitionContent) -> Iterator[dict[str, bytes | None]]:
    """Yield customer id → stored record; a record with nothing in it is not stored."""
    for start in range(0, len(content.rows), RECORDS_A_CALL):
        rows = content.rows[start : start + RECORDS_A_CALL]
        part = records[rows]
        values = pack(layout, part)
        names = content.customer_ids[start : start + RECORDS_A_CALL]
        kept = np.flatnonzero(part["as_of_ms"] > 0).tolist()
        yield {names[place]: values[place] for place in kept}


def _write(
    store: StateStore, before: PartitionState, after: PartitionState, records: Mapping[str, bytes | None]
) -> None:
    change = PartitionWrite(
        expected=before,
        after=after,
        records=records,
        open_decisions={},
        deadlines={},
        outbox=None,
        published_sequence=before.sequence,
    )
    if store.write([change]):
        raise ConfigurationError(
            f"A scorer took partition {before.partition} over meanwhile: stop all scorers, then run the backfill "
            f"again with --replace."
        )
