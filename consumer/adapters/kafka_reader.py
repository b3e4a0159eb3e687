"""Reading a topic from its beginning without a group: model snapshots, and what was published.

Rules of this file: committed records only; nothing is committed here, so any number may read.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from consumer.adapters.kafka_config import START_TIMEOUT_S, ClientConfig
from consumer.adapters.kafka_errors import kafka_error, translated
from consumer.adapters.kafka_log import KAFKA_LOG
from consumer.vocabulary.errors import ConfigurationError, Retryable
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.topics import Topics

FETCH_RECORDS: Final = 10_000
READ_PATIENCE_S: Final = 120.0


class KafkaReader:
    """All partitions of one topic, from the beginning on.

    Parameters
    ----------
    client : from `client_config`
    topics : names of the roles
    role : to read
    """

    def __init__(self, client: ClientConfig, topics: Topics, role: str) -> None:
        self._role = role
        self._name = topics.name(role)
        self._consumer = Consumer(
            {
                **client,
                "group.id": "unused",  # the library wants one; nothing joins or commits
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
            },
            logger=KAFKA_LOG,
        )
        self._partitions = self._partition_numbers()
        self._at_end: set[int] = set()
        self._is_started = False

    def read_all(self) -> list[RawRecord]:
        """Return all committed records that the topic holds now, partition by partition.

        Raises
        ------
        Retryable : the end was not reached in `READ_PATIENCE_S`
        """
        self._consumer.assign([TopicPartition(self._name, p, OFFSET_BEGINNING) for p in self._partitions])
        self._at_end = set()
        self._is_started = True
        records: list[RawRecord] = []
        deadline_s = monotonic() + READ_PATIENCE_S
        while len(self._at_end) < len(self._partitions):
            if monotonic() > deadline_s:
                raise Retryable(f"The end of {self._name} was not reached in {READ_PATIENCE_S:.0f} s")
            records += self._accepted(self._consumer.consume(FETCH_RECORDS, 0.02))
        records.sort(key=lambda record: (record.partition, record.offset))
        return records

    def poll(self) -> list[RawRecord]:
        """Return records that came since the last call, without waiting."""
        if not self._is_started:
            return self.read_all()
        return self._accepted(self._consumer.consume(FETCH_RECORDS, 0))

    def close(self) -> None:
        """Close the reader."""
        self._consumer.close()

    def _accepted(self, messages: Iterable[Message]) -> list[RawRecord]:
        records = []
        for message in messages:
            partition, offset, error = message.partition(), message.offset(), message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise translated(error, f"read {self._name}")
            assert partition is not None
            assert offset is not None
            if error is not None:
                self._at_end.add(partition)
                continue
            self._at_end.discard(partition)
            time_ms = message.timestamp()[1]
            records.append(RawRecord(self._role, partition, offset, message.key(), message.value(), time_ms))
        return records

    def _partition_numbers(self) -> list[int]:
        try:
            topic = self._consumer.list_topics(self._name, timeout=START_TIMEOUT_S).topics[self._name]
        except KafkaException as error:
            raise ConfigurationError(f"Kafka cannot list {self._name}: {kafka_error(error).str()}") from error
        if topic.error is not None or not topic.partitions:
            raise ConfigurationError(
                f"The topic {self._name} is missing: create it with `upswell topics create`"
            )
        return sorted(topic.partitions)


class KafkaModelFeed:
    """A `ModelFeed` over the compacted topic of model snapshots."""

    def __init__(self, client: ClientConfig, topics: Topics, *, role: str = "models") -> None:
        self._reader = KafkaReader(client, topics, role)

    def read_all(self) -> list[bytes]:
        """Return the latest snapshot of every model, in the order of their keys."""
        latest: dict[bytes, bytes | None] = {
            record.key or b"": record.value for record in self._reader.read_all()
        }
        return [value for _, value in sorted(latest.items()) if value is not None]

    def poll(self) -> list[bytes]:
        """Return snapshots published since the last call."""
        return [record.value for record in self._reader.poll() if record.value is not None]

    def close(self) -> None:
        """Close the reader."""
        self._reader.close()
