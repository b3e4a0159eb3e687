"""What goes into the pipeline and what comes out of it, for one batch over several partitions.

Rules of this file: data only, nothing is interpreted. One batch spans all partitions that a scorer
owns; a row is a customer of one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consumer.features.event_columns import EventColumns, Int64s, UInt8s
from consumer.vocabulary.log import OutputRecord, RawRecord
from consumer.vocabulary.topics import INPUT_ROLES


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that cannot be used, with its code and a reason without personal data."""

    record: RawRecord
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """n accepted events in merged order of each partition, and the records that were refused.

    customer_ids : the distinct customers, in order of first appearance
    customer_partition : shape (n_customers,)
    events : n rows; `events.customer` points into `customer_ids`
    partition, role, offset, timestamp_ms : shape (n,); `role` is the place in `INPUT_ROLES`
    event_ids : n texts, for decision records
    is_erasure : shape (n,), the record is a tombstone of `bank.customers`
    decision_role, decision_offset : shape (n,), outcomes: the position that the decision id names;
        -1 where the id is none of ours
    """

    customer_ids: Sequence[str]
    customer_partition: Int64s
    events: EventColumns
    partition: Int64s
    role: UInt8s
    offset: Int64s
    timestamp_ms: Int64s
    event_ids: Sequence[str]
    is_erasure: NDArray[np.bool_]
    decision_role: Int64s
    decision_offset: Int64s
    dead_letters: Sequence[DeadLetter]

    def partitions(self) -> list[int]:
        """Return the partitions that any record of the batch, good or bad, came from."""
        bad = {letter.record.partition for letter in self.dead_letters}
        return sorted(bad | set(np.unique(self.partition).tolist()))

    def last_offsets(self) -> dict[tuple[int, int], int]:
        """Return (partition, role place) → offset of the last good record."""
        place = self.partition * len(INPUT_ROLES) + self.role
        places, inverse = np.unique(place, return_inverse=True)
        last = np.full(len(places), -1, dtype=np.int64)
        np.maximum.at(last, inverse, self.offset)
        return {
            divmod(at, len(INPUT_ROLES)): offset
            for at, offset in zip(places.tolist(), last.tolist(), strict=True)
        }

    def next_positions(self) -> dict[int, dict[str, int]]:
        """Return partition → role → offset after the last record, good or bad, of the batch."""
        after: dict[int, dict[str, int]] = {partition: {} for partition in self.partitions()}
        for (partition, role), offset in self.last_offsets().items():
            after[partition][INPUT_ROLES[role]] = offset + 1
        for letter in self.dead_letters:
            record = letter.record
            positions = after[record.partition]
            positions[record.role] = max(positions.get(record.role, 0), record.offset + 1)
        return after


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """Where a partition's own clock and quotas stand. `extra` is stored with the position."""

    stream_time_ms: int
    extra: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LoadedBatch:
    """A decoded batch with what the store holds of its customers.

    The first rows are the batch's customers in their order; further rows are customers without an
    event whose open decisions come due while the batch moves the partition's clock.
    """

    decoded: DecodedBatch
    customer_ids: Sequence[str]
    customer_partition: Sequence[int]
    records: Sequence[bytes | None]
    open_decisions: Sequence[bytes | None]
    progress: Mapping[int, PartitionProgress]


@dataclass(frozen=True, slots=True)
class SourcedOutput:
    """An output and the position of the event that caused it (role place, partition, offset)."""

    output: OutputRecord
    partition: int
    role: int
    offset: int


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch changes: values to store, outputs to publish, and how the events fared.

    customer_ids, customer_partition : the rows of `LoadedBatch`
    records : one value a row; None deletes
    open_decisions : row → value, only rows that changed; None deletes
    deadlines : row → earliest deadline in ms of its open decisions, only rows that changed; None removes
    """

    customer_ids: Sequence[str]
    customer_partition: Sequence[int]
    records: Sequence[bytes | None]
    open_decisions: Mapping[int, bytes | None]
    deadlines: Mapping[int, int | None]
    outputs: Sequence[SourcedOutput]
    progress: Mapping[int, PartitionProgress]
    counts: Mapping[tuple[str, str], int]
