"""One log in memory, and learners over it: what the tests of the learner stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from consumer.adapters.memory_group import MemoryGroup
from consumer.adapters.memory_io import MemoryModelFeed, MemorySink, MemorySource
from consumer.adapters.memory_log import MemoryLog
from consumer.adapters.memory_telemetry import MemoryTelemetry
from consumer.adapters.partitioner import partition_of
from consumer.runtime.learner import Learner, LearnerLimits, LearnerModels, LearnerPorts
from consumer.vocabulary.messages import Example, ModelInput, ModelSnapshot
from consumer.vocabulary.words import ExampleCause, LabelKind

N_INPUTS = 4
N_PARTITIONS = 2
FINGERPRINT = "0123456789abcdef"
MODELS = LearnerModels(("card", "loan"), tuple(f"input_{place}" for place in range(N_INPUTS)), FINGERPRINT)


@dataclass
class ManualClock:
    """Time that passes when told to."""

    now_s: float = 0.0

    def monotonic_s(self) -> float:
        return self.now_s

    def sleep_s(self, seconds: float) -> None:
        self.now_s += seconds


@dataclass
class Bench:
    """One log, one group, and learners over them."""

    log: MemoryLog = field(default_factory=lambda: MemoryLog(N_PARTITIONS))
    group: MemoryGroup = field(default_factory=lambda: MemoryGroup("learner", N_PARTITIONS))
    clock: ManualClock = field(default_factory=ManualClock)
    telemetry: MemoryTelemetry = field(default_factory=MemoryTelemetry)
    sources: list[MemorySource] = field(default_factory=list)

    def learner(
        self,
        *,
        limits: LearnerLimits | None = None,
        models: LearnerModels = MODELS,
        is_transactional: bool = True,
        on_step: Callable[[str], None] | None = None,
    ) -> Learner:
        source = MemorySource(self.log, self.group, member=f"m{len(self.sources)}", roles=("examples",))
        self.sources.append(source)
        sink = MemorySink(
            self.log,
            source,
            transactional_id="learner" if is_transactional else None,
            on_step=on_step,
        )
        learner = Learner(
            LearnerPorts(source, sink, MemoryModelFeed(self.log), self.clock, self.telemetry),
            models,
            limits=limits or LearnerLimits(batch_records=7, publish_examples=10, publish_s=1e9),
        )
        source.open(learner)
        return learner

    def give(self, *examples: Example) -> None:
        for example in examples:
            self.give_raw(example.product_id.encode(), example.model_dump_json().encode())

    def give_raw(self, key: bytes, value: bytes | None) -> None:
        self.log.append("examples", partition_of(key, N_PARTITIONS), key, value, timestamp_ms=1)

    def snapshots(self) -> dict[str, ModelSnapshot]:
        read = (ModelSnapshot.model_validate_json(value) for value in MemoryModelFeed(self.log).read_all())
        return {snapshot.product_id: snapshot for snapshot in read}

    def committed(self) -> dict[int, int]:
        source = self.sources[-1]
        return {p: source.committed(p).get("examples", 0) for p in range(N_PARTITIONS)}


@dataclass
class LateFeed:
    """A feed that does not show yet what the last publication wrote for some models."""

    feed: MemoryModelFeed
    late: dict[str, bytes]

    def read_all(self) -> list[bytes]:
        read = {ModelSnapshot.model_validate_json(value).product_id: value for value in self.feed.read_all()}
        return list((read | self.late).values())

    def poll(self) -> list[bytes]:
        return self.feed.poll()

    def close(self) -> None:
        """Nothing to let go."""


def example_of(place: int, product_id: str = "card", **changes: object) -> Example:
    rng = np.random.default_rng(place)
    cause: ExampleCause = "accepted" if place % 3 == 0 else "rejected"
    label_kind: LabelKind = "response"
    values: dict[str, object] = {
        "event_id": f"transactions-0-{place}.response.{cause}",
        "customer_id": f"c-{place}",
        "event_time_ms": 1_000 + place,
        "decision_id": f"transactions-0-{place}",
        "product_id": product_id,
        "offer_id": f"{product_id}_spring",
        "label_kind": label_kind,
        "label": int(place % 3 == 0),
        "weight": 1.5,
        "logging_propensity": 0.6,
        "cause": cause,
        "model_input": ModelInput(
            fingerprint=FINGERPRINT, inputs_milli=rng.integers(-3_000, 9_000, N_INPUTS).tolist()
        ),
        "segment": None,
        "decided_at_ms": place,
        "matured_at_ms": 1_000 + place,
    }
    return Example.model_validate(values | changes)


def lesson(n_examples: int) -> list[Example]:
    return [example_of(place, ("card", "loan")[place % 5 == 4]) for place in range(n_examples)]


def drain(learner: Learner) -> None:
    while learner.step():
        pass
    learner.publish()


def numbers(bench: Bench) -> dict[str, tuple[object, ...]]:
    """Return everything that a model learned, without how often it was published."""
    return {
        product: (
            s.weights,
            s.intercept,
            s.optimizer,
            s.scaler,
            s.calibration,
            s.drift,
            s.evidence,
            s.metrics,
        )
        for product, s in bench.snapshots().items()
    }


def undisturbed(n_examples: int) -> dict[str, tuple[object, ...]]:
    bench = Bench()
    bench.give(*lesson(n_examples))
    drain(bench.learner())
    return numbers(bench)
