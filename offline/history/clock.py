"""Stream times of a history: the largest event time that each partition has seen at each record.

The service forgets a decision by its partition's stream time, so outcomes that come very late need it.

Rules of this file: a small state that is told the records in merged order; only times, nothing is decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from consumer.adapters.partitioner import partition_of
from consumer.features.event_columns import Int64s
from consumer.vocabulary.log import RawRecord


class PartitionOfKey(dict[bytes, int]):
    """Key → partition, remembered: the hash of a key costs as much as decoding an event."""

    def __init__(self, n_partitions: int) -> None:
        super().__init__()
        self._n_partitions = n_partitions

    def __missing__(self, key: bytes) -> int:
        """Compute it once."""
        partition = partition_of(key, self._n_partitions)
        self[key] = partition
        return partition


@dataclass(slots=True)
class StreamClock:
    """The clocks of all partitions."""

    partitions: PartitionOfKey
    time_ms: dict[int, int] = field(default_factory=dict)

    def tick(self, records: Sequence[RawRecord], event_time_ms: Int64s) -> Int64s:
        """Return the stream time of its partition just after each record; the clocks go on."""
        owner = np.fromiter(
            map(self.partitions.__getitem__, [record.key or b"" for record in records]),
            np.int64,
            len(records),
        )
        times_ms = np.empty(len(records), dtype=np.int64)
        for partition in np.unique(owner).tolist():
            rows = np.flatnonzero(owner == partition)
            running_ms = np.maximum.accumulate(event_time_ms[rows])
            times_ms[rows] = np.maximum(running_ms, self.time_ms.get(partition, 0))
            self.time_ms[partition] = int(times_ms[rows[-1]])
        return times_ms
