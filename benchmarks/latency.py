"""Event → offer latency at a fixed rate of arrivals: from when an event was due to when a reader has its offer.

Arrivals do not wait for answers (an open loop), and the clock of an event starts when it *should* have been
sent. A stall of sender, broker or scorer therefore counts for every event that it held up, which is what
is called measuring without coordinated omission (Tene 2013, "How not to measure latency").

The event of an offer is known by its decision id, which names partition and offset; offsets are known before
anything is sent, since these topics are new and have one writer.
"""

from __future__ import annotations

import gc
import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.progress import Committed, MeasurementFailed, watch
from benchmarks.services import Services, many_events, publish, role
from benchmarks.synthetic_events import Load, profiles
from benchmarks.throughput import EVENT_ROLES, scorer_settings
from consumer.adapters.kafka_config import client_config, producer_config
from consumer.adapters.partitioner import partition_of
from consumer.vocabulary.ids import decision_id
from consumer.vocabulary.log import OutputRecord
from consumer.vocabulary.topics import Topics

TICK_S: Final = 0.001
"""The sender looks at the clock this often: what is late by less is not the scorer's."""

WARM_SHARE: Final = 0.5
"""Of the arrivals, the first, which are not counted: batches find their size, and the broker's JVM compiles. A
transaction takes 50 ms on a broker that has just started and 12 ms when it has done a thousand of them."""

SETTLE_S: Final = 5.0
"""How long the last events may take."""

SENT_SHARE_MIN: Final = 0.98
POLL_S: Final = 0.05
MS_A_SECOND: Final = 1_000.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from an event's due time to its offer in a reader's hand.

    late_ms_p99 : how late the sender itself was, which is inside the figures
    """

    p50: float
    p99: float
    p999: float
    offers: int
    events_per_s: float
    late_ms_p99: float


class _Offer(msgspec.Struct):
    decision_id: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event, ready to be sent."""

    topic: str
    partition: int
    record: OutputRecord
    decision_id: str


@dataclass(slots=True)
class OfferReader:
    """When each offer was first seen by a `read_committed` reader of its own."""

    heard_s: dict[str, float] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def over(cls, servers: str, topics: Topics) -> Iterator[OfferReader]:
        """Read all partitions of the offers' topic, in a thread, while the block runs."""
        reader, stopping = cls(), threading.Event()
        consumer = Consumer(
            {"bootstrap.servers": servers, "group.id": "bench-offers", "enable.auto.commit": False}
            | {"auto.offset.reset": "earliest", "isolation.level": "read_committed"}
            | {"fetch.wait.max.ms": 10}
        )
        topic = topics.name("offers")
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        thread = threading.Thread(target=reader._listen, args=(consumer, stopping), name="offers")
        thread.start()
        try:
            yield reader
        finally:
            stopping.set()
            thread.join()
            consumer.close()

    def _listen(self, consumer: Consumer, stopping: threading.Event) -> None:
        decode = msgspec.json.Decoder(_Offer).decode
        while not stopping.is_set():
            message = consumer.poll(POLL_S)
            if message is not None and message.error() is None:
                self.heard_s.setdefault(decode(message.value() or b"").decision_id, time.perf_counter())


@dataclass(frozen=True, slots=True)
class Sent:
    """When the arrivals were due, and how late each tick of the sender was."""

    begin_s: float
    interval_s: float
    late_s: Sequence[float]
    seconds: float

    def due_s(self, place: int) -> float:
        """Return when an arrival should have been sent."""
        return self.begin_s + place * self.interval_s


def measure_latency(
    services: Services, load: Load, *, events_per_s: float, policy: Path, products: tuple[str, ...]
) -> Latency:
    """Run a scorer under arrivals at a fixed rate; `load.n_events` of them.

    Raises
    ------
    MeasurementFailed : the scorer ended, the sender could not keep the rate, or no offer came
    """
    services.forget_all()
    topics = services.new_topics("latency")
    n_profiles = publish(services, topics, profiles(load))
    arrivals = list(arrivals_of(services, topics, load, products))
    with (
        Committed(services.servers, topics, group_id="latency", roles=EVENT_ROLES) as committed,
        OfferReader.over(services.servers, topics) as reader,
        role(services, "score", scorer_settings(topics, "latency", policy)) as scorer,
    ):
        watch(committed.sample, scorer, to_count=n_profiles)
        scorer.check()
        sent = send(services, arrivals, events_per_s=events_per_s)
        total = n_profiles + len(arrivals)
        watch(committed.sample, scorer, to_count=total, patience_s=SETTLE_S)
        scorer.check()
        time.sleep(POLL_S * 2)  # the reader takes what was committed last
    return summary(sent, {arrival.decision_id: i for i, arrival in enumerate(arrivals)}, reader.heard_s)


def arrivals_of(
    services: Services, topics: Topics, load: Load, products: tuple[str, ...]
) -> Iterator[Arrival]:
    """Yield the events of a load with the partition and the decision id that each will have."""
    offsets: dict[tuple[str, int], int] = {}
    for record in many_events(load, products=products):
        place = (record.role, partition_of(record.key, services.partitions))
        offset = offsets.get(place, 0)
        offsets[place] = offset + 1
        yield Arrival(topics.name(record.role), place[1], record, decision_id(*place, offset))


def send(services: Services, arrivals: Sequence[Arrival], *, events_per_s: float) -> Sent:
    """Send arrivals at a fixed rate, whatever becomes of them."""
    producer = Producer(
        producer_config(client_config(services.servers), transactional_id=None) | {"linger.ms": 1}
    )
    producer.list_topics(timeout=10)
    late_s: list[float] = []
    interval_s, place = 1.0 / events_per_s, 0
    gc.collect()
    gc.disable()  # a collection over all these arrivals would be a stall of the sender's own
    begin_s = time.perf_counter()
    while place < len(arrivals):
        clock_s = time.perf_counter()
        until = min(int((clock_s - begin_s) / interval_s) + 1, len(arrivals))
        if until > place:
            late_s.append(clock_s - (begin_s + place * interval_s))
        for arrival in arrivals[place:until]:
            record = arrival.record
            producer.produce(
                arrival.topic, record.value, record.key, arrival.partition, timestamp=record.event_time_ms
            )
        place = until
        producer.poll(0)
        time.sleep(TICK_S)
    seconds = time.perf_counter() - begin_s
    gc.enable()
    producer.flush(10.0)
    return Sent(begin_s, interval_s, late_s, seconds)


def summary(sent: Sent, place_of: Mapping[str, int], heard_s: Mapping[str, float]) -> Latency:
    """Return the quantiles over the offers whose events were due after the warm-up.

    Raises
    ------
    MeasurementFailed : there are none, or the sender fell behind
    """
    warm = int(WARM_SHARE * len(place_of))
    found = [
        (at_s - sent.due_s(place)) * MS_A_SECOND
        for name, at_s in heard_s.items()
        if (place := place_of.get(name, -1)) >= warm
    ]
    if not found:
        raise MeasurementFailed("no offer came back while events arrived at a fixed rate")
    rate = len(place_of) / sent.seconds
    if rate < SENT_SHARE_MIN / sent.interval_s:
        raise MeasurementFailed(
            f"the sender managed {rate:,.0f} events/s instead of {1 / sent.interval_s:,.0f}"
        )
    late_ms = [seconds * MS_A_SECOND for seconds in sent.late_s]
    return Latency(
        p50=quantile(found, 0.5),
        p99=quantile(found, 0.99),
        p999=quantile(found, 0.999),
        offers=len(found),
        events_per_s=rate,
        late_ms_p99=quantile(late_ms, 0.99),
    )


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed.

    Examples
    --------
    >>> quantile([3.0, 1.0, 2.0], 0.5), quantile([3.0, 1.0, 2.0], 0.99)
    (2.0, 3.0)
    """
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]
