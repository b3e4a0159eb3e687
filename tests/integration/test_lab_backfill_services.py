"""What the laboratory asks of broker and store themselves: positions of a cut, and a partition that is cleared."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import Producer
from redis import Redis

from consumer.adapters.kafka_config import client_config
from consumer.adapters.kafka_topics import create_topics
from consumer.adapters.redis_store import RedisStore
from consumer.ports import OutboxEntry, PartitionState, PartitionWrite
from consumer.vocabulary.deadlines import DeadlineMove
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.log import OutputRecord
from consumer.vocabulary.time import HOUR_MS
from consumer.vocabulary.topics import INPUT_ROLES, Topics
from offline.backfilling.positions import Cut, write_cut
from upswell.embedded.kafka import KafkaBroker
from upswell.embedded.redis import RedisServer
from upswell.embedded.redis_cluster import RedisCluster
from upswell.state_clearing import StateClearing
from upswell.topic_positions import InputTopics, positions_of

AT_MS = 1_740_000_000_000
"""19 February 2025, 21:20 UTC."""


@pytest.fixture
def inputs(kafka_broker: KafkaBroker, topic_prefix: str) -> InputTopics:
    """Two partitions; the first holds three transactions, an hour apart."""
    client, topics = client_config(kafka_broker.bootstrap_servers), Topics(topic_prefix)
    create_topics(client, topics, partitions=2)
    producer = Producer({"bootstrap.servers": kafka_broker.bootstrap_servers, "enable.idempotence": True})
    for hour in range(3):
        producer.produce(
            topics.name("transactions"), b"{}", b"c-1", partition=0, timestamp=AT_MS + hour * 3_600_000
        )
    assert producer.flush(30) == 0
    return InputTopics(client, topics, 2)


@pytest.mark.parametrize(
    ("wanted", "offset"),
    [
        ("start", 0),
        ("end", 3),
        ("2025-02-19T22:20:00Z", 1),
        ("2025-02-19T22:20:01+00:00", 2),
        ("2025-02-19", 0),
        ("2025-03-01", 3),
    ],
)
def test_words_and_times_become_offsets_of_every_topic(
    inputs: InputTopics, tmp_path: Path, wanted: str, offset: int
) -> None:
    found = positions_of(wanted, tmp_path, inputs)
    nothing = dict.fromkeys(INPUT_ROLES, 0)
    assert found == {0: nothing | {"transactions": offset}, 1: nothing}


def test_positions_beyond_the_topics_or_of_other_topics_are_refused_with_the_numbers(
    inputs: InputTopics, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=r"positions\.json is not there.*--continue-from start"):
        positions_of(None, tmp_path, inputs)
    with pytest.raises(ConfigurationError, match="yesterday is not there"):
        positions_of("yesterday", tmp_path, inputs)
    offsets = {role: [0, 0] for role in INPUT_ROLES}
    write_cut(Cut(n_partitions=2, positions=offsets | {"transactions": [2, 0]}), tmp_path)
    assert positions_of(None, tmp_path, inputs)[0]["transactions"] == 2
    write_cut(Cut(n_partitions=2, positions=offsets | {"transactions": [4, 0]}), tmp_path)
    with pytest.raises(
        ConfigurationError, match=r"partition 0 continues at offset 4, but the topic .* holds 0 to 3"
    ):
        positions_of(None, tmp_path, inputs)
    write_cut(Cut(n_partitions=1, positions={role: [0] for role in INPUT_ROLES}), tmp_path)
    with pytest.raises(ConfigurationError, match="of topics with 1 partitions, these have 2"):
        positions_of(None, tmp_path, inputs)


def test_a_cleared_partition_keeps_its_position_and_its_neighbours(clean_redis: RedisServer) -> None:
    check_clearing(clean_redis.url, [clean_redis.url])


def test_a_partition_is_cleared_in_a_cluster_too(clean_redis_cluster: RedisCluster) -> None:
    nodes = [f"redis://127.0.0.1:{node.port}" for node in clean_redis_cluster.nodes]
    check_clearing(clean_redis_cluster.url, nodes)


def check_clearing(url: str, nodes: list[str]) -> None:
    for namespace in ("a.", "b."):
        store = RedisStore(url, namespace=namespace)
        for partition in (1, 11):
            fill(store, partition)
        store.close()
    clearing = StateClearing(url, namespace="a.")
    clearing.clear(1)
    clearing.close()
    left = {key.decode() for node in nodes for key in keys_of(node)}
    kept = {
        f"{{{place}}}:{what}"
        for place in ("a.11", "b.1", "b.11")
        for what in ("c:c-1", "due:5", "pos", "out")
    }
    assert left == kept | {"{a.1}:pos", "{a.1}:out"}


def fill(store: RedisStore, partition: int) -> None:
    before, _ = store.take_over(partition, n_partitions=12)
    after = PartitionState(partition, before.epoch, before.sequence + 1, {"customers": 1})
    outbox = OutboxEntry(after.sequence, (OutputRecord("offers", b"k", b"v", 1),), {"customers": 1})
    moves = {"c-1": DeadlineMove(None, 5 * HOUR_MS)}
    change = PartitionWrite(before, after, {"c-1": b"r"}, {"c-1": b"o"}, moves, outbox, 0)
    assert store.write([change]) == frozenset()


def keys_of(url: str) -> list[bytes]:
    with Redis.from_url(url) as client:
        return list(client.scan_iter())
