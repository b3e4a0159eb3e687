"""The learner's loop: read examples, test, train, publish snapshots together with their offsets.

A snapshot and the offsets of the examples that it contains become visible in one transaction, so a crash
loses nothing and learns nothing twice: what was learned since is read again from the committed offsets.
Offsets and snapshots can still be seen apart for a moment: without transactions always, with them because a
commit becomes visible on each partition by itself. So each snapshot names the offsets that it contains, the
learner starts a little before the committed offset, and leaves out what a snapshot contains already.

Rules of this file: only ports; one thread owns all models; the clock only says when to publish, so the
models depend on the examples of their product alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from pydantic import ValidationError

from consumer.decoded import DeadLetter
from consumer.pipeline.outputs import dead_letter_record
from consumer.ports import (
    Clock,
    ModelFeed,
    OutputRecord,
    RawRecord,
    Sink,
    Source,
    Telemetry,
    TopicPartition,
)
from consumer.runtime.backoff import Backoff
from consumer.runtime.dead_letter_limit import BadRecord, DeadLetterLimit, DeadLetterTally, tally
from consumer.runtime.example_reader import ExampleReader
from consumer.runtime.product_learner import ProductLearner, new_learner, restored_learner
from consumer.scoring.compiled import check_snapshot
from consumer.vocabulary.errors import ConfigurationError, InvalidMessage
from consumer.vocabulary.messages import ModelSnapshot
from consumer.vocabulary.reasons import DeadLetterCode
from consumer.vocabulary.time import iso_utc
from consumer.vocabulary.topics import Topics

Result = TypeVar("Result")

ROLE: Final = "examples"
REREAD_FACTOR: Final = 4
"""At most one publication can be visible in part (the next one waits for it), so as many examples as one holds
are read again, times this for the offsets that transaction markers take."""

EXAMPLES_A_POLL_MAX: Final = 2_000
"""A fifth of a second of learning; a batch is not interrupted."""

_CE_SOURCE: Final = b"upswell/learner"


@dataclass(frozen=True, slots=True)
class LearnerLimits:
    """Every queue and wait of the loop.

    batch_records : examples a poll at most
    poll_timeout_s : how long an idle poll waits
    publish_examples, publish_s : publish after this many examples, or this long after the first new one
    """

    batch_records: int = EXAMPLES_A_POLL_MAX
    poll_timeout_s: float = 0.1
    publish_examples: int = 1_000
    publish_s: float = 1.0


@dataclass(frozen=True, slots=True)
class LearnerPorts:
    """The world, as the composition root hands it in."""

    source: Source
    sink: Sink
    feed: ModelFeed
    clock: Clock
    telemetry: Telemetry


@dataclass(frozen=True, slots=True)
class LearnerModels:
    """What is learned: the models of one feature layout, and what they start from.

    seeds : model id → snapshot at version 0; a model without one starts from the global rate
    """

    model_ids: tuple[str, ...]
    input_names: tuple[str, ...]
    fingerprint: str
    seeds: Mapping[str, ModelSnapshot] = field(default_factory=dict)


@dataclass(slots=True)
class Learner:
    """The single writer of the models whose examples are on its partitions.

    learners : product → its state; emptied when partitions move, then restored from the model feed
    changed : products that learned since the last publication
    positions : partition → next offset, of what was read since the last publication
    accounted : partition → offset below which bad examples are dead letters already
    """

    ports: LearnerPorts
    models: LearnerModels
    topics: Topics = field(default_factory=Topics)
    limits: LearnerLimits = field(default_factory=LearnerLimits)
    dead_letter_limit: DeadLetterLimit = field(default_factory=DeadLetterLimit)
    backoff: Backoff = field(default_factory=Backoff)
    learners: dict[str, ProductLearner] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    positions: dict[int, int] = field(default_factory=dict)
    accounted: dict[int, int] = field(default_factory=dict)
    dead_letters: list[OutputRecord] = field(default_factory=list)
    tally: DeadLetterTally = field(default_factory=lambda: DeadLetterTally({}))
    unpublished: int = 0
    first_unpublished_s: float = 0.0
    reader: ExampleReader = field(init=False)

    def __post_init__(self) -> None:
        """Make the reader of the models' examples."""
        models = self.models
        self.reader = ExampleReader(frozenset(models.model_ids), models.fingerprint, len(models.input_names))

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Work until `is_stopping`; what was learned by then is published.

        Raises
        ------
        Fenced : another learner has taken over; build a new one
        Retryable : the broker stayed away longer than the back-off's patience
        TooManyDeadLetters, ConfigurationError, Defect : stop and tell a person
        """
        self.ports.source.open(self)
        try:
            while not is_stopping():
                self.step()
                self.ports.telemetry.moved(is_ready=True)
            self.publish()
        finally:
            self.ports.source.close()
            self.ports.sink.close()
            self.ports.feed.close()

    def step(self) -> int:
        """Learn one batch and publish if it is time to; return how many records were read."""
        records = self._retrying(
            lambda: self.ports.source.poll(self.limits.batch_records, self.limits.poll_timeout_s), "poll"
        )
        if records:
            self._learn_batch(records)
        if self._is_time_to_publish():
            self.publish()
        return len(records)

    # ------------------------------------------------------------ partitions come and go

    def on_assigned(self, partitions: frozenset[int]) -> None:
        """Start from what is published: the latest snapshots, and the offsets committed with them."""
        self._forget_unpublished()
        self.learners = {}
        for document in self._retrying(self.ports.feed.read_all, "read_models"):
            self._restore(document)
        for partition in sorted(partitions):
            self._seek(partition, has_models=bool(self.learners))

    def on_revoked(self, partitions: frozenset[int]) -> None:
        """Drop what is not published; its next owner reads those examples again."""
        self._forget_unpublished()

    def _restore(self, document: bytes) -> None:
        """Continue a model, unless it cannot be read or is of another feature layout: then from its seed."""
        try:
            snapshot = ModelSnapshot.model_validate_json(document)
        except ValidationError:
            self.ports.telemetry.count("models_refused_total", reason="unreadable")
            return
        if snapshot.product_id not in self.models.model_ids:
            self.ports.telemetry.count("models_refused_total", reason="unknown_product")
            return
        try:
            check_snapshot(snapshot, self.models.fingerprint, n_inputs=len(self.models.input_names))
        except ConfigurationError:
            self.ports.telemetry.count("models_refused_total", reason="other_features")
            return
        self.learners[snapshot.product_id] = restored_learner(snapshot)

    def _seek(self, partition: int, *, has_models: bool) -> None:
        """Go a little before the committed offset; without any model, to the first example still there."""
        source, limits = self.ports.source, self.limits
        low = source.bounds(partition)[ROLE].low
        committed = max(source.committed(partition).get(ROLE, low), low)
        reread = REREAD_FACTOR * (limits.publish_examples + limits.batch_records)
        self.accounted[partition] = committed
        source.seek(partition, {ROLE: max(committed - reread, low) if has_models else low})

    def _forget_unpublished(self) -> None:
        self.changed, self.positions, self.dead_letters, self.unpublished = set(), {}, [], 0

    # ------------------------------------------------------------ learning

    def _learn_batch(self, records: Sequence[RawRecord]) -> None:
        if not self.unpublished:
            self.first_unpublished_s = self.ports.clock.monotonic_s()
        # What is read again is published already, even if it was not visible yet at the start.
        self.unpublished += sum(not self._is_accounted(record) for record in records)
        bad: list[BadRecord] = []
        last_good: dict[tuple[str, int], int] = {}
        for record in records:
            if not self._is_accounted(record):
                self.positions[record.partition] = record.offset + 1
            try:
                self._learn(record)
                last_good[ROLE, record.partition] = record.offset
            except InvalidMessage as error:
                if not self._is_accounted(record):
                    bad.append(BadRecord(ROLE, record.partition, record.offset, error.code))
                    self._refuse(record, error)
        self.tally = tally(self.dead_letter_limit, self.tally, bad, last_good=last_good, records=records)
        self.ports.telemetry.count("examples_read_total", len(records))

    def _learn(self, record: RawRecord) -> None:
        # By the key, before anything is decoded: what was learned already is passed over quickly.
        learner = self.learners.get((record.key or b"").decode(errors="replace"))
        if learner is not None and learner.contains(record.partition, record.offset):
            self.ports.telemetry.count("examples_skipped_total", reason="contained")
            return
        read = self.reader.read(record)
        if read is None:
            self.ports.telemetry.count(
                "examples_skipped_total", int(not self._is_accounted(record)), reason="other_features"
            )
            return
        product_id = read.example.product_id
        learner = self._learner_of(product_id)
        if learner.learn(read.example, read.inputs, partition=record.partition, offset=record.offset):
            self.ports.telemetry.count("drifts_total", product=product_id)
        self.changed.add(product_id)

    def _is_accounted(self, record: RawRecord) -> bool:
        """Return whether the record was read, and counted or refused, in a former life."""
        return record.offset < self.accounted.get(record.partition, 0)

    def _learner_of(self, product_id: str) -> ProductLearner:
        if product_id not in self.learners:
            seed = self.models.seeds.get(product_id)
            self.learners[product_id] = (
                new_learner(product_id, self.models.fingerprint, self.models.input_names)
                if seed is None
                else restored_learner(seed)
            )
        return self.learners[product_id]

    def _refuse(self, record: RawRecord, error: InvalidMessage) -> None:
        letter = DeadLetter(record, DeadLetterCode(error.code), error.reason)
        self.dead_letters.append(dead_letter_record(letter, self.topics.name(ROLE)))
        self.ports.telemetry.count("dead_letters_total", kind=error.code)

    # ------------------------------------------------------------ publishing

    def _is_time_to_publish(self) -> bool:
        if not self.unpublished:
            return False
        waited_s = self.ports.clock.monotonic_s() - self.first_unpublished_s
        return self.unpublished >= self.limits.publish_examples or waited_s >= self.limits.publish_s

    def publish(self) -> None:
        """Publish changed models and dead letters with the offsets behind them; nothing new, nothing done."""
        if not self.positions:
            return
        snapshots = [self.learners[product_id].snapshot() for product_id in sorted(self.changed)]
        outputs = [snapshot_record(snapshot) for snapshot in snapshots] + self.dead_letters
        positions: dict[TopicPartition, int] = {(ROLE, p): offset for p, offset in self.positions.items()}
        self._retrying(lambda: self.ports.sink.publish(outputs, positions), "publish")
        self._forget_unpublished()
        for snapshot in snapshots:
            self._tell(snapshot)

    def _tell(self, snapshot: ModelSnapshot) -> None:
        gauge = self.ports.telemetry.gauge
        gauge("model_version", snapshot.version, product=snapshot.product_id)
        gauge("model_examples", snapshot.evidence["examples"], product=snapshot.product_id)
        for name, value in snapshot.metrics.items():
            gauge(f"model_{name}", value, product=snapshot.product_id)

    def _retrying(self, action: Callable[[], Result], what: str) -> Result:
        return self.backoff.call(action, clock=self.ports.clock, telemetry=self.ports.telemetry, what=what)


def snapshot_record(snapshot: ModelSnapshot) -> OutputRecord:
    """Return the `nbo.models` record of a snapshot, with CloudEvents headers."""
    headers = (
        ("ce_specversion", b"1.0"),
        ("ce_id", snapshot.event_id.encode()),
        ("ce_source", _CE_SOURCE),
        ("ce_type", b"upswell.model_snapshot.v1"),
        ("ce_time", iso_utc(snapshot.event_time_ms).encode()),
    )
    value = snapshot.model_dump_json().encode()
    return OutputRecord("models", snapshot.product_id.encode(), value, snapshot.event_time_ms, headers)
