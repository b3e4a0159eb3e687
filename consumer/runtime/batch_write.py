"""From a batch's result to one atomic store call a partition.

Outputs of events that readers can already see (publication suppressed after a loss of the store) are
left out here, so the outbox never holds a repeat. A batch is cut there: what closes at its end (offers
whose time is over) is caused by its last event, so with a batch on both sides of the border it would not
be known whether readers have seen it.

    published up to ──────────┐
    polled       e1 e2 e3 e4 e5 │ e6 e7          one partition that is rebuilt
    batches      [e1 … e5]        [e6 e7]        closed after e5: as in the run that was published
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from consumer.decoded import DecodedBatch
from consumer.pipeline.batch import BatchResult, PartitionProgress, SourcedOutput
from consumer.ports import Mark, OutboxEntry, OutputRecord, PartitionState, PartitionWrite, RawRecord
from consumer.vocabulary.topics import INPUT_ROLES


class Owned(Protocol):
    """What is known of an owned partition before the write."""

    state: PartitionState
    published_sequence: int
    suppressed_until: Mapping[str, int]


def parts_at_published(records: Sequence[RawRecord], owned: Mapping[int, Owned]) -> list[Sequence[RawRecord]]:
    """Cut polled records, in order, so that no part lies on both sides of what readers can see already."""
    until = {number: partition.suppressed_until for number, partition in owned.items()}
    if not any(until.values()):
        return [records]
    seen: list[RawRecord] = []
    rest: list[RawRecord] = []
    for record in records:
        offsets = until[record.partition]
        is_rest = bool(offsets) and record.offset >= offsets.get(record.role, 0)
        (rest if is_rest else seen).append(record)
    return [part for part in (seen, rest) if part]


def committed_after(positions: Mapping[str, int], owned: Owned) -> dict[str, int]:
    """Return the offsets to commit at these positions: what readers can see never goes back."""
    return {role: max(at, owned.suppressed_until.get(role, 0)) for role, at in positions.items()}


def is_rebuilt(positions: Mapping[str, int], owned: Owned) -> bool:
    """Return whether the partition has caught up with what readers can see."""
    return all(positions.get(role, 0) >= until for role, until in owned.suppressed_until.items())


def writes_of(
    decoded: DecodedBatch,
    result: BatchResult,
    owned: Mapping[int, Owned],
    read_at: Mapping[int, frozenset[Mark]],
) -> dict[int, PartitionWrite]:
    """Return the write of every partition that the batch touched.

    Parameters
    ----------
    read_at : partition → where the store stood when the batch was loaded
    """
    rows_of: dict[int, list[int]] = {partition: [] for partition in result.progress}
    for row, partition in enumerate(result.customer_partition):
        rows_of[partition].append(row)
    outputs = _outputs_by_partition(result, owned)
    positions = _positions_by_partition(decoded)
    changes = {}
    for partition, rows in rows_of.items():
        before = owned[partition]
        after = _state_after(before.state, positions[partition], result.progress[partition])
        changes[partition] = PartitionWrite(
            expected=before.state,
            after=after,
            records={result.customer_ids[row]: result.records[row] for row in rows},
            open_decisions={
                result.customer_ids[row]: value
                for row in rows
                if (value := result.open_decisions[row]) is not None
            },
            deadlines={
                result.customer_ids[row]: result.deadlines[row] for row in rows if row in result.deadlines
            },
            outbox=OutboxEntry(after.sequence, tuple(outputs[partition]), after.positions),
            published_sequence=before.published_sequence,
            read_at=read_at.get(partition, frozenset()),
        )
    return changes


def _positions_by_partition(decoded: DecodedBatch) -> dict[int, dict[str, int]]:
    positions: dict[int, dict[str, int]] = {}
    for (role, partition), offset in decoded.positions.items():
        positions.setdefault(partition, {})[role] = offset
    return positions


def _state_after(
    before: PartitionState, positions: Mapping[str, int], progress: PartitionProgress
) -> PartitionState:
    return replace(
        before,
        sequence=before.sequence + 1,
        positions={**before.positions, **positions},
        stream_time_ms=progress.stream_time_ms,
        extra=progress.extra,
    )


def _outputs_by_partition(result: BatchResult, owned: Mapping[int, Owned]) -> dict[int, list[OutputRecord]]:
    outputs: dict[int, list[OutputRecord]] = {partition: [] for partition in result.progress}
    for sourced in result.outputs:
        if not _is_visible_already(sourced, owned[sourced.partition]):
            outputs[sourced.partition].append(sourced.output)
    return outputs


def _is_visible_already(sourced: SourcedOutput, owned: Owned) -> bool:
    return sourced.offset < owned.suppressed_until.get(INPUT_ROLES[sourced.role], 0)
