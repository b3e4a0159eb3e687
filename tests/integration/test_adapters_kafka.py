"""Kafka adapters where they differ from the ones in memory: topics, lost answers, lagging roles, wrong brokers."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from consumer.adapters import kafka_sink, kafka_source
from consumer.adapters.kafka_config import ClientConfig, client_config, producer_config
from consumer.adapters.kafka_reader import KafkaModelFeed
from consumer.adapters.kafka_sink import KafkaSink
from consumer.adapters.kafka_source import KafkaSource
from consumer.adapters.kafka_topics import check_topics, create_topics
from consumer.adapters.partitioner import partition_of
from consumer.vocabulary.errors import ConfigurationError, Defect, Fenced, Retryable
from consumer.vocabulary.log import OutputRecord, RawRecord
from consumer.vocabulary.topics import INPUT_ROLES, Topics
from tests.contract.worlds import GROUP, N_PARTITIONS, KafkaWorld, Listener, Process, until
from upswell.embedded.free_ports import free_port
from upswell.embedded.kafka import KafkaBroker
from upswell.embedded.mock_kafka import mock_kafka

OFFER = OutputRecord("offers", b"c-1", b"offer", 5)
POSITIONS = {("transactions", 0): 3}


@pytest.fixture
def client(kafka_broker: KafkaBroker) -> ClientConfig:
    return client_config(kafka_broker.bootstrap_servers)


@pytest.fixture
def world(kafka_broker: KafkaBroker, topic_prefix: str) -> Iterator[KafkaWorld]:
    made = KafkaWorld(kafka_broker.bootstrap_servers, topic_prefix)
    yield made
    made.close()


def test_topics_are_created_once_and_fit(client: ClientConfig, topic_prefix: str) -> None:
    topics = Topics(topic_prefix)
    with pytest.raises(
        ConfigurationError, match=r"missing on 127\.0\.0\.1.*bank\.customers.*upswell topics create"
    ):
        check_topics(client, topics)
    assert create_topics(client, topics, partitions=4) == sorted(topics.all)
    assert create_topics(client, topics, partitions=4) == []
    assert check_topics(client, topics) == 4
    with pytest.raises(ConfigurationError, match="have 4 partitions, not 5"):
        create_topics(client, topics, partitions=5)


def test_output_topics_may_have_fewer_partitions(client: ClientConfig, topic_prefix: str) -> None:
    topics = Topics(topic_prefix)
    create_topics(client, topics, partitions=4, output_partitions=2)
    assert check_topics(client, topics) == 4
    found = AdminClient(dict(client)).list_topics(timeout=10.0).topics
    counts = {role: len(found[topics.name(role)].partitions) for role in ("outcomes", "offers", "models")}
    assert counts == {"outcomes": 4, "offers": 2, "models": 2}


def test_input_topics_that_differ_in_partitions_are_named_with_their_counts(
    client: ClientConfig, topic_prefix: str
) -> None:
    topics = Topics(topic_prefix)
    admin = AdminClient(dict(client))
    odd = admin.create_topics([NewTopic(topics.name("transactions"), 2, 1)])
    odd[topics.name("transactions")].result()
    with pytest.raises(ConfigurationError, match=r"bank\.customers 3.*bank\.transactions 2"):
        create_topics(client, topics, partitions=3)


def test_a_broker_that_is_not_there_is_said_within_ten_seconds() -> None:
    nowhere = client_config(f"127.0.0.1:{free_port()}")
    started_s = time.monotonic()
    with pytest.raises(ConfigurationError, match=r"No Kafka broker answers at 127\.0\.0\.1:"):
        KafkaSource(nowhere, Topics(), group_id="g").open(Listener())
    assert time.monotonic() - started_s < 10


def test_a_model_feed_of_a_missing_topic_says_so(client: ClientConfig) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.nbo\.models is missing"):
        KafkaModelFeed(client, Topics("nowhere."))


def test_keys_go_where_the_java_producer_would_send_them(world: KafkaWorld) -> None:
    keys = [b"c-%d" % number for number in range(200)] + [b"", b"x" * 63, "Zoë".encode()]
    producer = Producer(producer_config(world.client, transactional_id=None))
    for key in keys:
        producer.produce(world.topics.name("decisions"), b"v", key)
    producer.flush()
    placed = {record.key: record.partition for record in world.visible("decisions")}
    assert placed == {key: partition_of(key, N_PARTITIONS) for key in keys}


def test_a_role_far_ahead_of_the_others_is_paused_and_nothing_is_lost(
    world: KafkaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of one role is later than all of another: the one waits while the other is read."""
    monkeypatch.setattr(kafka_source, "WAITING_RECORDS_MAX", 100)
    producer = Producer(producer_config(world.client, transactional_id=None))
    for role, first_ms in (("customers", 10_000), ("transactions", 1)):
        for number in range(3_000):
            producer.produce(
                world.topics.name(role), b"v" * 200, b"c-1", partition=0, timestamp=first_ms + number
            )
    producer.flush()
    process = world.start("a")
    records: list[RawRecord] = []
    until(lambda: len(records) == 6_000, [process], records, batch=500)
    assert [(record.role, record.offset) for record in records] == [
        (role, number) for role in ("transactions", "customers") for number in range(3_000)
    ]


class LostAnswer:
    """A producer whose next commit happens, or does not, but whose answer never comes."""

    def __init__(self, producer: Producer, *, commits: bool) -> None:
        self._producer = producer
        self._commits = commits

    def __getattr__(self, name: str) -> object:
        return getattr(self._producer, name)

    def commit_transaction(self, timeout_s: float) -> None:
        if self._commits:
            self._producer.commit_transaction(timeout_s)
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the answer got lost"))


@pytest.mark.parametrize("commits", [True, False])
def test_a_commit_whose_answer_is_lost_is_visible_once(world: KafkaWorld, commits: bool) -> None:
    process = world.start("a")
    until(lambda: len(process.listener.owned) == N_PARTITIONS, [process])
    sink = process.sink
    assert isinstance(sink, KafkaSink)
    sink._current = LostAnswer(sink._producer(), commits=commits)  # type: ignore[assignment]
    with pytest.raises(Retryable, match="the answer got lost"):
        sink.publish([OFFER], POSITIONS)
    sink.publish([OFFER], POSITIONS)
    assert len(world.visible("offers")) == 1
    sink.publish([OFFER], {("transactions", 0): 4})
    assert len(world.visible("offers")) == 2


def test_committed_offsets_wait_for_the_transaction_that_moves_them(world: KafkaWorld) -> None:
    process = world.start("a")
    until(lambda: len(process.listener.owned) == N_PARTITIONS, [process])
    source = process.source
    assert isinstance(source, KafkaSource)
    open_one = world.transactional("dead")
    open_one.produce(world.topics.name("offers"), b"v", b"c-1")
    open_one.send_offsets_to_transaction(source.broker_offsets(POSITIONS), source.group_metadata(), 10.0)
    source.answer_timeout_s = 0.5
    with pytest.raises(Retryable, match="committed offsets of partition 0"):
        source.committed(0)
    world.transactional("dead")  # its successor ends what it left open
    source.answer_timeout_s = 10.0
    assert source.committed(0) == {}


def test_too_large_a_record_stops_instead_of_being_tried_for_ever(world: KafkaWorld) -> None:
    process = world.start("a")
    until(lambda: len(process.listener.owned) == N_PARTITIONS, [process])
    with pytest.raises(Defect, match="too large"):
        process.sink.publish([OutputRecord("decisions", b"c-1", b"v" * 2_000_000, 5)], POSITIONS)
    process.sink.publish([OFFER], POSITIONS)
    assert len(world.visible("offers")) == 1


def test_a_broker_that_goes_away_is_retryable_and_comes_back(
    own_kafka_broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one test that harms its broker, so it has its own."""
    with own_kafka_broker as broker:
        world = KafkaWorld(broker.bootstrap_servers, "restart.")
        for number in range(4):
            world.append("transactions", 0, b"v", timestamp_ms=1 + number)
        process = world.start("a", static=True)
        until(lambda: len(process.listener.owned) == N_PARTITIONS, [process])
        process.sink.publish([OFFER], POSITIONS)
        broker.kill()
        monkeypatch.setattr(kafka_sink, "COMMIT_PATIENCE_S", 1.0)
        monkeypatch.setattr(kafka_sink, "ANSWER_TIMEOUT_S", 1.0)
        with pytest.raises(Retryable):
            process.sink.publish([OFFER], {("transactions", 0): 4})
        broker.start()
        monkeypatch.undo()
        publish_with_patience(world, process, {("transactions", 0): 4})
        assert len(world.visible("offers")) == 2
        world.close()


def publish_with_patience(world: KafkaWorld, process: Process, positions: dict[tuple[str, int], int]) -> None:
    """Do what the loops do: try again, and build the process anew when it was fenced meanwhile."""
    deadline_s = time.monotonic() + 60
    while True:
        assert time.monotonic() < deadline_s
        try:
            process.source.poll(10, 0.05)
            if process.source.committed(0) == {role: at for (role, _), at in positions.items()}:
                return
            process.sink.publish([OFFER], positions)
        except Retryable:
            continue
        except Fenced:
            process = world.start(process.name, static=True)
            until(lambda owned=process.listener.owned: len(owned) == N_PARTITIONS, [process])  # type: ignore[misc]


def test_the_mock_cluster_serves_at_least_once(topic_prefix: str) -> None:
    topics = Topics(topic_prefix)
    with mock_kafka(dict.fromkeys(topics.all, N_PARTITIONS)) as mock:
        client = client_config(mock.bootstrap_servers)
        assert check_topics(client, topics) == N_PARTITIONS
        source = KafkaSource(client, topics, group_id=GROUP)
        sink = KafkaSink(client, topics, source=source, transactional_id=None)
        listener = Listener()
        source.open(listener)
        producer = Producer(producer_config(client, transactional_id=None))
        for role in INPUT_ROLES:
            producer.produce(topics.name(role), b"v", b"c-1", timestamp=1_000)
        producer.flush()
        records: list[RawRecord] = []
        deadline_s = time.monotonic() + 20
        while len(records) < len(INPUT_ROLES):
            assert time.monotonic() < deadline_s
            records += source.poll(100, 0.05)
        assert [record.role for record in records] == list(INPUT_ROLES)
        positions = {(record.role, record.partition): record.offset + 1 for record in records}
        sink.publish([OFFER], positions)
        partition = records[0].partition
        assert source.committed(partition) == dict.fromkeys(INPUT_ROLES, 1)
        source.close()
        sink.close()
