"""Members with fixed names on the real broker: whoever loses its name hears of it, once, and must not go on."""

from __future__ import annotations

import time
from typing import Final

import pytest

from consumer.adapters.kafka_config import client_config
from consumer.adapters.kafka_source import KafkaSource
from consumer.adapters.kafka_topics import create_topics
from consumer.vocabulary.errors import Fenced
from consumer.vocabulary.topics import Topics
from upswell.embedded.kafka import KafkaBroker

WITHIN_S: Final = 90.0


class Listener:
    """Takes whatever it is given."""

    def __init__(self) -> None:
        self.partitions: frozenset[int] = frozenset()

    def on_assigned(self, partitions: frozenset[int]) -> None:
        self.partitions = partitions

    def on_revoked(self, partitions: frozenset[int]) -> None:
        self.partitions -= partitions


def poll_in_turn(sources: list[KafkaSource], deadline_s: float) -> None:
    while time.monotonic() < deadline_s:
        for source in sources:
            source.poll(10, 0.05)


def test_a_member_whose_name_another_process_uses_ends_instead_of_standing_idle(
    kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    client, topics = client_config(kafka_broker.bootstrap_servers), Topics(topic_prefix)
    create_topics(client, topics, partitions=1)
    listeners = [Listener(), Listener()]
    sources = [
        KafkaSource(client, topics, group_id=f"{topic_prefix}group", instance_id="one", session_s=6.0)
        for _ in listeners
    ]
    deadline_s = time.monotonic() + WITHIN_S
    sources[0].open(listeners[0])
    while not listeners[0].partitions:
        sources[0].poll(10, 0.05)
        assert time.monotonic() < deadline_s
    sources[1].open(listeners[1])
    with pytest.raises(Fenced, match="Kafka cannot read"):
        poll_in_turn(sources, deadline_s)
    for source in sources:
        source.close()
