"""How far a process has come, seen from outside: what it committed, and the rate between two counts.

Rules of this file: nothing inside the measured process is asked or changed. The count is of committed
offsets, so an event counts once its outputs are visible, and starting up is never part of a rate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from consumer.vocabulary.errors import UpswellError
from consumer.vocabulary.topics import Topics

SAMPLE_INTERVAL_S: Final = 0.05
"""Twenty questions a second cost the broker nothing, and a batch takes longer."""

ANSWER_TIMEOUT_S: Final = 10.0
COORDINATOR_TIMEOUT_S: Final = 20.0
MEGA: Final = 1e6


class MeasurementFailed(UpswellError):
    """A figure could not be measured; it is left out, and the text says why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """How much was done at a time, and with how much processor time of the process."""

    at_s: float
    count: int
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Rate:
    """Events done within some time.

    cpu_s : processor time of the process meanwhile, its client libraries' threads included; on a machine
        that others use too it varies less than the rate
    """

    events: int
    seconds: float
    cpu_s: float = 0.0

    @property
    def per_s(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def us_per_event(self) -> float:
        """Microseconds an event."""
        return self.seconds / self.events * MEGA

    @property
    def cpu_us_per_event(self) -> float:
        """Microseconds of processor time an event."""
        return self.cpu_s / self.events * MEGA


def steady_rate(samples: Sequence[Sample], *, from_count: int, to_count: int) -> Rate:
    """Return the rate between the first samples that reach the two counts.

    Raises
    ------
    MeasurementFailed : the counts were not reached, or within one sample

    Examples
    --------
    >>> seen = [Sample(0.0, 0), Sample(1.0, 100), Sample(2.0, 400), Sample(3.0, 500)]
    >>> steady_rate(seen, from_count=100, to_count=500)
    Rate(events=400, seconds=2.0, cpu_s=0.0)
    """
    begin = next((sample for sample in samples if sample.count >= from_count), None)
    end = next((sample for sample in samples if sample.count >= to_count), None)
    if begin is None or end is None:
        reached = samples[-1].count if samples else 0
        raise MeasurementFailed(f"only {reached:,} of {to_count:,} records were done")
    if end.at_s <= begin.at_s:
        raise MeasurementFailed(f"{to_count - from_count:,} records are too few to see a rate")
    return Rate(end.count - begin.count, end.at_s - begin.at_s, end.cpu_s - begin.cpu_s)


class Committed:
    """The committed offsets of a group: how many input records have become visible effects.

    Inputs are written without transactions, so an offset is a number of records.
    """

    def __init__(self, servers: str, topics: Topics, *, group_id: str, roles: Sequence[str]) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": servers, "group.id": group_id, "enable.auto.commit": False}
            # Pending transactions would make the answer wait; what is committed already is what counts.
            | {"isolation.level": "read_uncommitted"}
        )
        known = self._consumer.list_topics(timeout=ANSWER_TIMEOUT_S).topics
        self._places = [
            TopicPartition(topics.name(role), partition)
            for role in roles
            for partition in known[topics.name(role)].partitions
        ]

    def sample(self) -> Sample:
        """Return how many records are committed now."""
        found = self._ask()
        return Sample(time.perf_counter(), sum(max(place.offset, 0) for place in found))

    def _ask(self) -> list[TopicPartition]:
        """Ask, patiently: a broker that has just started loads its group coordinators first."""
        deadline_s = time.perf_counter() + COORDINATOR_TIMEOUT_S
        while True:
            try:
                return self._consumer.committed(self._places, timeout=ANSWER_TIMEOUT_S)
            except KafkaException:
                if time.perf_counter() > deadline_s:
                    raise
                time.sleep(SAMPLE_INTERVAL_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()


class Process(Protocol):
    """What is watched."""

    @property
    def is_alive(self) -> bool:
        """True while it runs."""

    def cpu_s(self) -> float:
        """Seconds of processor time that it has used."""


def watch(
    sample: Callable[[], Sample], process: Process, *, to_count: int, patience_s: float = 60.0
) -> list[Sample]:
    """Take samples until a count is reached, the process has ended or nothing moves any more."""

    def taken() -> Sample:
        return replace(sample(), cpu_s=process.cpu_s())

    samples = [taken()]
    moved_s = samples[-1].at_s
    while samples[-1].count < to_count and process.is_alive and time.perf_counter() - moved_s < patience_s:
        time.sleep(SAMPLE_INTERVAL_S)
        samples.append(taken())
        if samples[-1].count > samples[-2].count:
            moved_s = samples[-1].at_s
    return samples
