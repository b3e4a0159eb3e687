"""Event → offer latency, measured from outside: from handing an event to the client to reading its offer.

The clock starts when the event is handed over, queueing included, and stops when a reader of its own
has the offer in hand; nothing in the service is asked. The event is found through the decision record.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import msgspec
from confluent_kafka import Consumer, TopicPartition

from consumer.vocabulary.topics import Topics
from producer_sim.bus import Bus
from producer_sim.records import Outgoing

POLL_S: Final = 0.1
MS_A_SECOND: Final = 1_000.0


class _Offer(msgspec.Struct):
    decision_id: str


class _Trigger(msgspec.Struct):
    event_id: str


class _Decision(msgspec.Struct):
    decision_id: str
    trigger: _Trigger


@dataclass(slots=True)
class TimedBus:
    """A bus that notes when events leave and, in a thread of its own, when offers arrive."""

    inner: Bus
    sent_s: dict[str, float] = field(default_factory=dict)
    heard_s: dict[str, float] = field(default_factory=dict)
    trigger_of: dict[str, str] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def over(cls, inner: Bus, servers: str, topics: Topics) -> Iterator[TimedBus]:
        """Wrap a bus; the listener runs while the block does."""
        bus = cls(inner)
        stopping = threading.Event()
        consumer = _reader(servers, topics.name("offers"))
        listener = threading.Thread(target=bus._listen, args=(consumer, stopping), name="latency")
        listener.start()
        try:
            yield bus
        finally:
            stopping.set()
            listener.join()
            consumer.close()

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Publish, noting the time."""
        sent_s = time.monotonic()
        self.sent_s.update({record.event_id: sent_s for record in records})
        self.inner.publish(records)

    def settle(self, timeout_s: float) -> None:
        """Wait for the scorers."""
        self.inner.settle(timeout_s)

    def take_offers(self) -> list[bytes]:
        """Return new offers."""
        return self.inner.take_offers()

    def take_decisions(self) -> list[bytes]:
        """Return new decisions, noting their triggers."""
        values = self.inner.take_decisions()
        for value in values:
            decision = _read_decision(value)
            self.trigger_of[decision.decision_id] = decision.trigger.event_id
        return values

    def latencies_ms(self) -> list[float]:
        """Return the latency of each offer whose trigger is known, in order of arrival."""
        return [
            (heard - self.sent_s[event_id]) * MS_A_SECOND
            for decision_id, heard in self.heard_s.items()
            if (event_id := self.trigger_of.get(decision_id)) in self.sent_s
        ]

    def _listen(self, consumer: Consumer, stopping: threading.Event) -> None:
        while not stopping.is_set():
            message = consumer.poll(POLL_S)
            if message is not None and message.error() is None:
                self.heard_s.setdefault(_read_offer(message.value() or b"").decision_id, time.monotonic())


_read_offer: Final = msgspec.json.Decoder(_Offer).decode
_read_decision: Final = msgspec.json.Decoder(_Decision).decode


def _reader(servers: str, topic: str) -> Consumer:
    """Return a reader of all partitions of a topic from the beginning on, outside any group."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "latency",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 10,
        }
    )
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    return consumer
