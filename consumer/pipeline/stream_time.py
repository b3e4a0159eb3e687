"""A partition's own clock: the largest event time that it has seen.

Deadlines and staleness are measured on it, never on the wall clock, so a replay decides the same.

Rules of this file: pure; the clock never runs backwards.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from consumer.decoded import DecodedBatch
from consumer.features.event_columns import Int64s
from consumer.pipeline.batch import PartitionProgress


def stream_times_ms(decoded: DecodedBatch, progress: Mapping[int, PartitionProgress]) -> Int64s:
    """Return the partition's stream time just after each event, shape (n,).

    A function of the merged order alone: however a partition is cut into batches, the same event
    sees the same stream time.
    """
    times = np.empty(len(decoded.partition), dtype=np.int64)
    for partition, before in progress.items():
        rows = np.flatnonzero(decoded.partition == partition)
        running = np.maximum.accumulate(decoded.events.event_time_ms[rows])
        times[rows] = np.maximum(running, before.stream_time_ms)
    return times


def end_of_batch_ms(decoded: DecodedBatch, progress: Mapping[int, PartitionProgress]) -> dict[int, int]:
    """Return partition → stream time after the batch."""
    ends = {}
    for partition, before in progress.items():
        times = decoded.events.event_time_ms[decoded.partition == partition]
        ends[partition] = max(before.stream_time_ms, int(times.max(initial=0)))
    return ends
