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
from consumer.pipeline.stream_time import end_of_batch_ms
from consumer.ports import (
    Clock,
    PartitionState,
    RawRecord,
    Sink,
    Source,
    StateStore,
    Telemetry,
    TopicPartition,
)
from consumer.runtime.backoff import Backoff
from consumer.runtime.batch_write import BatchWrites, writes_of
from consumer.runtime.dead_letter_limit import BadRecord, DeadLetterLimit, DeadLetterTally, tally
from consumer.runtime.serving_models import ServingModels
from consumer.runtime.takeover import plan_takeover
from consumer.scoring.compiled import CompiledModels
from consumer.vocabulary.errors import Fenced
from consumer.vocabulary.topics import INPUT_ROLES

Result = TypeVar("Result")


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
    due_customers : customers a partition and batch whose decisions expire without an event of theirs
    """

    batch_records: int = 5_000
    poll_timeout_s: float = 0.05
    due_customers: int = 2_000


@dataclass(frozen=True, slots=True)
class ScorerPorts:
    """The world, as the composition root hands it in."""

    source: Source
    sink: Sink
    store: StateStore
    clock: Clock
    telemetry: Telemetry


@dataclass(slots=True)
class OwnedPartition:
    """A partition that this process owns: what the store holds and what readers can see."""

    state: PartitionState
    published_sequence: int
    suppressed_until: Mapping[str, int]

    @property
    def progress(self) -> PartitionProgress:
        """The partition's own clock and quotas."""
        return PartitionProgress(self.state.stream_time_ms, self.state.extra)


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
    dead_letters: DeadLetterTally = field(default_factory=lambda: DeadLetterTally({}))

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
        finally:
            self.ports.source.close()
            self.ports.sink.close()

    def step(self) -> int:
        """Do one batch; return how many records it took in."""
        records = self._retrying(
            lambda: self.ports.source.poll(self.limits.batch_records, self.limits.poll_timeout_s), "poll"
        )
        records = self._still_ours(records)
        if not records:
            return 0
        started_s = self.ports.clock.monotonic_s()
        decoded = self.decoder.decode(records)
        self._check_dead_letters(decoded, len(records))
        result = self.decider.run(self._load(decoded), self.models.current())
        self._publish(self._write(decoded, result))
        self._tell(len(records), result, started_s)
        return len(records)

    # ------------------------------------------------------------ partitions come and go

    def on_assigned(self, partitions: frozenset[int]) -> None:
        """Take partitions over: raise the epoch, publish what the former owner could not, seek."""
        for partition in sorted(partitions):
            self._retrying(lambda p=partition: self._take_over(p), "take_over")  # type: ignore[misc]

    def on_revoked(self, partitions: frozenset[int]) -> None:
        """Let partitions go; nothing of them is in hand between two batches."""
        for partition in partitions:
            self.owned.pop(partition, None)
            self.fenced.discard(partition)

    def _take_over(self, partition: int) -> None:
        source, store = self.ports.source, self.ports.store
        state, outbox = store.take_over(partition, n_partitions=self.n_partitions)
        plan = plan_takeover(
            state, outbox, committed=source.committed(partition), bounds=source.bounds(partition)
        )
        for entry in plan.republish:
            self.ports.sink.publish(
                entry.outputs, {(role, partition): at for role, at in entry.positions.items()}
            )
            self.ports.telemetry.count("outbox_republished_total", len(entry.outputs))
        source.seek(partition, plan.start)
        self.fenced.discard(partition)
        self.owned[partition] = OwnedPartition(
            replace(state, positions=plan.start), state.sequence, plan.suppressed_until
        )

    # ------------------------------------------------------------ the steps of a batch

    def _check_dead_letters(self, decoded: DecodedBatch, n_records: int) -> None:
        bad = [
            BadRecord(letter.record.role, letter.record.partition, letter.record.offset, letter.code)
            for letter in decoded.dead_letters
        ]
        self.dead_letters = tally(
            self.dead_letter_limit, self.dead_letters, bad, last_good=_last_good(decoded), n_records=n_records
        )

    def _load(self, decoded: DecodedBatch) -> LoadedBatch:
        """Fetch the batch's customers, and those whose decisions expire as the stream's clock moves on."""
        progress = {
            partition: self.owned[partition].progress
            for partition in sorted({p for _, p in decoded.positions})
        }
        until_ms = end_of_batch_ms(decoded, progress)
        ids, partitions = list(decoded.customer_ids), list(decoded.customer_partition.tolist())
        known = set(zip(partitions, ids, strict=True))
        for partition, time_ms in until_ms.items():
            for customer_id, _ in self._due(partition, time_ms):
                if (partition, customer_id) not in known:
                    ids.append(customer_id)
                    partitions.append(partition)
        return self._fetch(decoded, ids, partitions, progress=progress)

    def _due(self, partition: int, until_ms: int) -> list[tuple[str, int]]:
        return self._retrying(
            lambda: self.ports.store.due(partition, until_ms, self.limits.due_customers), "load"
        )

    def _fetch(
        self,
        decoded: DecodedBatch,
        ids: Sequence[str],
        partitions: Sequence[int],
        *,
        progress: Mapping[int, PartitionProgress],
    ) -> LoadedBatch:
        records: list[bytes | None] = [None] * len(ids)
        open_decisions: list[bytes | None] = [None] * len(ids)
        rows_of: dict[int, list[int]] = {partition: [] for partition in progress}
        for row, partition in enumerate(partitions):
            rows_of[partition].append(row)
        for partition, rows in rows_of.items():
            names = [ids[row] for row in rows]
            values = self._retrying(
                lambda p=partition, n=names: self.ports.store.load(p, n, with_open_decisions=n),  # type: ignore[misc]
                "load",
            )
            for row, record, decisions in zip(rows, values.records, values.open_decisions, strict=True):
                records[row], open_decisions[row] = record, decisions
        return LoadedBatch(decoded, tuple(ids), tuple(partitions), records, open_decisions, progress)

    def _write(self, decoded: DecodedBatch, result: BatchResult) -> BatchWrites:
        """Write each partition; a partition that was taken from us is dropped with its outputs."""
        writes = writes_of(decoded, result, self.owned)
        for partition, change in list(writes.changes.items()):
            try:
                self._retrying(lambda c=change: self.ports.store.write(c), "write")  # type: ignore[misc]
            except Fenced:
                self.ports.telemetry.count("fenced_total")
                self.fenced.add(partition)
                del writes.changes[partition]
        return writes

    def _publish(self, writes: BatchWrites) -> None:
        outputs = [
            output
            for change in writes.changes.values()
            if change.outbox is not None
            for output in change.outbox.outputs
        ]
        positions: dict[TopicPartition, int] = {
            (role, partition): offset
            for partition, change in writes.changes.items()
            for role, offset in change.after.positions.items()
        }
        if not positions:
            return
        self._retrying(lambda: self.ports.sink.publish(outputs, positions), "publish")
        for partition, change in writes.changes.items():
            owned = self.owned[partition]
            owned.state, owned.published_sequence = change.after, change.after.sequence

    def _tell(self, n_records: int, result: BatchResult, started_s: float) -> None:
        telemetry = self.ports.telemetry
        for (name, label), amount in result.counts.items():
            telemetry.count(name, amount, kind=label)
        telemetry.observe("batch_seconds", self.ports.clock.monotonic_s() - started_s)
        telemetry.count("records_total", n_records)

    def _still_ours(self, records: Sequence[RawRecord]) -> Sequence[RawRecord]:
        """Leave out partitions that were fenced and that the group has not taken away yet."""
        if not self.fenced:
            return records
        return [record for record in records if record.partition not in self.fenced]

    def _retrying(self, action: Callable[[], Result], what: str) -> Result:
        return self.backoff.call(action, clock=self.ports.clock, telemetry=self.ports.telemetry, what=what)


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
