"""What goes into the pipeline and what comes out of it, for one batch over several partitions.

Rules of this file: data only, nothing is interpreted. One batch spans all partitions that a scorer
owns; a row is a customer of one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from consumer.decoded import DecodedBatch
from consumer.vocabulary.deadlines import DeadlineMove
from consumer.vocabulary.log import OutputRecord
from consumer.vocabulary.past import PastDecisions


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

    due : rows whose open decisions come due
    past : what was decided before on partitions whose store is being rebuilt
    """

    decoded: DecodedBatch
    customer_ids: Sequence[str]
    customer_partition: Sequence[int]
    records: Sequence[bytes | None]
    open_decisions: Sequence[bytes | None]
    due: Sequence[int]
    progress: Mapping[int, PartitionProgress]
    past: Mapping[int, PastDecisions] = field(default_factory=dict)


class SourcedOutput(msgspec.Struct, frozen=True, gc=False):
    """An output and the position of the event that caused it; `role` is the place in `INPUT_ROLES`.

    A struct of msgspec, because one is made for every output (`vocabulary/log.py`).
    """

    output: OutputRecord
    partition: int
    role: int
    offset: int


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch changes: values to store, outputs to publish, and how the events fared.

    customer_ids, customer_partition : the rows of `LoadedBatch`
    records : one value a row; None deletes
    open_decisions : one value a row; None where there are none
    deadlines : row → how the earliest deadline of its open decisions moves, where it moves
    """

    customer_ids: Sequence[str]
    customer_partition: Sequence[int]
    records: Sequence[bytes | None]
    open_decisions: Sequence[bytes | None]
    deadlines: Mapping[int, DeadlineMove]
    outputs: Sequence[SourcedOutput]
    progress: Mapping[int, PartitionProgress]
    counts: Mapping[tuple[str, str], int]
