"""The real broker keeps what delivery builds on, and the mock cluster what the demo needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from consumer.vocabulary.errors import ConfigurationError
from upswell.embedded import jars
from upswell.embedded.kafka import KafkaBroker, real_kafka
from upswell.embedded.mock_kafka import mock_kafka

WAIT_S = 30.0


def create_topic(bootstrap_servers: str, name: str, *, partitions: int = 1) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.create_topics([NewTopic(name, partitions, 1)])[name].result(WAIT_S)


def transactional_producer(broker: KafkaBroker, transactional_id: str) -> Producer:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "transactional.id": transactional_id})
    producer.init_transactions(WAIT_S)
    return producer


def reader(bootstrap_servers: str, group: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "partition.assignment.strategy": "range",
            "enable.auto.commit": False,
            # The mock cluster takes this long, less a second, to let a new member in.
            "session.timeout.ms": 2_000,
        }
    )


def values_until(bootstrap_servers: str, topic: str, last: bytes) -> list[bytes]:
    """What a `read_committed` reader sees in a topic of one partition, up to the value `last`.

    The end of the partition proves nothing: the coordinator answers a commit before its marker is
    in the log, and until then the reader's end lies before the transaction.
    """
    consumer = reader(bootstrap_servers, f"{topic}.reader")
    consumer.assign([TopicPartition(topic, 0, 0)])
    values: list[bytes] = []
    while not values or values[-1] != last:
        message = next_message(consumer)
        assert message.error() is None, message.error()
        values.append(message.value() or b"")
    consumer.close()
    return values


def next_message(consumer: Consumer) -> Message:
    message = consumer.poll(WAIT_S)
    assert message is not None, f"no message within {WAIT_S} s"
    return message


def test_aborted_records_stay_invisible_and_committed_ones_show(
    kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    topic = f"{topic_prefix}events"
    create_topic(kafka_broker.bootstrap_servers, topic)
    producer = transactional_producer(kafka_broker, topic_prefix)
    producer.begin_transaction()
    producer.produce(topic, b"aborted")
    producer.flush(WAIT_S)
    producer.abort_transaction(WAIT_S)
    producer.begin_transaction()
    producer.produce(topic, b"committed")
    producer.commit_transaction(WAIT_S)
    assert values_until(kafka_broker.bootstrap_servers, topic, b"committed") == [b"committed"]


def test_offsets_sent_in_a_transaction_are_the_groups_position_after_it(
    kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    topic = f"{topic_prefix}events"
    create_topic(kafka_broker.bootstrap_servers, topic)
    producer = transactional_producer(kafka_broker, topic_prefix)
    producer.begin_transaction()
    producer.produce(topic, b"one")
    producer.commit_transaction(WAIT_S)
    consumer = reader(kafka_broker.bootstrap_servers, topic_prefix)
    consumer.subscribe([topic])
    assert next_message(consumer).value() == b"one"
    producer.begin_transaction()
    producer.send_offsets_to_transaction(
        [TopicPartition(topic, 0, 1)], consumer.consumer_group_metadata(), WAIT_S
    )
    producer.commit_transaction(WAIT_S)
    committed = consumer.committed([TopicPartition(topic, 0)], WAIT_S)
    consumer.close()
    assert [position.offset for position in committed] == [1]


def test_a_second_producer_with_the_same_transactional_id_fences_the_first(
    kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    topic = f"{topic_prefix}events"
    create_topic(kafka_broker.bootstrap_servers, topic)
    zombie = transactional_producer(kafka_broker, topic_prefix)
    zombie.begin_transaction()
    zombie.produce(topic, b"from the zombie")
    zombie.flush(WAIT_S)
    successor = transactional_producer(kafka_broker, topic_prefix)
    with pytest.raises(KafkaException) as caught:
        zombie.commit_transaction(WAIT_S)
    assert caught.value.args[0].code() in {KafkaError._FENCED, KafkaError.PRODUCER_FENCED}
    successor.begin_transaction()
    successor.produce(topic, b"from the successor")
    successor.commit_transaction(WAIT_S)
    assert values_until(kafka_broker.bootstrap_servers, topic, b"from the successor") == [
        b"from the successor"
    ]


def test_an_unknown_topic_is_not_created_by_asking_for_it(
    kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    admin = AdminClient(
        {"bootstrap.servers": kafka_broker.bootstrap_servers, "allow.auto.create.topics": True}
    )
    name = f"{topic_prefix}nowhere"
    answer = admin.list_topics(name, WAIT_S).topics[name]
    assert answer.error is not None
    assert answer.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    assert name not in admin.list_topics(timeout=WAIT_S).topics


def test_a_killed_broker_starts_again_on_the_same_port_with_its_data(own_kafka_broker: KafkaBroker) -> None:
    broker = own_kafka_broker
    create_topic(broker.bootstrap_servers, "kept")
    producer = transactional_producer(broker, "before")
    producer.begin_transaction()
    producer.produce("kept", b"before the kill")
    producer.commit_transaction(WAIT_S)
    address, pid = broker.bootstrap_servers, broker.pid
    broker.kill()
    broker.start()
    assert broker.bootstrap_servers == address
    assert broker.pid != pid
    assert values_until(broker.bootstrap_servers, "kept", b"before the kill") == [b"before the kill"]


@pytest.mark.usefixtures("kafka_broker")
def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"log\.retention\.ms"):
        real_kafka(tmp_path / "kafka", broker_settings={"log.retention.ms": "soon"})


def test_missing_jars_name_the_command_that_fetches_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "CACHE_DIR", tmp_path)
    with pytest.raises(ConfigurationError, match="make kafka-jars"):
        jars.kafka_jars()


def test_a_missing_java_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(ConfigurationError, match="Java 17"):
        jars.java_command()


def test_the_mock_cluster_creates_topics_with_the_partitions_asked_for() -> None:
    with mock_kafka({"bank.transactions": 3, "nbo.offers": 5}) as cluster:
        topics = (
            AdminClient({"bootstrap.servers": cluster.bootstrap_servers}).list_topics(timeout=WAIT_S).topics
        )
        assert {name: len(topic.partitions) for name, topic in topics.items()} == {
            "bank.transactions": 3,
            "nbo.offers": 5,
        }


def test_a_consumer_group_on_the_mock_cluster_reads_every_record_once_and_goes_on_where_it_was() -> None:
    with mock_kafka({"events": 3}) as cluster:
        producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})
        for number in range(30):
            producer.produce("events", str(number).encode(), key=str(number).encode())
        assert producer.flush(WAIT_S) == 0
        assert read_group(cluster.bootstrap_servers, "group", count=30) == sorted(range(30))
        producer.produce("events", b"30")
        assert producer.flush(WAIT_S) == 0
        assert read_group(cluster.bootstrap_servers, "group", count=1) == [30]


def read_group(bootstrap_servers: str, group: str, *, count: int) -> list[int]:
    """Read `count` records as a member of the group, commit, leave; the numbers in order."""
    consumer = reader(bootstrap_servers, group)
    consumer.subscribe(["events"])
    numbers: list[int] = []
    while len(numbers) < count:
        message = next_message(consumer)
        assert message.error() is None, message.error()
        numbers.append(int(message.value() or b""))
    consumer.commit(asynchronous=False)
    consumer.close()
    return sorted(numbers)
