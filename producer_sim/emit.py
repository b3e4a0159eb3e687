"""The bus on Kafka: the only file of the simulated bank that talks to a broker.

Publishing is idempotent, in order within a partition, with bank time as the record's timestamp and
CloudEvents attributes as headers. Waiting for the scorers means: their group has committed the end of
every input topic, and no transaction is open on the output topics, so every offer is readable.

Rules of this file: offers and decisions are read `read_committed` from where they ended when the bus
was opened; nothing is ever committed for the scorers' group.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec, TopicMetadata  # type: ignore[attr-defined] # its stubs forget it

from consumer.vocabulary.errors import ConfigurationError, Defect, Retryable
from consumer.vocabulary.topics import Topics
from producer_sim.records import Outgoing, cloud_event_headers

_LOG: Final = logging.getLogger(__name__)
_HEARD_ROLES: Final = ("offers", "decisions")
_PUBLISHED_ROLES: Final = ("customers", "transactions", "interactions", "outcomes")
_ANSWER_S: Final = 5.0
"""A broker that does not answer in this time is not there; a start must fail within 10 s."""

_APPEAR_S: Final = 1.5
_LEADERLESS_S: Final = 5.0
_FLUSH_S: Final = 60.0
_QUEUE_MESSAGES: Final = 200_000
_POLL_LEAST_S: Final = 0.002
_POLL_MOST_S: Final = 0.02
_READ_AT_ONCE: Final = 5_000
_READ_WAIT_S: Final = 0.005
"""The client waits this long in full unless it can fill its hands, so it is short."""

_NAMED_AT_MOST: Final = 4

Place = tuple[str, int]


class KafkaBus:
    """Publishes a bank's records and hears what the scorers decided.

    Parameters
    ----------
    bootstrap_servers : as for any Kafka client
    client : further librdkafka settings for all clients, such as TLS and SASL
    topics : topic names
    group_id : the scorers' consumer group; None publishes without ever waiting or hearing

    Raises
    ------
    ConfigurationError : no broker answers, or topics are missing
    """

    def __init__(
        self,
        bootstrap_servers: str,
        client: Mapping[str, Any] | None = None,
        *,
        topics: Topics | None = None,
        group_id: str | None = None,
    ) -> None:
        self._topics = topics or Topics()
        self._config: dict[str, Any] = {"bootstrap.servers": bootstrap_servers, **(client or {})}
        self._writer = _Writer(self._config, self._topics)
        self._admin = AdminClient(self._config, logger=_LOG)
        partitions = _partitions(self._admin, self._topics, bootstrap_servers, hears=group_id is not None)
        self._inputs = [place for role in _PUBLISHED_ROLES for place in partitions[self._topics.name(role)]]
        self._reader: _Reader | None = None
        self._group_id = group_id
        if group_id is not None:
            outputs = [place for role in _HEARD_ROLES for place in partitions[self._topics.name(role)]]
            self._reader = _Reader(self._config, group_id, _ends(self._admin, outputs))

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Hand over records in this order; waits when the client's queue is full.

        Raises
        ------
        Retryable : the broker refused records or did not take them in time
        """
        self._writer.write(records)
        if self._reader is not None:
            self._reader.is_settled = False

    def settle(self, timeout_s: float) -> None:
        """Wait until the scorers have committed everything and all their offers were read.

        Raises
        ------
        Retryable : they did not get there within `timeout_s`; the text names the partitions
        """
        self._writer.flush()
        if self._reader is None:
            return
        deadline = time.monotonic() + timeout_s
        ends = _ends(self._admin, self._inputs)
        _wait(deadline, lambda: self._behind(ends), f"group {self._group_id} has not processed")
        outputs = self._reader.places
        _wait(deadline, lambda: _open_transactions(self._admin, outputs), "a transaction stays open on")
        self._reader.read_to(_ends(self._admin, outputs), deadline)

    def take_offers(self) -> list[bytes]:
        """Return the `nbo.offers` values that became readable since the last call."""
        return self._take("offers")

    def take_decisions(self) -> list[bytes]:
        """Return the `nbo.decisions` values that became readable since the last call."""
        return self._take("decisions")

    def close(self) -> None:
        """Send what is left and close the clients."""
        self._writer.flush()
        if self._reader is not None:
            self._reader.close()

    def _take(self, role: str) -> list[bytes]:
        return [] if self._reader is None else self._reader.take(self._topics.name(role))

    def _behind(self, ends: Mapping[Place, int]) -> dict[Place, str]:
        assert self._reader is not None
        committed = self._reader.committed(list(ends))
        return {
            place: f"committed {committed[place]} of {end}"
            for place, end in ends.items()
            if committed[place] < end
        }


class _Writer:
    """An idempotent producer that counts what the broker refused."""

    def __init__(self, config: Mapping[str, Any], topics: Topics) -> None:
        self._topics = topics
        self._failures: list[KafkaError] = []
        settings = {
            "linger.ms": 5,
            "compression.type": "lz4",
            "enable.idempotence": True,
            "partitioner": "murmur2_random",  # as Kafka's own clients, whoever else writes to these topics
            "queue.buffering.max.messages": _QUEUE_MESSAGES,
            "delivery.report.only.error": True,
            **config,
        }
        self._producer = Producer(settings, logger=_LOG)

    def write(self, records: Sequence[Outgoing]) -> None:
        """Queue records for sending."""
        names = {role: self._topics.name(role) for role in {record.role for record in records}}
        for record in records:
            self._produce(names[record.role], record)
        self._producer.poll(0)
        self._check()

    def flush(self) -> None:
        """Wait until everything queued was acknowledged."""
        left = self._producer.flush(_FLUSH_S)
        self._check()
        if left:
            raise Retryable(f"Kafka did not take {left} records within {_FLUSH_S:.0f} s")

    def _produce(self, topic: str, record: Outgoing) -> None:
        deadline = time.monotonic() + _FLUSH_S
        while True:
            try:
                self._producer.produce(
                    topic,
                    record.value,
                    record.key,
                    on_delivery=self._note,
                    timestamp=record.arrival_ms,
                    headers=cloud_event_headers(record),
                )
                return
            except BufferError:
                if time.monotonic() > deadline:
                    raise Retryable(f"Kafka took no record for {_FLUSH_S:.0f} s") from None
                self._producer.poll(_POLL_MOST_S)

    def _note(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failures.append(error)

    def _check(self) -> None:
        if self._failures:
            count, first = len(self._failures), self._failures[0]
            self._failures = []
            raise Retryable(f"Kafka refused {count} records, the first with: {first.str()}")


class _Reader:
    """Reads the output topics, and looks at what the scorers' group has committed."""

    def __init__(self, config: Mapping[str, Any], group_id: str, starts: Mapping[Place, int]) -> None:
        settings = {
            **config,
            "group.id": group_id,  # only to ask for its offsets: this consumer never joins it
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            # The end of a partition is only reported by a fetch that found nothing: with the usual 500 ms
            # every lockstep step would wait that long.
            "fetch.wait.max.ms": 10,
        }
        self._consumer = Consumer(settings, logger=_LOG)
        self._consumer.assign(
            [TopicPartition(topic, number, start) for (topic, number), start in starts.items()]
        )
        self._reached = dict(starts)
        self._values: defaultdict[str, list[bytes]] = defaultdict(list)
        self.places = list(starts)
        self.is_settled = False

    def committed(self, places: Sequence[Place]) -> dict[Place, int]:
        """Return the group's committed offsets, 0 where there is none."""
        asked = [TopicPartition(topic, number) for topic, number in places]
        try:
            found = self._consumer.committed(asked, timeout=_ANSWER_S)
        except KafkaException as error:
            raise Retryable(f"the group's offsets cannot be read: {error.args[0].str()}") from error
        return {
            (entry.topic, entry.partition): 0 if entry.offset == OFFSET_INVALID else entry.offset
            for entry in found
        }

    def read_to(self, ends: Mapping[Place, int], deadline: float) -> None:
        """Read until every partition's end."""
        while missing := [place for place, end in ends.items() if self._reached[place] < end]:
            if time.monotonic() > deadline:
                raise Retryable(f"offers could not be read to the end of {_names(missing)}")
            self._read(_READ_WAIT_S)
        self.is_settled = True

    def take(self, topic: str) -> list[bytes]:
        """Return the values of one topic since the last call, without waiting."""
        while not self.is_settled and self._read(0.0):
            pass
        return self._values.pop(topic, [])

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def _read(self, wait_s: float) -> int:
        messages = self._consumer.consume(_READ_AT_ONCE, wait_s)
        for message in messages:
            self._place(message)
        return len(messages)

    def _place(self, message: Message) -> None:
        topic, number, offset = message.topic(), message.partition(), message.offset()
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise Retryable(f"offers cannot be read: {error.str()}")
        if topic is None or number is None or offset is None:
            raise Defect("Kafka returned a message without its place")
        if error is not None:
            self._reached[topic, number] = max(self._reached[topic, number], offset)
            return
        self._reached[topic, number] = offset + 1
        self._values[topic].append(message.value() or b"")


def _partitions(admin: AdminClient, topics: Topics, servers: str, *, hears: bool) -> dict[str, list[Place]]:
    """Return the partitions of each topic; one made a moment ago may need a moment to be known."""
    names = [topics.name(role) for role in (*_PUBLISHED_ROLES, *(_HEARD_ROLES if hears else ()))]
    deadline = time.monotonic() + _APPEAR_S
    known = _metadata(admin, servers)
    while missing := [name for name in names if name not in known]:
        if time.monotonic() > deadline:
            raise ConfigurationError(f"Kafka at {servers} has no topic {', '.join(missing)}")
        time.sleep(_POLL_MOST_S)
        known = _metadata(admin, servers)
    return {name: [(name, number) for number in sorted(known[name].partitions)] for name in names}


def _metadata(admin: AdminClient, servers: str) -> dict[str, TopicMetadata]:
    try:
        return admin.list_topics(timeout=_ANSWER_S).topics
    except KafkaException as error:
        raise ConfigurationError(f"no Kafka broker answers at {servers}: {error.args[0].str()}") from error


def _ends(
    admin: AdminClient,
    places: Sequence[Place],
    isolation: IsolationLevel = IsolationLevel.READ_UNCOMMITTED,
) -> dict[Place, int]:
    """Return where partitions end, through a change of leader (as right after a topic was made)."""
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call] # has no annotations
    asked = {TopicPartition(topic, number): latest for topic, number in places}
    deadline = time.monotonic() + _LEADERLESS_S
    while True:
        try:
            futures = admin.list_offsets(asked, isolation_level=isolation, request_timeout=_ANSWER_S)
            return {(tp.topic, tp.partition): future.result().offset for tp, future in futures.items()}
        except KafkaException as error:
            if time.monotonic() > deadline:
                reason = error.args[0].str()
                raise Retryable(f"Kafka does not tell where its topics end: {reason}") from error
            _ask_who_leads(admin)
            time.sleep(_POLL_MOST_S)


def _ask_who_leads(admin: AdminClient) -> None:
    """Have the client learn the leaders anew: this question alone never makes it, so it would fail for ever."""
    with contextlib.suppress(KafkaException):
        admin.list_topics(timeout=_ANSWER_S)


def _open_transactions(admin: AdminClient, places: Sequence[Place]) -> dict[Place, str]:
    """Return the partitions whose last stable offset is before their end."""
    stable = _ends(admin, places, IsolationLevel.READ_COMMITTED)
    ends = _ends(admin, places)
    return {
        place: f"stable to {stable[place]} of {end}" for place, end in ends.items() if stable[place] < end
    }


def _wait(deadline: float, left: Callable[[], dict[Place, str]], what: str) -> None:
    """Ask until nothing is left; a question that fails (a coordinator on its way) is asked again."""
    pause_s = _POLL_LEAST_S
    while True:
        try:
            places = left()
        except Retryable:
            if time.monotonic() > deadline:
                raise
        else:
            if not places:
                return
            if time.monotonic() > deadline:
                first = next(iter(places))
                raise Retryable(f"{what} {_names(list(places))} ({first[0]}[{first[1]}]: {places[first]})")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _POLL_MOST_S)


def _names(places: Sequence[Place]) -> str:
    shown = ", ".join(f"{topic}[{number}]" for topic, number in places[:_NAMED_AT_MOST])
    more = len(places) - _NAMED_AT_MOST
    return f"{shown} and {more} more" if more > 0 else shown
