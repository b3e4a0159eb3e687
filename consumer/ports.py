"""What the loops need from the world: a few protocols, each with a memory and a real adapter.

Both adapters of a port pass one contract suite (tests/contract/), so a test of the loop over memory
says something about the loop over Kafka and Redis.

Rules of this file: no behaviour; bytes and numbers cross a port, never a client library's objects.
Errors: every call may raise `Retryable` (back off, call again) or `Fenced` (let the partition go).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from consumer.vocabulary.deadlines import DeadlineMove, Span
from consumer.vocabulary.log import OutputRecord, RawRecord, TopicPartition
from consumer.vocabulary.past import PublishedDecisions

__all__ = ["OutputRecord", "RawRecord", "TopicPartition"]


UNFINISHED_BACKFILL: Final = "unfinished_backfill"
"""In `PartitionState.extra` while a backfill writes the partition: nobody may read on from such a state."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """First offset still in the log, and one past the last stable one."""

    low: int
    high: int


class RebalanceListener(Protocol):
    """Told by a source, inside `poll`, which input partitions come and go (numbers, not topics)."""

    def on_assigned(self, partitions: frozenset[int]) -> None:
        """Take the partitions over; the source reads nothing of them until this returns."""

    def on_revoked(self, partitions: frozenset[int]) -> None:
        """Let the partitions go; buffered records of them are already discarded."""


class Source(Protocol):
    """Records of the input topics; partition p of every role comes to the same process.

    Records of one partition are merged over the roles by (timestamp, role order, offset), and a record
    is held back while another role of its partition is known to have unread records, so the merged
    order of a log that is already written is the same in every run.
    """

    def open(self, listener: RebalanceListener) -> None:
        """Join the group; the listener hears of partitions inside `poll`."""

    def poll(self, max_records: int, timeout_s: float) -> Sequence[RawRecord]:
        """Return the next records in merged order, waiting at most `timeout_s` for the first."""

    def seek(self, partition: int, positions: Mapping[str, int]) -> None:
        """Read on from these next offsets (role → offset); buffered records of the partition are dropped."""

    def committed(self, partition: int) -> dict[str, int]:
        """Return the stable committed next offsets (role → offset) of the group; absent roles are left out."""

    def commit(self, positions: Mapping[TopicPartition, int]) -> None:
        """Commit next offsets of the group by themselves.

        Raises
        ------
        Fenced : the group does not count us among its members any more
        """

    def bounds(self, partition: int) -> dict[str, Bounds]:
        """Return for each role what the log holds of the partition."""

    def close(self) -> None:
        """Leave the group."""


class Sink(Protocol):
    """Publishes a batch: records and offsets become visible together, or not at all."""

    def publish(self, outputs: Sequence[OutputRecord], positions: Mapping[TopicPartition, int]) -> None:
        """Publish the records and commit the next offsets of the source's group.

        Transactional: one transaction. At least once: records, every delivery report, then offsets.

        Raises
        ------
        Retryable : nothing is visible; publish the same again
        Fenced : another process has taken over; drop the batch
        """

    def close(self) -> None:
        """Flush and let the producer go."""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """Outputs of one batch of one partition that may not be visible yet, with the positions after it."""

    sequence: int
    outputs: tuple[OutputRecord, ...]
    positions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PartitionState:
    """`{p}:pos`: who owns the partition and where it is. `extra` holds small numbers of the pipeline."""

    partition: int
    epoch: int
    sequence: int
    positions: Mapping[str, int]
    stream_time_ms: int = 0
    extra: Mapping[str, float] = field(default_factory=dict)


class Mark(NamedTuple):
    """Which write of which owner a partition stood at; two states of the store with one mark are the same state."""

    epoch: int
    sequence: int


@dataclass(frozen=True, slots=True)
class PartitionWrite:
    """Everything that one batch changes in one partition: written in one atomic call, or not at all.

    The call first checks that `expected` (epoch and sequence) is what the store holds, else `Fenced`.

    read_at : where the store stood when what the change is made from was read; anything but `expected` is
        fenced too: a store that loses writes may meanwhile have gone back to `expected`
    records : customer id → its record; None deletes the customer, open decisions included
    open_decisions : customer id → its open decisions, of those in `records` that have some: a customer is
        written whole
    deadlines : customer id → how the earliest deadline of its open decisions moves, where it moves
    outbox : is stored under `after.sequence`; entries up to `published_sequence` are dropped
    """

    expected: PartitionState
    after: PartitionState
    records: Mapping[str, bytes | None]
    open_decisions: Mapping[str, bytes]
    deadlines: Mapping[str, DeadlineMove]
    outbox: OutboxEntry | None
    published_sequence: int
    read_at: frozenset[Mark] = frozenset()


@dataclass(frozen=True, slots=True)
class LoadedCustomers:
    """Values of a partition's customers in the order asked for; None where there is none.

    mark : where the partition stood just after the reading, None where nothing was read
    """

    records: Sequence[bytes | None]
    open_decisions: Sequence[bytes | None]
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class DueCustomers:
    """(customer id, earliest deadline in ms) in order of the deadline; `mark` as in `LoadedCustomers`."""

    customers: Sequence[tuple[str, int]]
    mark: Mark | None = None


class StateStore(Protocol):
    """Customer records, open decisions, outbox and position of each partition."""

    def take_over(self, partition: int, *, n_partitions: int) -> tuple[PartitionState, list[OutboxEntry]]:
        """Raise the epoch to one never used, so that former owners are fenced; then return state and outbox.

        Raises
        ------
        ConfigurationError : the state was written with another number of partitions
        """

    def load(self, wanted: Mapping[int, Sequence[str]]) -> dict[int, LoadedCustomers]:
        """Fetch records and open decisions of customers (partition → ids), all partitions at once."""

    def due(self, spans: Mapping[int, Span]) -> dict[int, DueCustomers]:
        """Return the customers whose earliest deadline lies in their partition's span.

        Nobody's deadline lies before the span: a span begins where the partition's stream time stands, and
        what is over by then was closed by the write that moved it there.
        """

    def write(self, changes: Sequence[PartitionWrite]) -> frozenset[int]:
        """Apply each partition's change atomically; return the partitions that were fenced.

        Of a fenced partition nothing was written: its epoch or sequence is not the expected one. A change
        that is given again, because the answer got lost, is applied once.
        """

    def layouts(self) -> dict[str, str]:
        """Return fingerprint → layout JSON of every record layout that was ever stored."""

    def remember_layout(self, fingerprint: str, layout_json: str) -> None:
        """Keep a layout so that its records stay readable after the catalogue changes."""

    def read_customer(self, partition: int, customer_id: str) -> LoadedCustomers:
        """Read one customer without owning the partition (`upswell inspect`)."""

    def close(self) -> None:
        """Close connections."""


class Lane(Protocol):
    """A second pair of hands: does one thing at a time while the loop goes on."""

    def start(self, action: Callable[[], None]) -> None:
        """Begin an action; the one before has been finished."""

    def finish(self) -> None:
        """Wait for the action under way, if there is one; raises what it raised, once."""

    def close(self) -> None:
        """Wait for the action under way, whatever becomes of it; nothing is started any more."""


class DecisionLog(Protocol):
    """`nbo.decisions` as a scorer reads it back after the store has lost writes."""

    def read(self, partitions: frozenset[int], stream_time_ms: int) -> PublishedDecisions:
        """Return the decisions on these input partitions that are visible, or about to be.

        Parameters
        ----------
        stream_time_ms : of the store that has to catch up; decisions made before it may be left out

        Raises
        ------
        Retryable : the end was not reached; state is intact
        """

    def close(self) -> None:
        """Let the reader go."""


class ModelFeed(Protocol):
    """`nbo.models` as the scorers see it: the latest snapshot of each model, then its changes."""

    def read_all(self) -> list[bytes]:
        """Return the latest snapshot of every model, JSON."""

    def poll(self) -> list[bytes]:
        """Return snapshots published since the last call, without waiting."""

    def close(self) -> None:
        """Close the reader."""


class Clock(Protocol):
    """Real time, for waiting and measuring only: it decides nothing."""

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start."""

    def sleep_s(self, seconds: float) -> None:
        """Wait."""


class Telemetry(Protocol):
    """Counters, gauges and histograms by their typed name."""

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add to a histogram."""

    def moved(self, *, is_ready: bool) -> None:
        """Note that a loop went round; ready means that it owns partitions and its last round succeeded."""
