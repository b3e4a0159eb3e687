"""What readers of the topics see: everything, or what was added since a mark; and what is not read yet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from consumer.vocabulary.topics import COMPACTED_ROLES, OUTPUT_ROLES, Topics
from producer_sim.emit import KafkaBus
from tests.e2e.processes import Deployment

SILENT_S: Final = 30.0
SETTLED_WITHIN_S: Final = 120.0

Marks = Mapping[tuple[str, int], int]
"""(role, partition) → offset."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic, by role."""

    role: str
    partition: int
    offset: int
    key: bytes
    value: bytes | None
    headers: Mapping[str, bytes]
    timestamp_ms: int

    @property
    def document(self) -> dict[str, Any]:
        """The value as JSON."""
        found: dict[str, Any] = json.loads(self.value or b"null")
        return found


def keep_everything(deployment: Deployment) -> None:
    """Switch compaction off: an audit wants every profile and snapshot, not the latest of each key."""
    kept = {"cleanup.policy": "delete", "retention.ms": "-1"}
    entries = [
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in kept.items()
    ]
    resources = [
        ConfigResource(ResourceType.TOPIC, deployment.topics.name(role), incremental_configs=entries)
        for role in COMPACTED_ROLES
    ]
    admin = AdminClient({"bootstrap.servers": deployment.servers})
    for done in admin.incremental_alter_configs(resources).values():
        done.result(SILENT_S)


def read(deployment: Deployment, *roles: str, since: Marks | None = None) -> list[Record]:
    """Return what a `read_committed` reader sees, in order of the offsets of each partition."""
    return [_record(message, deployment.topics) for message in scanned(deployment, *roles, since=since)]


def scanned(deployment: Deployment, *roles: str, since: Marks | None = None) -> Iterator[Message]:
    """Give the messages of whole topics as they come, for what is too much to hold."""
    with _consumer(deployment) as consumer:
        left = {
            (deployment.topics.name(role), number): 0 if since is None else since[role, number]
            for role in roles
            for number in _partitions(consumer, deployment.topics.name(role))
        }
        consumer.assign([TopicPartition(name, number, start) for (name, number), start in left.items()])
        yield from _until_the_end(consumer, set(left))


def output_ends(deployment: Deployment) -> dict[tuple[str, int], int]:
    """Return where the output topics end, as marks for `read`."""
    with _consumer(deployment) as consumer:
        return {
            (role, number): consumer.get_watermark_offsets(TopicPartition(name, number), timeout=SILENT_S)[1]
            for role in OUTPUT_ROLES
            for name in (deployment.topics.name(role),)
            for number in _partitions(consumer, name)
        }


def settle(deployment: Deployment, group_id: str | None = None) -> None:
    """Wait until the scorers' group has committed everything, and its outputs are visible."""
    bus = KafkaBus(deployment.servers, topics=deployment.topics, group_id=group_id or deployment.group_id)
    try:
        bus.settle(SETTLED_WITHIN_S)
    finally:
        bus.close()


@contextmanager
def _consumer(deployment: Deployment) -> Iterator[Consumer]:
    consumer = Consumer(
        {
            "bootstrap.servers": deployment.servers,
            "group.id": "onlooker",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def _partitions(consumer: Consumer, name: str) -> list[int]:
    return sorted(consumer.list_topics(name, timeout=SILENT_S).topics[name].partitions)


def _until_the_end(consumer: Consumer, left: set[tuple[str, int]]) -> Iterator[Message]:
    while left:
        messages = consumer.consume(10_000, 0.2)
        for message in messages:
            error = message.error()
            if error is None:
                yield message
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error.str()
                left.discard((message.topic() or "", message.partition() or 0))


def _record(message: Message, topics: Topics) -> Record:
    pairs = cast(list[tuple[str, bytes]], message.headers() or [])
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return Record(
        topics.role(topic),
        partition,
        offset,
        message.key() or b"",
        message.value(),
        dict(pairs),
        message.timestamp()[1],
    )
