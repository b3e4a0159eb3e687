"""Memory ports that tell a schedule of each effect, before and after it happens; the schedule may raise there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from consumer.adapters.decision_reader import MemoryDecisionLog
from consumer.adapters.lanes import SameThreadLane
from consumer.adapters.memory_io import MemorySource
from consumer.adapters.memory_store import MemoryStore
from consumer.ports import (
    Bounds,
    DueCustomers,
    LoadedCustomers,
    OutboxEntry,
    PartitionState,
    PartitionWrite,
    RawRecord,
    TopicPartition,
)
from consumer.vocabulary.deadlines import Span
from consumer.vocabulary.past import PublishedDecisions

Hook = Callable[[str], None]
Result = TypeVar("Result")


def around(hook: Hook, effect: str, action: Callable[[], Result]) -> Result:
    """Do an effect with the schedule told of it on both sides."""
    hook(f"before {effect}")
    result = action()
    hook(f"after {effect}")
    return result


class HookedSource(MemorySource):
    """A source whose polls are effects."""

    hook: Hook

    def poll(self, max_records: int, timeout_s: float) -> Sequence[RawRecord]:
        return around(self.hook, "poll", lambda: MemorySource.poll(self, max_records, timeout_s))

    def committed(self, partition: int) -> dict[str, int]:
        return around(self.hook, "committed", lambda: MemorySource.committed(self, partition))

    def commit(self, positions: Mapping[TopicPartition, int]) -> None:
        around(self.hook, "commit", lambda: MemorySource.commit(self, positions))

    def bounds(self, partition: int) -> dict[str, Bounds]:
        return around(self.hook, "bounds", lambda: MemorySource.bounds(self, partition))


class HookedStore(MemoryStore):
    """One process's way to the store that all share."""

    def __init__(self, store: MemoryStore, hook: Hook) -> None:
        self._store = store
        self._hook = hook

    def take_over(self, partition: int, *, n_partitions: int) -> tuple[PartitionState, list[OutboxEntry]]:
        return around(
            self._hook, "take_over", lambda: self._store.take_over(partition, n_partitions=n_partitions)
        )

    def load(self, wanted: Mapping[int, Sequence[str]]) -> dict[int, LoadedCustomers]:
        return around(self._hook, "load", lambda: self._store.load(wanted))

    def due(self, spans: Mapping[int, Span]) -> dict[int, DueCustomers]:
        return around(self._hook, "due", lambda: self._store.due(spans))

    def write(self, changes: Sequence[PartitionWrite]) -> frozenset[int]:
        """One partition after the other: between two of them anything may happen."""
        fenced: frozenset[int] = frozenset()
        for change in changes:
            fenced |= around(self._hook, "write", lambda c=change: self._store.write([c]))  # type: ignore[misc]
        return fenced


class HookedDecisions:
    """The log of decisions, whose reading is an effect."""

    def __init__(self, decisions: MemoryDecisionLog, hook: Hook) -> None:
        self._decisions = decisions
        self._hook = hook

    def read(self, partitions: frozenset[int], stream_time_ms: int) -> PublishedDecisions:
        return around(self._hook, "read_back", lambda: self._decisions.read(partitions, stream_time_ms))

    def close(self) -> None:
        return None


class PatientClock:
    """Time stands; whoever waits tells the schedule."""

    def __init__(self, waits: Callable[[], None]) -> None:
        self._waits = waits

    def monotonic_s(self) -> float:
        return 0.0

    def sleep_s(self, seconds: float) -> None:
        self._waits()


def step_hook(hook: Hook) -> Callable[[str], None]:
    """Return the sink's hook: each of its steps is an effect that has just happened."""
    return lambda step: hook(f"after {step}")


class SomeTimeLane(SameThreadLane):
    """A lane whose action is done when the schedule says so, at the latest when it is waited for."""

    def __init__(self) -> None:
        SameThreadLane.__init__(self)
        self._action: Callable[[], None] | None = None

    def start(self, action: Callable[[], None]) -> None:
        self._action = action

    def go_on(self) -> None:
        action, self._action = self._action, None
        if action is not None:
            SameThreadLane.start(self, action)

    def finish(self) -> None:
        self.go_on()
        SameThreadLane.finish(self)

    def close(self) -> None:
        self.go_on()
