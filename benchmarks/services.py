"""What the measurements stand on: one real broker, one real Redis, event logs, and roles as processes.

A role runs as a user runs it, `upswell score` or `upswell learn` with settings in the environment, so
that what is measured is what is shipped.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from confluent_kafka import Producer
from redis import Redis

from benchmarks.progress import MeasurementFailed
from benchmarks.synthetic_events import Load, events
from consumer.adapters.kafka_config import client_config, producer_config
from consumer.adapters.kafka_log import KAFKA_LOG
from consumer.adapters.kafka_topics import create_topics
from consumer.vocabulary.log import OutputRecord
from consumer.vocabulary.topics import Topics
from upswell.embedded.free_ports import LOOPBACK, free_port
from upswell.embedded.redis import RedisServer

STOP_TIMEOUT_S: Final = 15.0
FLUSH_TIMEOUT_S: Final = 120.0
"""A million customers are more than a gigabyte to give back."""

CHUNK_EVENTS: Final = 250_000
"""Events drawn at a time: millions at once would fill the memory that the measured processes need."""

OUTPUT_PARTITIONS: Final = 3
"""A transaction sends a request for each partition that it writes to; offers and decisions are few."""

POLL_EVERY: Final = 10_000
LOG_TAIL_LINES: Final = 5


@dataclass(frozen=True, slots=True)
class Services:
    """Broker and store, and where this run may write."""

    servers: str
    redis: RedisServer
    folder: Path
    partitions: int

    def new_topics(self, prefix: str) -> Topics:
        """Create the ten topics under a prefix of their own."""
        topics = Topics(f"{prefix}.")
        create_topics(
            client_config(self.servers),
            topics,
            partitions=self.partitions,
            output_partitions=OUTPUT_PARTITIONS,
        )
        return topics

    def used_memory(self) -> int:
        """Return the bytes that Redis uses."""
        with Redis.from_url(self.redis.url) as client:
            return int(client.info("memory")["used_memory"])

    def redis_cpu_s(self) -> float:
        """Return the processor time that Redis has used so far."""
        with Redis.from_url(self.redis.url) as client:
            told = client.info("cpu")
        return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])

    def forget_all(self) -> None:
        """Empty Redis, as a loss without a replica would."""
        with Redis.from_url(self.redis.url, socket_timeout=FLUSH_TIMEOUT_S) as client:
            client.flushall()


def publish(services: Services, topics: Topics, records: Iterable[OutputRecord]) -> int:
    """Write input records as fast as the broker takes them; return how many."""
    producer = Producer(
        producer_config(client_config(services.servers), transactional_id=None) | {"linger.ms": 5},
        logger=KAFKA_LOG,
    )
    names = {role: topics.name(role) for role in ("customers", "transactions", "interactions", "examples")}
    count = 0
    for record in records:
        _enqueue(producer, names[record.role], record)
        count += 1
        if count % POLL_EVERY == 0:
            producer.poll(0)
    left = producer.flush(60.0)
    if left:
        raise MeasurementFailed(f"the broker did not take {left:,} of {count:,} records")
    return count


def _enqueue(producer: Producer, topic: str, record: OutputRecord) -> None:
    while True:
        try:
            producer.produce(topic, record.value, record.key, timestamp=record.event_time_ms)
        except BufferError:
            producer.poll(0.05)
        else:
            return


def many_events(load: Load, *, products: tuple[str, ...]) -> Iterator[OutputRecord]:
    """Yield the events of a load chunk after chunk, in order of time, in bounded memory."""
    chunk = replace(load, n_events=0, days=0.0)
    while (left := load.n_events - (chunk.first_event + chunk.n_events - load.first_event)) > 0:
        n = min(left, CHUNK_EVENTS)
        chunk = replace(chunk.following(n), days=load.days * n / load.n_events)
        yield from events(chunk, products=products)


@dataclass(slots=True)
class Role:
    """One running process of the service; what it says goes to a file."""

    process: subprocess.Popen[bytes]
    log_file: Path
    metrics_port: int
    counts: dict[str, float] = field(default_factory=dict)

    @property
    def is_alive(self) -> bool:
        """True while it runs."""
        return self.process.poll() is None

    def cpu_s(self) -> float:
        """Seconds of processor time that it has used, zero where the system does not tell."""
        try:
            words = (
                Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            )
        except OSError:
            return 0.0
        # utime and stime are the words 14 and 15 of the line; the name before them may hold blanks.
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def metrics(self) -> dict[str, float]:
        """Return name{labels} → value of everything that the process counts."""
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self.metrics_port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name: float(number) for name, number in pairs}

    def check(self) -> None:
        """Make sure that it has not failed.

        Raises
        ------
        MeasurementFailed : it ended; the text holds its last words
        """
        if not self.is_alive:
            words = self.log_file.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
            raise MeasurementFailed(f"the process ended with {self.process.returncode}: {' '.join(words)}")


@contextmanager
def role(services: Services, command: str, settings: Mapping[str, str]) -> Iterator[Role]:
    """Run `upswell score` or `upswell learn` while the block runs; SIGTERM at its end.

    Parameters
    ----------
    settings : by their names in the settings file; broker, Redis and metrics are added
    """
    told = {
        "kafka_bootstrap_servers": services.servers,
        "redis_url": services.redis.url,
        "metrics_port": str(free_port()),
        "log_level": "warning",
        **settings,
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith("UPSWELL_")}
    environment = clean | {f"UPSWELL_{name.upper()}": value for name, value in told.items()}
    log_file = services.folder / f"{command}-{told.get('group_id', 'role')}-{time.monotonic_ns()}.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "upswell.cli", command], env=environment, stdout=log, stderr=log
        )
    try:
        yield Role(process, log_file, int(told["metrics_port"]))
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
