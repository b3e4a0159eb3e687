"""A run of the crash matrix against the learner: its models must be those of one that was left in peace.

The log of examples is written once: what the scorers of the undisturbed run make of the crash log, again and
again, and some that are malformed. What must come of it is what the real learner makes of it in memory.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from consumer.adapters.memory_group import MemoryGroup
from consumer.adapters.memory_io import MemoryModelFeed, MemorySink, MemorySource
from consumer.adapters.memory_log import MemoryLog
from consumer.adapters.memory_telemetry import MemoryTelemetry
from consumer.adapters.partitioner import partition_of
from consumer.features.catalogue import catalogue_for
from consumer.runtime.learner import Learner, LearnerModels, LearnerPorts
from consumer.vocabulary.messages import ModelSnapshot
from tests.e2e.crash_log import N_PARTITIONS, crash_log
from tests.e2e.crash_run import CrashRunFailed, deployed_run, failpoint_of
from tests.e2e.crash_scenario import RANDOM_TIME, Moment, Scenario
from tests.e2e.crash_services import CrashServices
from tests.e2e.kafka_reading import SILENT_S, Record, read
from tests.e2e.processes import STRUCK, Deployment, RoleProcess
from tests.simulation.world import StillClock, retail_bank

REPEATS: Final = 40
RUN_WITHIN_S: Final = 90.0
LOOK_EVERY_S: Final = 0.01
NOT_OF_THE_MODEL: Final = {"version", "parent_version", "event_id"}
"""They count publications, which a crash may cut elsewhere."""

Examples = list[tuple[bytes, bytes]]


@cache
def examples() -> tuple[tuple[bytes, bytes], ...]:
    """Return (product, example) in the order in which they are written."""
    made = [
        (key, value)
        for (role, key), values in sorted(crash_log().outputs.items())
        if role == "examples"
        for value in values
    ]
    good = [made[place * 7 % len(made)] for place in range(len(made) * REPEATS)]
    bad = [(key, b"{no example") for key, _ in made]
    return tuple(
        pair
        for place, one in enumerate(good)
        for pair in ([one, bad[place % len(bad)]] if place % 97 == 5 else [one])
    )


@cache
def models() -> dict[str, dict[str, Any]]:
    """Return product → what an undisturbed learner knows at the end."""
    log = MemoryLog(N_PARTITIONS)
    for key, value in examples():
        log.append("examples", partition_of(key, N_PARTITIONS), key, value, timestamp_ms=1)
    source = MemorySource(log, MemoryGroup("learner", N_PARTITIONS), member="m", roles=("examples",))
    sink = MemorySink(log, source, transactional_id="learner")
    policy = retail_bank()
    features = catalogue_for(policy.catalogue.product_ids)
    learner = Learner(
        LearnerPorts(source, sink, MemoryModelFeed(log), StillClock(), MemoryTelemetry()),
        LearnerModels(policy.catalogue.model_ids, features.input_names, features.fingerprint),
    )
    source.open(learner)
    while learner.step():
        pass
    learner.publish()
    return {
        snapshot.product_id: known(snapshot)
        for snapshot in map(ModelSnapshot.model_validate_json, MemoryModelFeed(log).read_all())
    }


def known(snapshot: ModelSnapshot) -> dict[str, Any]:
    """Return what a model knows, without how often it was published."""
    return snapshot.model_dump(mode="json", exclude=NOT_OF_THE_MODEL)


@dataclass
class LearnerCrashRun:
    """One run; as `CrashRun`."""

    services: CrashServices
    scenario: Scenario
    folder: Path
    happened: Counter[str] = field(default_factory=Counter)
    left: list[Moment] = field(init=False)
    deployment: Deployment = field(init=False)
    learner: RoleProcess = field(init=False)
    _kill_at_s: float | None = None

    def carry_out(self) -> Counter[str]:
        """Do everything; return which harms came about.

        Raises
        ------
        CrashRunFailed : a model is another one, a version is missing or twice, or a dead letter
        """
        self.left = list(self.scenario.moments)
        with deployed_run(self.services, self.scenario, self.folder) as self.deployment:
            try:
                self._prepare()
                self._live()
                check(self.deployment)
            except Exception as error:
                raise CrashRunFailed(
                    f"{type(error).__name__}: {error}\n{self.scenario}\n"
                    f"again: python -m tests.e2e.crash_matrix --seed {self.scenario.seed}\n{self.learner.log()}"
                ) from error
        return self.happened

    def _prepare(self) -> None:
        producer = Producer(
            {"bootstrap.servers": self.deployment.servers, "linger.ms": 5, "enable.idempotence": True}
        )
        for key, value in examples():
            partition = partition_of(key, N_PARTITIONS)
            producer.produce(self.deployment.topics.name("examples"), value, key, partition=partition)
        assert producer.flush(30.0) == 0
        self._start()

    def _start(self) -> None:
        self._kill_at_s = None
        self.learner = self.deployment.start(
            "learn",
            environment="test",
            failpoint=failpoint_of(self.left),
            instance_id="one",
            session_seconds="2",
            batch_records="20",
            snapshot_examples="20",
            snapshot_seconds="0.05",
        )

    def _live(self) -> None:
        deadline_s = time.monotonic() + RUN_WITHIN_S
        with self._group() as group:
            while not self._is_done(group):
                assert time.monotonic() < deadline_s, (
                    f"not at the end of the examples in {RUN_WITHIN_S:.0f} s"
                )
                self._look()
                time.sleep(LOOK_EVERY_S)
        if self.left:
            # What is still to come could strike while it stops.
            self.learner.kill()
        else:
            self.learner.wait_until_ready()
            self.learner.stop()

    def _look(self) -> None:
        if not self.learner.is_running:
            assert self.learner.exit_code(1.0) == STRUCK, (
                f"the learner ended by itself:\n{self.learner.log()}"
            )
            self.happened[f"learner: {self.left.pop(0).name}"] += 1
            self._start()
        elif self.left and self.left[0].step == RANDOM_TIME:
            if self._kill_at_s is None and self.learner.is_ready:
                self._kill_at_s = time.monotonic() + self.left[0].passing / 1_000
            elif self._kill_at_s is not None and time.monotonic() > self._kill_at_s:
                self.learner.kill()

    def _group(self) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self.deployment.servers,
                "group.id": f"{self.deployment.group_id}-learner",
                "enable.auto.commit": False,
            }
        )

    def _is_done(self, group: Consumer) -> bool:
        """Return whether the group has committed every example."""
        places = [
            TopicPartition(self.deployment.topics.name("examples"), number) for number in range(N_PARTITIONS)
        ]
        written = Counter(partition_of(key, N_PARTITIONS) for key, _ in examples())
        try:
            committed = group.committed(places, timeout=SILENT_S)
        except KafkaException:
            return False  # the broker has only just started; asked again
        return all(place.offset >= written[place.partition] for place in committed)


def check(deployment: Deployment) -> None:
    """Compare the last models with the undisturbed ones, and count versions and dead letters."""
    snapshots: dict[str, list[ModelSnapshot]] = defaultdict(list)
    for record in read(deployment, "models"):
        snapshot = ModelSnapshot.model_validate_json(record.value or b"")
        snapshots[snapshot.product_id].append(snapshot)
    versions = {product: [snapshot.version for snapshot in found] for product, found in snapshots.items()}
    assert versions == {product: list(range(1, len(found) + 1)) for product, found in versions.items()}
    last = {product: known(found[-1]) for product, found in snapshots.items()}
    assert last.keys() == models().keys()
    different = [product for product in last if last[product] != models()[product]]
    assert not different, f"the models of {different} are others than the undisturbed learner's"
    letters = Counter(_source(record) for record in read(deployment, "dead_letter"))
    bad = sum(value == b"{no example" for _, value in examples())
    assert len(letters) == letters.total() == bad, f"{letters.total()} dead letters of {bad} bad examples"


def _source(record: Record) -> tuple[bytes, ...]:
    return tuple(value for _, value in sorted(record.headers.items()))
