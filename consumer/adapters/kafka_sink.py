"""Output records to Kafka, in one transaction with the offsets of the inputs that they come from.

A commit whose answer is lost may have happened or not. The sink then makes a new producer with the
same transactional id (which ends the old transaction one way or the other) and asks for the committed
offsets: they moved with the records or not at all, so they tell whether the records are visible.

Rules of this file: nothing of a failed batch stays in the producer; the caller publishes it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Final, TypeVar

from confluent_kafka import KafkaException, Producer

from consumer.adapters.kafka_config import ANSWER_TIMEOUT_S, ClientConfig, producer_config
from consumer.adapters.kafka_errors import is_fenced, kafka_error, translated
from consumer.adapters.kafka_log import KAFKA_LOG
from consumer.adapters.kafka_source import KafkaSource
from consumer.vocabulary.errors import Fenced, Retryable, UpswellError
from consumer.vocabulary.log import OutputRecord, TopicPartition
from consumer.vocabulary.topics import OUTPUT_ROLES, Topics

Answer = TypeVar("Answer")

COMMIT_PATIENCE_S: Final = 20.0
"""Longer than the broker keeps an open transaction, so a coordinator that moves is waited for."""

QUEUE_WAIT_S: Final = 0.05


class KafkaSink:
    """A `Sink` over a Kafka producer.

    Parameters
    ----------
    client : from `client_config`
    topics : names of the roles
    source : whose group's offsets are committed; it has to be open when `publish` is called
    transactional_id : one for each process of the group, the same after its restart; None publishes at
        least once, for brokers without transactions

    Raises
    ------
    Retryable : the broker does not let a transactional producer begin yet
    """

    def __init__(
        self, client: ClientConfig, topics: Topics, *, source: KafkaSource, transactional_id: str | None
    ) -> None:
        self._config = producer_config(client, transactional_id=transactional_id)
        self._names = {role: topics.name(role) for role in OUTPUT_ROLES}
        self._source = source
        self._is_transactional = transactional_id is not None
        self._transactional_id = transactional_id
        self._is_unsettled = False
        self._fenced = ""
        self._undelivered = ""
        # At once: whatever an earlier process left open under this id is ended before anybody reads on.
        self._current: Producer | None = self._new_producer()

    def publish(self, outputs: Sequence[OutputRecord], positions: Mapping[TopicPartition, int]) -> None:
        """Publish records and offsets.

        Raises
        ------
        Retryable : not visible as far as anybody can know; publish the same again
        Fenced : another process has taken over; drop the batch
        """
        if self._fenced:
            raise Fenced(self._fenced)
        producer = self._producer()
        if not self._is_transactional:
            self._publish_at_least_once(producer, outputs, positions)
            return
        if self._is_unsettled and self._is_committed(positions):
            self._is_unsettled = False
            return
        self._is_unsettled = False
        try:
            self._publish_in_transaction(producer, outputs, positions)
        except KafkaException as error:
            raise self._given_up(producer, error) from error

    def close(self) -> None:
        """Send what is queued and let the producer go."""
        if self._current is not None:
            self._current.flush(ANSWER_TIMEOUT_S)
            self._current = None

    # ------------------------------------------------------------ with transactions

    def _publish_in_transaction(
        self, producer: Producer, outputs: Sequence[OutputRecord], positions: Mapping[TopicPartition, int]
    ) -> None:
        producer.begin_transaction()
        self._produce(producer, outputs)
        offsets, member = self._source.broker_offsets(positions), self._source.group_metadata()
        _patiently(lambda: producer.send_offsets_to_transaction(offsets, member, ANSWER_TIMEOUT_S))
        _patiently(lambda: producer.commit_transaction(ANSWER_TIMEOUT_S))

    def _given_up(self, producer: Producer, cause: KafkaException) -> UpswellError:
        """Take the transaction back, or note that nobody knows; return what to tell the caller."""
        error = kafka_error(cause)
        if error.txn_requires_abort():
            try:
                _patiently(lambda: producer.abort_transaction(ANSWER_TIMEOUT_S))
            except KafkaException:
                self._forget_producer()
        else:
            self._forget_producer()
        told = translated(error, "publish a batch")
        if error.fatal() and is_fenced(error):
            self._fenced = (
                f"another process uses the transactional id {self._transactional_id}: {error.str()}"
            )
            return Fenced(self._fenced)
        return told

    def _is_committed(self, positions: Mapping[TopicPartition, int]) -> bool:
        partitions = {partition for _, partition in positions}
        committed = {
            (role, partition): offset
            for partition in partitions
            for role, offset in self._source.committed(partition).items()
        }
        return all(committed.get(place, -1) >= offset for place, offset in positions.items())

    # ------------------------------------------------------------ without

    def _publish_at_least_once(
        self, producer: Producer, outputs: Sequence[OutputRecord], positions: Mapping[TopicPartition, int]
    ) -> None:
        self._undelivered = ""
        try:
            self._produce(producer, outputs)
            waiting = producer.flush(ANSWER_TIMEOUT_S)
        except KafkaException as error:
            self._forget_producer()
            raise translated(kafka_error(error), "publish a batch") from error
        if waiting or self._undelivered:
            self._forget_producer()
            raise Retryable(
                f"Kafka did not take {waiting or 'some'} records of a batch: {self._undelivered or 'timeout'}"
            )
        self._source.commit(positions)

    # ------------------------------------------------------------ the producer

    def _produce(self, producer: Producer, outputs: Sequence[OutputRecord]) -> None:
        for output in outputs:
            self._enqueue(producer, output, self._names[output.role])
        producer.poll(0)

    def _enqueue(self, producer: Producer, output: OutputRecord, topic: str) -> None:
        headers: list[tuple[str, str | bytes | None]] = list(output.headers)
        deadline_s = monotonic() + ANSWER_TIMEOUT_S
        while True:
            try:
                producer.produce(
                    topic, output.value, output.key, timestamp=output.event_time_ms, headers=headers
                )
                return
            except BufferError:
                # The queue is full: it empties as the broker answers.
                if monotonic() > deadline_s:
                    self._forget_producer()
                    raise Retryable("Kafka takes no records: the producer's queue stays full") from None
                producer.poll(QUEUE_WAIT_S)

    def _producer(self) -> Producer:
        if self._current is None:
            self._current = self._new_producer()
        return self._current

    def _new_producer(self) -> Producer:
        try:
            producer = Producer(dict(self._config), logger=KAFKA_LOG, on_delivery=self._on_delivery)
            if self._is_transactional:
                producer.init_transactions(ANSWER_TIMEOUT_S)
        except KafkaException as error:
            raise translated(kafka_error(error), "make a producer") from error
        return producer

    def _forget_producer(self) -> None:
        if self._current is not None:
            self._current.purge()
        self._current = None
        self._is_unsettled = True

    def _on_delivery(self, error: object, _: object) -> None:
        if error is not None:
            self._undelivered = str(error)


def _patiently(call: Callable[[], Answer]) -> Answer:
    """Return what a transactional call returns, repeating it while librdkafka says that it may be repeated."""
    deadline_s = monotonic() + COMMIT_PATIENCE_S
    while True:
        try:
            return call()
        except KafkaException as error:
            if not kafka_error(error).retriable() or monotonic() > deadline_s:
                raise
