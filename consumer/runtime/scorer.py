"""The scorer's loop: consume, decode, load, decide, write, publish.

The order is the delivery promise (docs/ARCHITECTURE.md): one atomic store call a partition moves state
and position together and keeps the encoded outputs in an outbox; only then one broker transaction
makes outputs and offsets visible. A crash between the two is healed by the next owner from the outbox.

Rules of this file: only ports; nothing is computed about customers here; one thread, one batch in hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import numpy as np

from consumer.decoded import DecodedBatch
from consumer.pipeline.batch import BatchResult, LoadedBatch, PartitionProgress
from consumer.ports import (
    Clock,
    DecisionLog,
    Lane,
    Mark,
    OutputRecord,
    PartitionState,
    PartitionWrite,
    RawRecord,
    Sink,
    Source,
    StateStore,
    Telemetry,
    TopicPartition,
)
from consumer.runtime.backoff import Backoff
from consumer.runtime.batch_load import load_batch
from consumer.runtime.batch_write import (
    committed_after,
    is_rebuilt,
    parts_at_published,
    writes_of,
)
from consumer.runtime.dead_letter_limit import (
    BadRecord,
    DeadLetterLimit,
    DeadLetterTally,
    tally,
    with_runs,
    with_stored_runs,
)
from consumer.runtime.publication import Publication, Publisher
from consumer.runtime.serving_models import ServingModels
from consumer.runtime.takeover import plan_takeover
from consumer.scoring.compiled import CompiledModels
from consumer.vocabulary.errors import Fenced
from consumer.vocabulary.past import PastDecisions
from consumer.vocabulary.topics import INPUT_ROLES

Result = TypeVar("Result")

TAKE_BACKS = 20
"""Times in a row that fenced partitions are taken over again; more says that two groups use one namespace."""


class Decoder(Protocol):
    """Raw records → columns and dead letters (adapters/codec.py)."""

    def decode(self, records: Sequence[RawRecord]) -> DecodedBatch:
        """Decode one batch; never raises for what is in a record."""


class Decider(Protocol):
    """The pipeline as the loop sees it: pure, so that a batch can be run again."""

    def run(self, loaded: LoadedBatch, models: CompiledModels) -> BatchResult:
        """Fold, attribute, decide."""


@dataclass(frozen=True, slots=True)
class ScorerLimits:
    """Every queue and wait of the loop.

    batch_records : records a batch at most; a larger one saves round trips, a smaller one latency
    poll_timeout_s : how long an idle poll waits
    """

    batch_records: int = 5_000
    poll_timeout_s: float = 0.05


@dataclass(frozen=True, slots=True)
class ScorerPorts:
    """The world, as the composition root hands it in.

    lane : where a batch is published while the next one is worked on
    decisions : read back where the store has lost writes; None makes those decisions again, unpublished
    """

    source: Source
    sink: Sink
    store: StateStore
    clock: Clock
    telemetry: Telemetry
    lane: Lane
    decisions: DecisionLog | None = None


@dataclass(slots=True)
class OwnedPartition:
    """A partition that this process owns: what the store holds and what readers can see.

    past : while the partition is rebuilt, what was decided in the range that readers can see
    """

    state: PartitionState
    published_sequence: int
    suppressed_until: Mapping[str, int]
    past: PastDecisions | None = None


@dataclass(slots=True)
class Scorer:
    """One member of the scorers' consumer group."""

    ports: ScorerPorts
    decoder: Decoder
    decider: Decider
    models: ServingModels
    n_partitions: int
    limits: ScorerLimits = field(default_factory=ScorerLimits)
    dead_letter_limit: DeadLetterLimit = field(default_factory=DeadLetterLimit)
    backoff: Backoff = field(default_factory=Backoff)
    owned: dict[int, OwnedPartition] = field(default_factory=dict)
    fenced: set[int] = field(default_factory=set)
    take_backs: int = 0
    dead_letters: DeadLetterTally = field(default_factory=lambda: DeadLetterTally({}))
    publisher: Publisher = field(init=False)

    def __post_init__(self) -> None:
        ports = self.ports
        self.publisher = Publisher(
            ports.sink, ports.lane, ports.clock, lambda action: self._retrying(action, "publish")
        )

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Work until `is_stopping`; the batch in hand is always finished.

        Raises
        ------
        Fenced : another process published for this group; build a new scorer
        Retryable : broker or store stayed away longer than the back-off's patience
        TooManyDeadLetters, ConfigurationError, Defect : stop and tell a person
        """
        self.ports.source.open(self)
        try:
            while not is_stopping():
                self.step()
                self.ports.telemetry.moved(is_ready=bool(self.owned))
            self._finish_publication()
        finally:
            # Waits for what is under way: it asks the source and uses the sink.
            self.ports.lane.close()
            self.ports.source.close()
            self.ports.sink.close()

    def step(self) -> int:
        """Do one batch; return how many records it took in. Its outputs may still be under way afterwards."""
        if (pause_s := self.publisher.pause_s()) > 0.0:
            self.ports.clock.sleep_s(pause_s)
        records = self._retrying(
            lambda: self.ports.source.poll(self.limits.batch_records, self.limits.poll_timeout_s), "poll"
        )
        for part in parts_at_published(self._taken_back(records), self.owned):
            self._batch(part)
        if not records:
            self._finish_publication()
        return len(records)

    def _batch(self, records: Sequence[RawRecord]) -> None:
        records = [record for record in records if record.partition not in self.fenced]
        if not records:
            return
        started_s = self.ports.clock.monotonic_s()
        decoded = self.decoder.decode(records)
        self._check_dead_letters(decoded, records)
        loaded, read_at = self._load(decoded)
        result = self.decider.run(loaded, self.models.current())
        changes = self._write(writes_of(decoded, result, self.owned, read_at))
        is_filled = 2 * len(records) > self.limits.batch_records
        self.publisher.pacing.note_batch(self.ports.clock.monotonic_s() - started_s, is_filled=is_filled)
        self._publish(changes)
        self._tell(len(records), result, started_s)

    # ------------------------------------------------------------ partitions come and go

    def on_assigned(self, partitions: frozenset[int]) -> None:
        """Take partitions over: raise the epoch, publish what the former owner could not, seek."""
        self._finish_publication()
        visible: dict[TopicPartition, int] = {}
        for partition in sorted(partitions):
            visible |= self._retrying(lambda p=partition: self._take_over(p), "take_over")  # type: ignore[misc]
        self._prove_membership(visible)
        self._read_back(partitions)

    def on_revoked(self, partitions: frozenset[int]) -> None:
        """Let partitions go; what was written of them is published first, while they are still ours."""
        try:
            self._finish_publication()
        finally:
            for partition in partitions:
                self.owned.pop(partition, None)
                self.fenced.discard(partition)

    def _prove_membership(self, visible: Mapping[TopicPartition, int]) -> None:
        """Commit what is committed already, which the group refuses of a member that it has given up.

        A process may be given up while it takes over, and then write under an epoch above its successor's.
        Proved after the epoch was raised, epochs grow as the group's generations do.
        """
        if visible:
            self._retrying(lambda: self.ports.source.commit(visible), "prove_membership")

    def _take_over(self, partition: int) -> dict[TopicPartition, int]:
        source, store = self.ports.source, self.ports.store
        state, outbox = store.take_over(partition, n_partitions=self.n_partitions)
        plan = plan_takeover(
            state, outbox, committed=source.committed(partition), bounds=source.bounds(partition)
        )
        owned = OwnedPartition(replace(state, positions=plan.start), state.sequence, plan.suppressed_until)
        for entry in plan.republish:
            self.ports.sink.publish(
                entry.outputs, _places(partition, committed_after(entry.positions, owned))
            )
            self.ports.telemetry.count("outbox_republished_total", len(entry.outputs))
        source.seek(partition, plan.start)
        self.fenced.discard(partition)
        self.dead_letters = with_stored_runs(self.dead_letters, state.extra, partition)
        self.owned[partition] = owned
        return _places(partition, plan.visible_until)

    def _read_back(self, partitions: frozenset[int]) -> None:
        """Fetch what was decided on partitions whose store is older than what readers can see."""
        behind = {p: self.owned[p] for p in sorted(partitions) if self.owned[p].suppressed_until}
        log = self.ports.decisions
        if not behind or log is None:
            return
        since_ms = min(owned.state.stream_time_ms for owned in behind.values())
        found = self._retrying(lambda: log.read(frozenset(behind), since_ms), "read_back")
        for partition, owned in behind.items():
            made = {
                (INPUT_ROLES.index(decision.role), decision.offset): decision
                for decision in found.decisions
                if decision.partition == partition
            }
            owned.past = PastDecisions(made, owned.suppressed_until, found.is_complete)

    def _taken_back(self, records: Sequence[RawRecord]) -> Sequence[RawRecord]:
        """Take fenced partitions over again that the group still gives us; what was read of them is stale.

        A store that lost writes refuses its rightful owner like a stranger. A process that the group has
        given up learns that at its next publication, and until then does what the next owner would do.
        """
        if not self.fenced:
            return records
        again = frozenset(self.fenced & self.owned.keys())
        self.take_backs += 1
        if self.take_backs > TAKE_BACKS:
            raise Fenced(f"partitions {sorted(again)} were lost {TAKE_BACKS} times in a row to another owner")
        self.on_assigned(again)
        return [record for record in records if record.partition not in again]

    # ------------------------------------------------------------ the steps of a batch

    def _check_dead_letters(self, decoded: DecodedBatch, records: Sequence[RawRecord]) -> None:
        bad = [
            BadRecord(letter.record.role, letter.record.partition, letter.record.offset, letter.code)
            for letter in decoded.dead_letters
        ]
        self.dead_letters = tally(
            self.dead_letter_limit, self.dead_letters, bad, last_good=_last_good(decoded), records=records
        )

    def _load(self, decoded: DecodedBatch) -> tuple[LoadedBatch, Mapping[int, frozenset[Mark]]]:
        progress = {
            partition: self._progress(partition) for partition in sorted({p for _, p in decoded.positions})
        }
        past = {p: found for p in progress if (found := self.owned[p].past) is not None}
        return self._retrying(
            lambda: load_batch(self.ports.store, decoded, progress=progress, past=past), "load"
        )

    def _progress(self, partition: int) -> PartitionProgress:
        """The partition's own clock and quotas, and its runs of bad records, this batch's included."""
        state = self.owned[partition].state
        return PartitionProgress(state.stream_time_ms, with_runs(state.extra, self.dead_letters, partition))

    def _write(self, changes: Mapping[int, PartitionWrite]) -> dict[int, PartitionWrite]:
        """Write each partition; a partition that was taken from us is dropped with its outputs."""
        fenced = self._retrying(lambda: self.ports.store.write(list(changes.values())), "write")
        if fenced:
            self.ports.telemetry.count("fenced_total", len(fenced))
            self.fenced |= fenced
        self.take_backs = self.take_backs if self.fenced else 0
        return {partition: change for partition, change in changes.items() if partition not in fenced}

    def _publish(self, changes: Mapping[int, PartitionWrite]) -> None:
        """Hand the batch to the publisher, after the one before is visible."""
        self._finish_publication()
        outputs: list[OutputRecord] = []
        positions: dict[TopicPartition, int] = {}
        has_caught_up = False
        for partition, change in changes.items():
            owned = self.owned[partition]
            outputs += change.outbox.outputs if change.outbox is not None else ()
            positions |= _places(partition, committed_after(change.after.positions, owned))
            owned.state = change.after
            if is_rebuilt(change.after.positions, owned):
                has_caught_up = True
                owned.suppressed_until, owned.past = {}, None
        sequences = {partition: change.after.sequence for partition, change in changes.items()}
        if outputs or has_caught_up:
            self.publisher.start(Publication(outputs, positions, sequences))
        else:
            self._note_published(sequences)

    def _finish_publication(self) -> None:
        self._note_published(self.publisher.finish())

    def _note_published(self, sequences: Mapping[int, int]) -> None:
        """The next write drops these from the outbox."""
        for partition, sequence in sequences.items():
            if partition in self.owned:
                self.owned[partition].published_sequence = sequence

    def _tell(self, n_records: int, result: BatchResult, started_s: float) -> None:
        telemetry = self.ports.telemetry
        for (name, label), amount in result.counts.items():
            telemetry.count(name, amount, kind=label)
        telemetry.observe("batch_seconds", self.ports.clock.monotonic_s() - started_s)
        telemetry.count("records_total", n_records)

    def _retrying(self, action: Callable[[], Result], what: str) -> Result:
        return self.backoff.call(action, clock=self.ports.clock, telemetry=self.ports.telemetry, what=what)


def _places(partition: int, positions: Mapping[str, int]) -> dict[TopicPartition, int]:
    return {(role, partition): offset for role, offset in positions.items()}


def _last_good(decoded: DecodedBatch) -> dict[tuple[str, int], int]:
    """Return (role, partition) → offset of the batch's last usable record there."""
    place = decoded.partition * len(INPUT_ROLES) + decoded.events.source
    places, inverse = np.unique(place, return_inverse=True)
    last = np.full(len(places), -1, dtype=np.int64)
    np.maximum.at(last, inverse, decoded.offset)
    return {
        (INPUT_ROLES[at % len(INPUT_ROLES)], at // len(INPUT_ROLES)): offset
        for at, offset in zip(places.tolist(), last.tolist(), strict=True)
    }
