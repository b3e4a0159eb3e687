"""The simulated bank on a real broker: lockstep, closed loop, every record accounted for."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from consumer.vocabulary.errors import ConfigurationError, Retryable
from consumer.vocabulary.time import HOUR_MS
from consumer.vocabulary.topics import INPUT_ROLES, Topics
from producer_sim.bus import Placed
from producer_sim.emit import KafkaBus
from producer_sim.records import Outgoing
from producer_sim.run import run
from producer_sim.settings import RETAIL_PRODUCTS, TYPICAL_FAULTS, BankSettings, Pace
from producer_sim.stand_in import CoinScorer
from upswell.embedded.kafka import KafkaBroker

pytestmark = pytest.mark.kafka

PARTITIONS = 3
OFFERS = {f"offer_{product}": (product,) for product in RETAIL_PRODUCTS}
SMALL = BankSettings(
    customers=120,
    days=2,
    step_ms=6 * HOUR_MS,
    offers=OFFERS,
    faults=TYPICAL_FAULTS,
    pace=Pace(settle_timeout_s=30),
)


@dataclass
class TransactionalScorer:
    """Tosses coins in Kafka transactions, offsets included, as the real scorer publishes."""

    servers: str
    topics: Topics
    group_id: str
    offers_made: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": self.group_id,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )
        producer = Producer({"bootstrap.servers": self.servers, "transactional.id": self.group_id})
        producer.init_transactions(30)
        consumer.subscribe([self.topics.name(role) for role in INPUT_ROLES])
        decide = CoinScorer(OFFERS)
        while not self._stop.is_set():
            messages = [message for message in consumer.consume(1_000, 0.05) if message.error() is None]
            if messages:
                replies = decide([self._placed(message) for message in messages])
                producer.begin_transaction()
                for role, values in (("offers", replies.offers), ("decisions", replies.decisions)):
                    for value in values:
                        producer.produce(self.topics.name(role), value)
                producer.send_offsets_to_transaction(
                    consumer.position(consumer.assignment()), consumer.consumer_group_metadata()
                )
                producer.commit_transaction(30)
                self.offers_made += len(replies.offers)
        consumer.close()

    def _placed(self, message: object) -> Placed:
        role = self.topics.role(message.topic())  # type: ignore[attr-defined]
        key, value = message.key() or b"", message.value()  # type: ignore[attr-defined]
        record = Outgoing(role, key, value, "", 0, 0)
        return Placed(message.partition(), message.offset(), record)  # type: ignore[attr-defined]


@pytest.fixture
def topics(kafka_broker: KafkaBroker, topic_prefix: str) -> Iterator[Topics]:
    """All ten topics under a prefix of this test."""
    names = Topics(topic_prefix)
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap_servers})
    made = admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names.all])
    for future in made.values():
        future.result(30)
    yield names
    admin.delete_topics(list(names.all))


def read_inputs(broker: KafkaBroker, topics: Topics) -> list[object]:
    """Return every record of the input topics."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": "test-reader",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    left = {(name, number) for name in topics.inputs for number in range(PARTITIONS)}
    consumer.assign([TopicPartition(name, number, 0) for name, number in left])
    found: list[object] = []
    while left:
        for message in consumer.consume(5_000, 1.0):
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                left.discard((message.topic() or "", message.partition() or 0))
            else:
                found.append(message)
    consumer.close()
    return found


def test_a_lockstep_run_hears_every_offer_and_accounts_for_every_record(
    kafka_broker: KafkaBroker, topics: Topics
) -> None:
    group = f"{topics.prefix}scorers"
    bus = KafkaBus(kafka_broker.bootstrap_servers, topics=topics, group_id=group)
    with TransactionalScorer(kafka_broker.bootstrap_servers, topics, group) as scorer:
        truth = run(SMALL, bus)
    bus.close()
    assert truth.offers_count == scorer.offers_made > 20
    assert len(truth.decisions) >= truth.offers_count
    published: Counter[str] = Counter()
    times: defaultdict[str, list[int]] = defaultdict(list)
    for message in read_inputs(kafka_broker, topics):
        published[topics.role(message.topic())] += 1  # type: ignore[attr-defined]
        times[message.topic()].append(message.timestamp()[1])  # type: ignore[attr-defined]
        headers = dict(message.headers())  # type: ignore[attr-defined]
        assert headers["ce_specversion"] == b"1.0"
        assert headers["ce_id"]
    assert published == {role: sum(fates.values()) for role, fates in truth.published.items()}
    assert all(SMALL.start_ms <= moment < SMALL.end_ms for found in times.values() for moment in found)


def test_the_log_of_a_run_on_kafka_is_the_same_bytes_each_time(
    kafka_broker: KafkaBroker, topics: Topics
) -> None:
    def log() -> list[tuple[object, ...]]:
        bus = KafkaBus(kafka_broker.bootstrap_servers, topics=topics)
        run(replace(SMALL, customers=30, pace=Pace(lockstep=False)), bus)
        bus.close()
        found = read_inputs(kafka_broker, topics)
        rows = [
            (m.topic(), m.partition(), m.offset(), m.key(), m.value(), m.timestamp())  # type: ignore[attr-defined]
            for m in found
        ]
        return sorted(rows, key=lambda row: row[:3])

    first = log()
    twice = log()
    assert len(twice) == 2 * len(first)
    ends = Counter(row[:2] for row in first)
    again = [(*row[:2], row[2] - ends[row[:2]], *row[3:]) for row in twice if row[2] >= ends[row[:2]]]  # type: ignore[operator]
    assert again == first


def test_lockstep_without_a_scorer_ends_with_the_places_it_waits_for(
    kafka_broker: KafkaBroker, topics: Topics
) -> None:
    bus = KafkaBus(kafka_broker.bootstrap_servers, topics=topics, group_id=f"{topics.prefix}nobody")
    with pytest.raises(Retryable, match=r"nobody has not processed .*committed 0 of"):
        run(replace(SMALL, pace=Pace(settle_timeout_s=0.5)), bus)
    bus.close()


def test_a_broker_or_topic_that_is_not_there_is_named(kafka_broker: KafkaBroker, topics: Topics) -> None:
    with pytest.raises(ConfigurationError, match=r"no Kafka broker answers at 127\.0\.0\.1:9"):
        KafkaBus("127.0.0.1:9", topics=topics)
    with pytest.raises(ConfigurationError, match=r"has no topic absent\.bank\.customers"):
        KafkaBus(kafka_broker.bootstrap_servers, topics=Topics("absent."))
