"""Taking a partition over: where to read on, what to publish first, what to hold back.

The store holds the truth of where the partition is; the broker's committed offset tells what has
been published. Their difference says what happened to the former owner:

    store ahead of committed     it died between write and publish: publish the outbox as stored
    store equal to committed     it stopped well: read on
    store behind committed       the store lost its newest writes: read on from the store with
                                 publication suppressed up to the committed offsets, and decisions
                                 up to there read back instead of made again

Rules of this file: pure; the runtime asks broker and store, this decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consumer.ports import UNFINISHED_BACKFILL, Bounds, OutboxEntry, PartitionState
from consumer.vocabulary.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class TakeoverPlan:
    """What a new owner does before it reads its first record.

    start : role → next offset to read
    republish : outbox entries that are not visible yet, in order
    suppressed_until : role → offset; outputs of events before it are visible already
    visible_until : role → offset to which everything is visible when `republish` is published
    """

    start: Mapping[str, int]
    republish: tuple[OutboxEntry, ...]
    suppressed_until: Mapping[str, int]
    visible_until: Mapping[str, int]


def plan_takeover(
    state: PartitionState,
    outbox: Sequence[OutboxEntry],
    *,
    committed: Mapping[str, int],
    bounds: Mapping[str, Bounds],
) -> TakeoverPlan:
    """Return the plan for one partition.

    Parameters
    ----------
    state, outbox : what the store holds, after the epoch was raised
    committed : role → stable committed next offset; roles never committed are absent
    bounds : role → what the log holds

    Raises
    ------
    ConfigurationError : the log does not hold the position any more, or a backfill was interrupted; a person
        has to choose
    """
    _check_finished(state)
    start = {role: _start_of(role, state, bounds[role]) for role in bounds}
    for role in bounds.keys() & committed.keys():
        _check_committed(role, state.partition, committed[role], bounds[role])
    republish = tuple(entry for entry in outbox if not _is_published(entry, committed))
    suppressed = {role: offset for role, offset in committed.items() if offset > start.get(role, 0)}
    visible = {
        role: max(committed.get(role, bounds[role].low), *(e.positions.get(role, 0) for e in republish), 0)
        for role in bounds
    }
    return TakeoverPlan(start, republish, suppressed, visible)


def _check_finished(state: PartitionState) -> None:
    """Half a backfill with its topics read on top would count some events twice and others never."""
    if UNFINISHED_BACKFILL in state.extra:
        raise ConfigurationError(
            f"partition {state.partition}: a backfill of its state has not finished; wait for it, run "
            f"`upswell lab backfill` again, or clear the state of this partition to start from its topics alone"
        )


def _start_of(role: str, state: PartitionState, bounds: Bounds) -> int:
    position = state.positions.get(role)
    if position is None:
        return bounds.low
    if position > bounds.high:
        raise ConfigurationError(
            f"partition {state.partition} of {role}: the state was built up to offset {position}, but the "
            f"topic ends at {bounds.high}, so it was recreated or truncated; restore the topic, or clear the "
            f"state of this partition to start from offset {bounds.low}"
        )
    if position < bounds.low:
        raise ConfigurationError(
            f"partition {state.partition} of {role}: the state was built up to offset {position}, but retention "
            f"has removed unread records before {bounds.low}; restore them, or clear the state of this "
            f"partition to start from offset {bounds.low}"
        )
    return position


def _check_committed(role: str, partition: int, committed: int, bounds: Bounds) -> None:
    """Offsets that the log does not have would suppress the outputs of a new topic's first records."""
    if committed > bounds.high:
        raise ConfigurationError(
            f"partition {partition} of {role}: outputs are published up to offset {committed}, but the topic ends "
            f"at {bounds.high}, so it was recreated or truncated; restore the topic, or use another group id to "
            f"start from offset {bounds.low}"
        )


def _is_published(entry: OutboxEntry, committed: Mapping[str, int]) -> bool:
    """Offsets of a batch are committed together with its records, so one vector compare answers."""
    return all(committed.get(role, 0) >= offset for role, offset in entry.positions.items())
