"""The two worlds in which sources, sinks and feeds are tested: in memory, and on a real broker.

A world is a log and the processes on it. Both offer the same few things that a test does or sees.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from confluent_kafka import Producer

from consumer.adapters.kafka_config import ClientConfig, client_config, producer_config
from consumer.adapters.kafka_reader import KafkaModelFeed, KafkaReader
from consumer.adapters.kafka_sink import KafkaSink
from consumer.adapters.kafka_source import KafkaSource
from consumer.adapters.kafka_topics import create_topics
from consumer.adapters.memory_group import MemoryGroup
from consumer.adapters.memory_io import MemoryModelFeed, MemorySink, MemorySource
from consumer.adapters.memory_log import MemoryLog
from consumer.ports import ModelFeed, Sink, Source
from consumer.vocabulary.log import OutputRecord, RawRecord
from consumer.vocabulary.topics import INPUT_ROLES, Topics

N_PARTITIONS = 3
PATIENCE_S = 30.0
GROUP = "scorers"


@dataclass(slots=True)
class Listener:
    """Remembers what it owns, and does at a takeover what the test wants."""

    takes_over: Callable[[frozenset[int]], None] = lambda _: None
    owned: set[int] = field(default_factory=set)
    history: list[tuple[str, list[int]]] = field(default_factory=list)

    def on_assigned(self, partitions: frozenset[int]) -> None:
        self.history.append(("assigned", sorted(partitions)))
        self.takes_over(partitions)
        self.owned |= partitions

    def on_revoked(self, partitions: frozenset[int]) -> None:
        self.history.append(("revoked", sorted(partitions)))
        self.owned -= partitions


@dataclass(slots=True)
class Process:
    """One member of the group with its sink."""

    name: str
    source: Source
    sink: Sink
    listener: Listener


class World(Protocol):
    """What tests need of either world."""

    def append(
        self, role: str, partition: int, value: bytes | None, *, timestamp_ms: int, key: bytes = b"c-1"
    ) -> None: ...

    def append_aborted(self, role: str, partition: int, value: bytes, *, timestamp_ms: int) -> None: ...

    def start(
        self,
        name: str,
        *,
        transactional: bool = True,
        static: bool = False,
        takes_over: Callable[[frozenset[int]], None] | None = None,
        roles: Sequence[str] | None = None,
    ) -> Process:
        """Start a process; a static member keeps its place in the group when it starts again."""

    def start_again(self, process: Process) -> Process:
        """Start a static process under the same name while the old one still believes that it lives."""

    def leave_open(self, name: str, outputs: Sequence[OutputRecord]) -> None:
        """Do what a process of this name does that dies within a transaction."""

    def visible(self, role: str) -> list[RawRecord]: ...

    def feed(self) -> ModelFeed: ...

    def close(self) -> None: ...


class MemoryWorld:
    """Processes over one log in memory."""

    def __init__(self) -> None:
        self.log = MemoryLog(N_PARTITIONS)
        self.group = MemoryGroup(GROUP, N_PARTITIONS)
        self._starts = 0

    def append(
        self, role: str, partition: int, value: bytes | None, *, timestamp_ms: int, key: bytes = b"c-1"
    ) -> None:
        self.log.append(role, partition, key, value, timestamp_ms=timestamp_ms)

    def append_aborted(self, role: str, partition: int, value: bytes, *, timestamp_ms: int) -> None:
        transaction = self.log.begin("bank", self.log.init_transactions("bank"))
        keys = (b"c-%d" % number for number in range(1_000))
        for key in keys:
            record = self.log.publish(OutputRecord(role, key, value, timestamp_ms), transaction)
            if record.partition == partition:
                break
        self.log.abort(transaction)

    def start(
        self,
        name: str,
        *,
        transactional: bool = True,
        static: bool = False,
        takes_over: Callable[[frozenset[int]], None] | None = None,
        roles: Sequence[str] | None = None,
    ) -> Process:
        self._starts += 1
        wanted = INPUT_ROLES if roles is None else roles
        source = MemorySource(self.log, self.group, member=f"{name}-{self._starts}", roles=wanted)
        sink = MemorySink(self.log, source, transactional_id=name if transactional else None)
        return _opened(Process(name, source, sink, Listener()), takes_over)

    def start_again(self, process: Process) -> Process:
        assert isinstance(process.source, MemorySource)
        self.group.leave(process.source.member)
        return self.start(process.name, static=True)

    def leave_open(self, name: str, outputs: Sequence[OutputRecord]) -> None:
        transaction = self.log.begin(name, self.log.init_transactions(name))
        for output in outputs:
            self.log.publish(output, transaction)

    def visible(self, role: str) -> list[RawRecord]:
        return self.log.records(role)

    def feed(self) -> ModelFeed:
        return MemoryModelFeed(self.log)

    def close(self) -> None:
        """Nothing runs."""


class KafkaWorld:
    """Processes over topics of their own on a real broker."""

    def __init__(self, bootstrap_servers: str, prefix: str) -> None:
        self.client: ClientConfig = client_config(bootstrap_servers)
        self.topics = Topics(prefix)
        self._prefix = prefix
        create_topics(self.client, self.topics, partitions=N_PARTITIONS)
        self._bank = Producer(producer_config(self.client, transactional_id=None))
        self._opened: list[Callable[[], None]] = []

    def append(
        self, role: str, partition: int, value: bytes | None, *, timestamp_ms: int, key: bytes = b"c-1"
    ) -> None:
        self._bank.produce(self.topics.name(role), value, key, partition=partition, timestamp=timestamp_ms)
        assert self._bank.flush(PATIENCE_S) == 0

    def append_aborted(self, role: str, partition: int, value: bytes, *, timestamp_ms: int) -> None:
        producer = self.transactional("bank")
        producer.produce(self.topics.name(role), value, b"c-1", partition=partition, timestamp=timestamp_ms)
        producer.flush(PATIENCE_S)
        producer.abort_transaction(PATIENCE_S)

    def start(
        self,
        name: str,
        *,
        transactional: bool = True,
        static: bool = False,
        takes_over: Callable[[frozenset[int]], None] | None = None,
        roles: Sequence[str] | None = None,
    ) -> Process:
        source = KafkaSource(
            self.client,
            self.topics,
            group_id=self._prefix + GROUP,
            instance_id=name if static else "",
            roles=INPUT_ROLES if roles is None else roles,
        )
        transactional_id = self._prefix + name if transactional else None
        sink = KafkaSink(self.client, self.topics, source=source, transactional_id=transactional_id)
        self._opened += [sink.close, source.close]
        return _opened(Process(name, source, sink, Listener()), takes_over)

    def start_again(self, process: Process) -> Process:
        return self.start(process.name, static=True)

    def leave_open(self, name: str, outputs: Sequence[OutputRecord]) -> None:
        producer = self.transactional(name)
        for output in outputs:
            producer.produce(self.topics.name(output.role), output.value, output.key)
        producer.flush(PATIENCE_S)

    def visible(self, role: str) -> list[RawRecord]:
        reader = KafkaReader(self.client, self.topics, role)
        try:
            return reader.read_all()
        finally:
            reader.close()

    def feed(self) -> ModelFeed:
        feed = KafkaModelFeed(self.client, self.topics)
        self._opened.append(feed.close)
        return feed

    def close(self) -> None:
        for close in reversed(self._opened):
            close()

    def transactional(self, name: str) -> Producer:
        """Return a producer of this name with a transaction open."""
        producer = Producer(producer_config(self.client, transactional_id=self._prefix + name))
        producer.init_transactions(PATIENCE_S)
        producer.begin_transaction()
        return producer


def _opened(process: Process, takes_over: Callable[[frozenset[int]], None] | None) -> Process:
    if takes_over is not None:
        process.listener.takes_over = takes_over
    process.source.open(process.listener)
    return process


def read(processes: Process | Sequence[Process], count: int, *, batch: int = 100) -> list[RawRecord]:
    """Poll until `count` records have come; more than asked for is an error of the test's expectation."""
    members = [processes] if isinstance(processes, Process) else processes
    records: list[RawRecord] = []
    until(lambda: len(records) >= count, members, records, batch=batch)
    assert len(records) == count
    return records


def until(
    is_reached: Callable[[], bool],
    members: Sequence[Process],
    records: list[RawRecord] | None = None,
    *,
    batch: int = 100,
) -> None:
    """Poll all members in turn until something is so."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_reached():
        assert time.monotonic() < deadline_s, "what the test waits for does not come"
        for member in members:
            found = member.source.poll(batch, 0.02)
            if records is not None:
                records += found
