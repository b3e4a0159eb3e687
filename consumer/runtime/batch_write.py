"""From a batch's result to one atomic store call a partition.

Outputs of events that readers can already see (publication suppressed after a loss of the store) are
left out here, so the outbox never holds a repeat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from consumer.decoded import DecodedBatch
from consumer.pipeline.batch import BatchResult, PartitionProgress, SourcedOutput
from consumer.ports import OutboxEntry, OutputRecord, PartitionState, PartitionWrite
from consumer.vocabulary.topics import INPUT_ROLES

Value = TypeVar("Value")


class Owned(Protocol):
    """What is known of an owned partition before the write."""

    state: PartitionState
    published_sequence: int
    suppressed_until: Mapping[str, int]


@dataclass(slots=True)
class BatchWrites:
    """The changes of one batch, partition by partition; fenced partitions are taken out."""

    changes: dict[int, PartitionWrite]


def writes_of(decoded: DecodedBatch, result: BatchResult, owned: Mapping[int, Owned]) -> BatchWrites:
    """Return the write of every partition that the batch touched."""
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
            open_decisions=_named(result, rows, result.open_decisions),
            deadlines=_named(result, rows, result.deadlines),
            outbox=OutboxEntry(after.sequence, tuple(outputs[partition]), after.positions),
            published_sequence=before.published_sequence,
        )
    return BatchWrites(changes)


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


def _named(
    result: BatchResult, rows: list[int], values: Mapping[int, Value]
) -> dict[str, Value]:
    return {result.customer_ids[row]: values[row] for row in rows if row in values}
