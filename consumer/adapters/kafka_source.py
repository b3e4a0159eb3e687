"""Input records from Kafka, each partition's topics merged into one order.

The group member owns partition numbers: the range assignor gives it partition p of every topic or of
none. A rebalance is told to the listener before anything of a new partition is read, so the listener
can take the partition over and say where to read on.

Rules of this file: no work for each record but the making of it (columns from the client by `map`);
an offset is never stored or committed here except by `commit`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, repeat
from operator import itemgetter
from typing import Any, Final, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from consumer.adapters.fair_share import take_in_turn
from consumer.adapters.kafka_config import ANSWER_TIMEOUT_S, SESSION_S, ClientConfig, consumer_config
from consumer.adapters.kafka_errors import kafka_error, translated
from consumer.adapters.kafka_log import KAFKA_LOG
from consumer.adapters.kafka_topics import check_topics
from consumer.adapters.merge import RoleMerge
from consumer.ports import Bounds, RebalanceListener
from consumer.vocabulary.errors import ConfigurationError, Defect, UpswellError
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.log import TopicPartition as RolePartition
from consumer.vocabulary.topics import INPUT_ROLES, Topics

WAITING_RECORDS_MAX: Final = 10_000
"""Records of one role and partition that may wait for other roles; beyond it the role is not fetched."""

# The library types these as optional, because an event that is no record may lack them.
_topic_of = cast(Callable[[Message], str], Message.topic)
_partition_of = cast(Callable[[Message], int], Message.partition)
_offset_of = cast(Callable[[Message], int], Message.offset)
_second = itemgetter(1)


@dataclass(slots=True)
class _Reading:
    """Where the source is in one partition; a role's position is unknown until its first record or end."""

    merge: RoleMerge
    positions: dict[str, int]
    ready: list[RawRecord] = field(default_factory=list)
    paused: set[str] = field(default_factory=set)


class KafkaSource:
    """A `Source` over a Kafka consumer group.

    Parameters
    ----------
    client : from `client_config`
    topics : names of the roles
    group_id : of the consumer group
    roles : to read, in merge order
    instance_id : static membership, see `consumer_config`
    session_s : silence after which the group gives our partitions to others
    """

    def __init__(
        self,
        client: ClientConfig,
        topics: Topics,
        *,
        group_id: str,
        roles: Sequence[str] = INPUT_ROLES,
        instance_id: str = "",
        session_s: float = SESSION_S,
    ) -> None:
        self.group_id = group_id
        self.answer_timeout_s = ANSWER_TIMEOUT_S
        self._client = client
        self._topics = topics
        self._membership = consumer_config(
            client, group_id=group_id, instance_id=instance_id, session_s=session_s
        )
        self._names = {role: topics.name(role) for role in roles}
        self._roles = {name: role for role, name in self._names.items()}
        self._opened: Consumer | None = None
        self._listener: RebalanceListener | None = None
        self._reading: dict[int, _Reading] = {}
        # Assigned by the group, but the listener has not taken them over yet.
        self._to_take_over: frozenset[int] | None = None
        self._member: Any = None
        self._failure: UpswellError | None = None
        self._polls = 0

    def open(self, listener: RebalanceListener) -> None:
        """Join the group.

        Raises
        ------
        ConfigurationError : the broker does not answer, or the topics do not fit
        """
        check_topics(self._client, self._topics, roles=self._names)
        try:
            self._opened = Consumer(dict(self._membership), logger=KAFKA_LOG)
        except KafkaException as error:
            raise translated(kafka_error(error), "make a consumer") from error
        self._listener = listener
        self._opened.subscribe(
            list(self._roles), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    # ------------------------------------------------------------ records

    def poll(self, max_records: int, timeout_s: float) -> Sequence[RawRecord]:
        """Return the next records in merged order, waiting at most `timeout_s` for the first."""
        consumer = self._consumer
        if self._to_take_over is not None:
            self._try_to_take_over(consumer, self._to_take_over)
        room = max(max_records - sum(len(reading.ready) for reading in self._reading.values()), 1)
        # With a timeout, `consume` would wait for a full batch; so take what is there, else wait for one.
        messages = consumer.consume(room, 0)
        if not messages and room >= max_records:
            first = consumer.poll(timeout_s)
            messages = [] if first is None else [first, *consumer.consume(room, 0)]
        self._accept(messages)
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        return self._take(max_records)

    def _accept(self, messages: Sequence[Message]) -> None:
        """Sort messages into the merges of their partitions, run by run."""
        # Not the errors themselves: groupby compares, and the library cannot compare an error with None.
        are_records = [error is None for error in map(Message.error, messages)]
        places = zip(map(_topic_of, messages), map(_partition_of, messages), are_records, strict=True)
        start = 0
        touched: set[int] = set()
        for (topic, partition, has_records), run in groupby(places):
            stop = start + len(list(run))
            if not has_records:
                for message in messages[start:stop]:
                    self._note(message)
            elif (reading := self._reading.get(partition)) is not None:
                self._push(reading, self._roles[topic], messages[start:stop])
            touched.add(partition)
            start = stop
        for partition in touched & self._reading.keys():
            self._release(partition, self._reading[partition])

    def _push(self, reading: _Reading, role: str, messages: Sequence[Message]) -> None:
        partition = _partition_of(messages[0])
        records = list(
            map(
                RawRecord,
                repeat(role),
                repeat(partition),
                map(_offset_of, messages),
                map(Message.key, messages),
                map(Message.value, messages),
                map(_second, map(Message.timestamp, messages)),
            )
        )
        reading.merge.push(role, records)
        reading.merge.set_at_end(role, False)
        reading.positions[role] = records[-1].offset + 1

    def _note(self, message: Message) -> None:
        """Take in an event that is no record."""
        error = cast(KafkaError, message.error())
        topic, partition = _topic_of(message), _partition_of(message)
        if error.code() == KafkaError._PARTITION_EOF:
            reading = self._reading.get(partition)
            if reading is not None:
                reading.merge.set_at_end(self._roles[topic], True)
                reading.positions[self._roles[topic]] = _offset_of(message)
        elif error.code() == KafkaError._MAX_POLL_EXCEEDED:
            KAFKA_LOG.warning("the group gave our partitions away, because no poll came for too long")
        else:
            place = f"read {topic}, partition {partition}" if topic else "read"
            self._failure = translated(error, place)

    def _release(self, partition: int, reading: _Reading) -> None:
        for role, name in self._names.items():
            if not reading.merge.is_at_end(role) and role in reading.positions:
                _, high = self._consumer.get_watermark_offsets(TopicPartition(name, partition), cached=True)
                reading.merge.set_at_end(role, reading.positions[role] == high)
        reading.ready += reading.merge.release()
        self._hold_back(partition, reading)

    def _hold_back(self, partition: int, reading: _Reading) -> None:
        """Stop fetching a role that is far ahead of the others, go on when they have caught up."""
        for role, name in self._names.items():
            waiting = reading.merge.waiting(role)
            if waiting > WAITING_RECORDS_MAX and role not in reading.paused:
                self._consumer.pause([TopicPartition(name, partition)])
                reading.paused.add(role)
            elif waiting <= WAITING_RECORDS_MAX // 2 and role in reading.paused:
                self._consumer.resume([TopicPartition(name, partition)])
                reading.paused.discard(role)

    def _take(self, max_records: int) -> list[RawRecord]:
        self._polls += 1
        ready = {partition: reading.ready for partition, reading in self._reading.items()}
        return take_in_turn(ready, max_records, self._polls)

    # ------------------------------------------------------------ positions

    def seek(self, partition: int, positions: Mapping[str, int]) -> None:
        """Read on from these offsets; roles left out start at the beginning of the log."""
        is_taking_over = self._to_take_over is not None and partition in self._to_take_over
        if not is_taking_over and partition not in self._reading:
            raise Defect(f"partition {partition} is not assigned to this reader, so it cannot be moved")
        self._reading[partition] = _Reading(
            RoleMerge(tuple(self._names)),
            {role: positions[role] for role in self._names if role in positions},
        )
        if not is_taking_over:
            self._resume_all(partition)
            for place in self._starts(partition):
                self._consumer.seek(place)

    def committed(self, partition: int) -> dict[str, int]:
        """Return the stable committed offsets of the group.

        Raises
        ------
        Retryable : no answer, or a transaction of a former owner is still open
        """
        places = [TopicPartition(name, partition) for name in self._names.values()]
        try:
            found = self._consumer.committed(places, timeout=self.answer_timeout_s)
        except KafkaException as error:
            raise translated(
                kafka_error(error), f"tell the committed offsets of partition {partition}"
            ) from error
        return {self._roles[place.topic]: place.offset for place in found if place.offset >= 0}

    def bounds(self, partition: int) -> dict[str, Bounds]:
        """Return what the log holds for each role."""
        return {role: self._bounds_of(TopicPartition(name, partition)) for role, name in self._names.items()}

    def _bounds_of(self, place: TopicPartition) -> Bounds:
        try:
            found = self._consumer.get_watermark_offsets(place, timeout=self.answer_timeout_s)
        except KafkaException as error:
            raise translated(kafka_error(error), f"tell the bounds of {place.topic}") from error
        return Bounds(*found)

    def _starts(self, partition: int) -> list[TopicPartition]:
        positions = self._reading[partition].positions
        return [
            TopicPartition(name, partition, positions.get(role, OFFSET_BEGINNING))
            for role, name in self._names.items()
        ]

    def _resume_all(self, partition: int) -> None:
        self._consumer.resume([TopicPartition(name, partition) for name in self._names.values()])

    # ------------------------------------------------------------ for the sink of the same process

    def group_metadata(self) -> Any:
        """Return the client's proof of membership as of the last assignment; a transaction's offsets carry it.

        Any thread may ask. The client itself could not answer while it waits for a rebalance to be served,
        and it would put what was decided under one assignment under the next one's name.
        """
        return self._member

    def broker_offsets(self, positions: Mapping[RolePartition, int]) -> list[TopicPartition]:
        """Return positions as the client library wants them."""
        return [TopicPartition(self._names[role], number, at) for (role, number), at in positions.items()]

    def commit(self, positions: Mapping[RolePartition, int]) -> None:
        """Commit offsets outside a transaction.

        Raises
        ------
        Fenced : the group has gone on without us
        """
        what = f"commit offsets of group {self.group_id}"
        try:
            done = self._consumer.commit(offsets=self.broker_offsets(positions), asynchronous=False)
        except KafkaException as error:
            raise translated(kafka_error(error), what) from error
        for place in done or ():
            if place.error is not None:
                raise translated(place.error, what)

    # ------------------------------------------------------------ the group

    def close(self) -> None:
        """Leave the group."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _on_assign(self, consumer: Consumer, places: Sequence[TopicPartition]) -> None:
        try:
            partitions = self._whole_partitions(places)
        except ConfigurationError as error:
            self._failure = error
        else:
            self._try_to_take_over(consumer, partitions)

    def _try_to_take_over(self, consumer: Consumer, partitions: frozenset[int]) -> None:
        """Take over; what fails is raised by `poll` after it has served the client, and tried again by the next.

        Not raised here, because this runs within the client's callback, and because a member that does not
        come back to the client for long is taken for dead.
        """
        try:
            self._take_over(consumer, partitions)
        except UpswellError as error:
            consumer.assign([])
            self._failure = error

    def _on_revoke(self, consumer: Consumer, places: Sequence[TopicPartition]) -> None:
        gone = frozenset(place.partition for place in places) | (self._to_take_over or frozenset())
        self._to_take_over = None
        for partition in gone:
            self._reading.pop(partition, None)
        try:
            if gone and self._listener is not None:
                self._listener.on_revoked(gone)
        except UpswellError as error:
            # Raised by `poll` after it has served the client, whose callback this is.
            self._failure = error

    def _take_over(self, consumer: Consumer, partitions: frozenset[int]) -> None:
        assert self._listener is not None
        self._to_take_over = partitions
        self._member = consumer.consumer_group_metadata()
        for partition in partitions:
            self._reading.pop(partition, None)
        self._listener.on_assigned(partitions)
        for partition in partitions - self._reading.keys():
            self.seek(partition, self.committed(partition))
        consumer.assign([place for partition in sorted(partitions) for place in self._starts(partition)])
        self._to_take_over = None

    def _whole_partitions(self, places: Iterable[TopicPartition]) -> frozenset[int]:
        roles_of: dict[int, set[str]] = {}
        for place in places:
            roles_of.setdefault(place.partition, set()).add(self._roles[place.topic])
        for partition, roles in roles_of.items():
            if len(roles) < len(self._names):
                raise ConfigurationError(
                    f"The group {self.group_id} gave us only {', '.join(sorted(roles))} of partition {partition}: "
                    f"every member has to use the range assignor and read the same topics"
                )
        return frozenset(roles_of)

    @property
    def _consumer(self) -> Consumer:
        if self._opened is None:
            raise Defect("a source is used before it was opened, or after it was closed")
        return self._opened
