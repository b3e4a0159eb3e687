"""A partition's own clock: the largest event time that it has seen.

Deadlines and staleness are measured on it, never on the wall clock, so a replay decides the same.

Rules of this file: pure; the clock never runs backwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from consumer.decoded import DecodedBatch
from consumer.features.event_columns import Int64s
from consumer.pipeline.batch import PartitionProgress

_SPAN_MS: Final = 2**42
"""More than any event time (`LATEST_EVENT_TIME_MS`), so that partition and time make one sortable number."""


def stream_times_ms(decoded: DecodedBatch, progress: Mapping[int, PartitionProgress]) -> Int64s:
    """Return the partition's stream time just after each event, shape (n,).

    A function of the merged order alone: however a partition is cut into batches, the same event
    sees the same stream time. With the partition in the bits above, one running maximum over all events,
    partition by partition, starts afresh with each.
    """
    before_ms = _before_ms(progress)
    times_ms = np.maximum(decoded.events.event_time_ms, before_ms[decoded.partition])
    order = np.argsort(decoded.partition, kind="stable")
    starts = decoded.partition[order] * _SPAN_MS
    running = np.maximum.accumulate(starts + times_ms[order])
    times_ms[order] = running - starts
    return times_ms


def end_of_batch_ms(decoded: DecodedBatch, progress: Mapping[int, PartitionProgress]) -> dict[int, int]:
    """Return partition → stream time after the batch."""
    ends_ms = _before_ms(progress)
    np.maximum.at(ends_ms, decoded.partition, decoded.events.event_time_ms)
    return {partition: int(ends_ms[partition]) for partition in progress}


def _before_ms(progress: Mapping[int, PartitionProgress]) -> Int64s:
    """Return the stream time before the batch by the partition's number."""
    before_ms = np.zeros(max(progress, default=0) + 1, dtype=np.int64)
    for partition, before in progress.items():
        before_ms[partition] = before.stream_time_ms
    return before_ms
