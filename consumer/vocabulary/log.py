"""Records as the log holds them: positions and bytes, before and after anybody looks inside.

Rules of this file: data only; the bytes of an `OutputRecord` are published as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

TopicPartition = tuple[str, int]
"""(role of the topic, partition)."""


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as the broker holds it. `value` None is a tombstone."""

    role: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """One record to publish, already encoded: published as stored, never recomputed."""

    role: str
    key: bytes
    value: bytes
    event_time_ms: int
    headers: tuple[tuple[str, bytes], ...] = ()
