"""The input topics as records in order of time, up to where they ended when reading began.

Rules of this file: nothing is joined or committed; a role that is far ahead of the others is paused, so memory
does not grow with the topics.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Final, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from consumer.adapters.kafka_errors import translated
from consumer.adapters.kafka_log import KAFKA_LOG
from consumer.adapters.merge import RoleMerge
from consumer.vocabulary.errors import Retryable
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.topics import INPUT_ROLES
from upswell.topic_positions import InputTopics, Positions

FETCH_RECORDS: Final = 10_000
WAITING_RECORDS_MAX: Final = 50_000
PATIENCE_S: Final = 60.0
"""Without a record; the broker is then taken for gone."""


class TopicReader:
    """Records of roles up to given ends, each partition from its beginning.

    Parameters
    ----------
    ends : partition → role → offset to stop before
    """

    def __init__(self, inputs: InputTopics, ends: Positions, roles: Sequence[str] = INPUT_ROLES) -> None:
        self._inputs = inputs
        # In the order in which records of the same time are merged: by role, then by partition.
        self._ends = {
            (inputs.topics.name(role), partition): ends[partition][role]
            for role in roles
            for partition in sorted(ends)
        }
        self._left = {place for place, end in self._ends.items() if end > 0}
        self._merge = RoleMerge([_queue(place) for place in self._ends])
        for place in self._ends.keys() - self._left:
            self._merge.set_at_end(_queue(place), True)
        self._paused: set[tuple[str, int]] = set()

    def read(self) -> Iterator[list[RawRecord]]:
        """Yield batches in order of time.

        Raises
        ------
        Retryable : the broker stayed silent before the end was reached
        """
        consumer = self._consumer()
        try:
            consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in self._left])
            heard_s = monotonic()
            while self._left:
                messages = consumer.consume(FETCH_RECORDS, 0.1)
                heard_s = monotonic() if messages else heard_s
                if monotonic() - heard_s > PATIENCE_S:
                    raise Retryable(f"Kafka sent nothing for {PATIENCE_S:.0f} s before the end was reached")
                self._accept(messages)
                self._hold_back(consumer)
                if released := self._merge.release():
                    yield released
        finally:
            consumer.close()

    def _accept(self, messages: Sequence[Message]) -> None:
        for message in messages:
            place = cast(str, message.topic()), cast(int, message.partition())
            error, offset = message.error(), cast(int, message.offset())
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise translated(error, f"read {place[0]}")
            if error is None and offset < self._ends[place]:
                self._merge.push(_queue(place), [self._record(message)])
                offset += 1
            if place in self._left and offset >= self._ends[place]:
                self._left.discard(place)
                self._merge.set_at_end(_queue(place), True)

    def _record(self, message: Message) -> RawRecord:
        role = self._inputs.topics.role(cast(str, message.topic()))
        partition, offset = cast(int, message.partition()), cast(int, message.offset())
        return RawRecord(role, partition, offset, message.key(), message.value(), message.timestamp()[1])

    def _hold_back(self, consumer: Consumer) -> None:
        """Stop fetching what is far ahead of the others or read to its end, go on when they have caught up."""
        for place in self._ends:
            waiting = self._merge.waiting(_queue(place))
            if place not in self._paused and (waiting > WAITING_RECORDS_MAX or self._is_done(place)):
                consumer.pause([TopicPartition(*place)])
                self._paused.add(place)
            elif place in self._paused and waiting <= WAITING_RECORDS_MAX // 2 and not self._is_done(place):
                consumer.resume([TopicPartition(*place)])
                self._paused.discard(place)

    def _is_done(self, place: tuple[str, int]) -> bool:
        return self._ends[place] > 0 and place not in self._left

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                **self._inputs.client,
                "group.id": "unused",  # the library wants one; nothing joins or commits
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
            },
            logger=KAFKA_LOG,
        )


def _queue(place: tuple[str, int]) -> str:
    return f"{place[0]} {place[1]}"
