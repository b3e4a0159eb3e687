"""The bare loop: what broker and store allow when nothing is computed, in one process as the scorer is.

    python -m benchmarks.bare_loop --servers HOST:PORT --redis URL --topics A,B --outputs FILE ...

Consume a batch, MGET the records of its customers, MSET as many bytes again, produce, commit one transaction
with the offsets. The events are the scorer's own log; what is stored has the size of the scorer's records, what
is produced are decisions and offers that the scorer published, as many of them; the batch is as large as the
scorer's. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, Producer, TopicPartition
from redis import Redis

from benchmarks.progress import MeasurementFailed, Rate
from benchmarks.services import Services
from benchmarks.throughput import Log, Published, ScorerRun
from consumer.adapters.kafka_config import ANSWER_TIMEOUT_S, client_config, consumer_config, producer_config

POLL_S: Final = 1.0
FILL_BATCH: Final = 5_000
WARM_BATCHES: Final = 3
TIMEOUT_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Loop:
    """Where, how many, how large."""

    servers: str
    redis_url: str
    topics: Sequence[str]
    outputs: Sequence[Published]
    group_id: str
    events: int
    batch: int
    record_bytes: int


def bare_loop(services: Services, log: Log, name: str, *, batch: int, like: ScorerRun) -> Rate:
    """Move what a scorer moved over a log, in a process of its own, from an empty Redis; return the rate.

    Raises
    ------
    MeasurementFailed : it ended badly; the text holds its last words
    """
    services.forget_all()
    record_bytes = max(int(like.record_bytes), 1)
    _fill(services, log.n_profiles, record_bytes)
    outputs = services.folder / f"{name}.outputs.json"
    outputs.write_text(json.dumps([asdict(published) for published in like.published]), encoding="utf-8")
    told = {
        "servers": services.servers,
        "redis": services.redis.url,
        "topics": ",".join(log.topics.name(role) for role in ("transactions", "interactions")),
        "outputs": str(outputs),
        "group": name,
        "events": log.n_events,
        "batch": batch,
        "record-bytes": record_bytes,
    }
    words = [word for key, value in told.items() for word in (f"--{key}", str(value))]
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.bare_loop", *words],
        capture_output=True,
        check=False,
        text=True,
        timeout=TIMEOUT_S,
    )
    if run.returncode != 0:
        raise MeasurementFailed(f"the bare loop ended with {run.returncode}: {run.stderr.strip()[-300:]}")
    found = json.loads(run.stdout.splitlines()[-1])
    return Rate(**found)


def _fill(services: Services, n_customers: int, record_bytes: int) -> None:
    """Give every customer a record, so that each MGET brings as many bytes as the scorer's does."""
    with Redis.from_url(services.redis.url) as store:
        for start in range(0, n_customers, FILL_BATCH):
            names = [f"c-{i}" for i in range(start, min(start + FILL_BATCH, n_customers))]
            store.mset({name: os.urandom(record_bytes) for name in names})


def work(loop: Loop) -> Rate:
    """Do the loop until all events are done; the first batches warm it up."""
    client = client_config(loop.servers)
    settings = consumer_config(client, group_id=loop.group_id) | {"auto.offset.reset": "earliest"}
    consumer = Consumer(settings | {"enable.partition.eof": False})
    consumer.subscribe(list(loop.topics))
    producer = Producer(producer_config(client, transactional_id=loop.group_id))
    producer.init_transactions(ANSWER_TIMEOUT_S)
    store = Redis.from_url(loop.redis_url)
    done = batches = warm = 0
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    while done < loop.events:
        count = _batch(loop, consumer, producer, store)
        done, batches = done + count, batches + bool(count)
        if batches <= WARM_BATCHES:
            warm, started_s, started_cpu_s = done, time.perf_counter(), time.process_time()
    rate = Rate(done - warm, time.perf_counter() - started_s, time.process_time() - started_cpu_s)
    consumer.close()
    return rate


def _batch(loop: Loop, consumer: Consumer, producer: Producer, store: Redis) -> int:
    messages = consumer.consume(loop.batch, POLL_S)
    if not messages:
        return 0
    customers = list({message.key() or b"" for message in messages})
    store.mget(customers)
    record = os.urandom(loop.record_bytes)
    store.mset(dict.fromkeys(customers, record))
    producer.begin_transaction()
    for published in loop.outputs:
        values = cycle(published.values)
        for message in messages[:: published.one_in]:
            producer.produce(published.topic, next(values), message.key())
    ends = {(message.topic(), message.partition()): (message.offset() or 0) + 1 for message in messages}
    offsets = [TopicPartition(topic or "", partition or 0, end) for (topic, partition), end in ends.items()]
    producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), ANSWER_TIMEOUT_S)
    producer.commit_transaction(ANSWER_TIMEOUT_S)
    return len(messages)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the loop of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("servers", "redis", "topics", "outputs", "group"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("events", "batch", "record-bytes"):
        parser.add_argument(f"--{name}", type=int, required=True)
    told = parser.parse_args(arguments)
    rate = work(
        Loop(
            servers=told.servers,
            redis_url=told.redis,
            topics=told.topics.split(","),
            outputs=[Published(**one) for one in json.loads(Path(told.outputs).read_text("utf-8"))],
            group_id=told.group,
            events=told.events,
            batch=told.batch,
            record_bytes=told.record_bytes,
        )
    )
    print(json.dumps(asdict(rate)))


if __name__ == "__main__":
    main()
