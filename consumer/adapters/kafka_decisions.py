"""Reading published decisions back from Kafka, after the store has lost its newest writes.

Where to begin: a decision's record carries the event time of its trigger, and a trigger is never older
than the stream time less the policy's staleness. The broker finds the first record that is not older, so
nothing before it can be wanted, in whatever order the records lie.

Where to end: committed offsets become visible a moment before the records of the same transaction do, for
each partition by itself. So reading ends not where committed records end, but where the log ended when
reading began: open transactions below that are waited for.
"""

from __future__ import annotations

from time import monotonic
from typing import Final, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from consumer.adapters.decision_reader import decisions_of
from consumer.adapters.kafka_config import ANSWER_TIMEOUT_S, START_TIMEOUT_S, ClientConfig
from consumer.adapters.kafka_errors import kafka_error, translated
from consumer.adapters.kafka_log import KAFKA_LOG
from consumer.ports import Bounds
from consumer.vocabulary.errors import Retryable
from consumer.vocabulary.past import PastDecision, PublishedDecisions
from consumer.vocabulary.topics import Topics

FETCH_RECORDS: Final = 10_000
READ_PATIENCE_S: Final = 600.0
"""Reading that takes longer is given up and tried again."""


class KafkaDecisionLog:
    """A `DecisionLog` over the topic of decisions; connects only while it reads.

    Parameters
    ----------
    client : from `client_config`
    topics : names of the roles
    staleness_ms : how far a triggering event may lag the stream, from the policy
    """

    def __init__(self, client: ClientConfig, topics: Topics, *, staleness_ms: int) -> None:
        self._client = client
        self._name = topics.name("decisions")
        self._staleness_ms = staleness_ms

    def read(self, partitions: frozenset[int], stream_time_ms: int) -> PublishedDecisions:
        """Return the decisions on these input partitions.

        Raises
        ------
        Retryable : the broker does not answer, or an open transaction stays open
        """
        try:
            return self._read(partitions, max(stream_time_ms - self._staleness_ms, 0))
        except KafkaException as error:
            raise translated(kafka_error(error), f"read {self._name} back") from error

    def close(self) -> None:
        """Nothing is open between two reads."""

    def _read(self, partitions: frozenset[int], since_ms: int) -> PublishedDecisions:
        bounds, starts = self._range(since_ms)
        consumer = self._consumer("read_committed")
        try:
            return PublishedDecisions(
                self._decisions(consumer, starts, bounds, partitions),
                is_complete=all(_reaches_back(place.offset, bounds[place.partition]) for place in starts),
            )
        finally:
            consumer.close()

    def _range(self, since_ms: int) -> tuple[dict[int, Bounds], list[TopicPartition]]:
        """Return partition → where the log begins and ends, and where what is wanted begins in each partition.

        Both with what is not committed yet: asked for committed records only, a partition whose newest
        transaction has its marker under way would say that it holds nothing of that time.
        """
        consumer = self._consumer("read_uncommitted")
        try:
            numbers = consumer.list_topics(self._name, timeout=START_TIMEOUT_S).topics[self._name].partitions
            places = [TopicPartition(self._name, number, since_ms) for number in sorted(numbers)]
            bounds = {
                place.partition: Bounds(*consumer.get_watermark_offsets(place, timeout=ANSWER_TIMEOUT_S))
                for place in places
            }
            return bounds, consumer.offsets_for_times(places, timeout=ANSWER_TIMEOUT_S)
        finally:
            consumer.close()

    def _decisions(
        self,
        consumer: Consumer,
        starts: list[TopicPartition],
        bounds: dict[int, Bounds],
        partitions: frozenset[int],
    ) -> list[PastDecision]:
        at = {place.partition: place.offset for place in starts if place.offset >= 0}
        consumer.assign([TopicPartition(self._name, number, offset) for number, offset in at.items()])
        decisions: list[PastDecision] = []
        deadline_s = monotonic() + READ_PATIENCE_S
        while any(offset < bounds[number].high for number, offset in at.items()):
            if monotonic() > deadline_s:
                raise Retryable(f"The end of {self._name} was not reached in {READ_PATIENCE_S:.0f} s")
            messages = consumer.consume(FETCH_RECORDS, 0.05)
            decisions += decisions_of(partitions, [m.value() for m in messages if m.error() is None])
            for message in messages:
                at[cast(int, message.partition())] = _next_offset(message, self._name)
        return decisions

    def _consumer(self, isolation: str) -> Consumer:
        return Consumer(
            {
                **self._client,
                "group.id": "unused",  # the library wants one; nothing joins or commits
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": isolation,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 50,
            },
            logger=KAFKA_LOG,
        )


def _reaches_back(start: int, bounds: Bounds) -> bool:
    """Return whether the log holds something older than what is wanted, or ever had its beginning.

    Parameters
    ----------
    start : of the first record that is wanted, negative when there is none
    """
    if bounds.low == 0 or start > bounds.low:
        return True
    return start < 0 and bounds.low < bounds.high


def _next_offset(message: Message, name: str) -> int:
    """Return where the partition goes on after a record, or after the end that a transaction's marker may be."""
    error, offset = message.error(), cast(int, message.offset())
    if error is None:
        return offset + 1
    if error.code() == KafkaError._PARTITION_EOF:
        return offset
    raise translated(error, f"read {name} back")
