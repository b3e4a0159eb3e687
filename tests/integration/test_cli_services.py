"""The command line against a real broker and a real Redis, and against ones that are not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from consumer.adapters.codec import decode_batch
from consumer.adapters.partitioner import partition_of
from consumer.adapters.redis_store import RedisStore
from consumer.features.catalogue import catalogue_for
from consumer.features.fold import fold
from consumer.features.record import empty_records, pack
from consumer.policy.document import load_policy
from consumer.ports import PartitionState, PartitionWrite
from consumer.settings import DEFAULT_POLICY
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.topics import Topics
from upswell.embedded.free_ports import free_port
from upswell.embedded.kafka import KafkaBroker
from upswell.embedded.redis import RedisServer

SAID_WITHIN_S = 30.0
T_MS = 1_740_000_000_000
N_PARTITIONS = 6


def upswell(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own, with these settings only."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UPSWELL_")}
    settings = {f"UPSWELL_{name.upper()}": value for name, value in variables.items()}
    run = subprocess.run(
        [sys.executable, "-m", "upswell.cli", *arguments],
        env=environment | settings,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in run.stderr, run.stderr
    return run


def refused(*arguments: str, **variables: str) -> str:
    """Run a command that must say in time what is wrong; return its one sentence, without the log."""
    started_s = time.monotonic()
    run = upswell(*arguments, **variables)
    assert time.monotonic() - started_s < SAID_WITHIN_S
    sentences = [line for line in run.stderr.splitlines() if not line.startswith('{"time_ms"')]
    assert (run.returncode, run.stdout, len(sentences)) == (2, "", 1), run.stderr
    return sentences[0]


@pytest.fixture
def nobody() -> str:
    """A host and port where nothing listens."""
    return f"localhost:{free_port()}"


# ---------------------------------------------------------------- topics


def test_topics_are_created_once_and_then_found(kafka_broker: KafkaBroker, topic_prefix: str) -> None:
    settings = {"kafka_bootstrap_servers": kafka_broker.bootstrap_servers, "topic_prefix": topic_prefix}
    assert "Topics are missing" in refused("topics", "check", **settings)
    created = upswell("topics", "create", "--partitions", "3", **settings)
    assert created.returncode == 0, created.stderr
    assert all(name in created.stdout for name in Topics(topic_prefix).all)
    again = upswell("topics", "create", "--partitions", "3", **settings)
    assert (again.returncode, again.stdout) == (0, "created: none, all ten were there\n")
    found = upswell("topics", "check", **settings)
    assert (found.returncode, "3 partitions" in found.stdout) == (0, True)


def test_other_partition_counts_are_refused_with_topics_and_counts(
    kafka_broker: KafkaBroker, topic_prefix: str
) -> None:
    settings = {"kafka_bootstrap_servers": kafka_broker.bootstrap_servers, "topic_prefix": topic_prefix}
    topics = Topics(topic_prefix)
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap_servers})
    for done in admin.create_topics([NewTopic(topics.name("traits"), 2, 1)]).values():
        done.result()
    sentence = refused("topics", "create", "--partitions", "3", **settings)
    assert f"{topics.name('traits')} 2" in sentence
    assert f"{topics.name('customers')} 3" in sentence


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [("topics", "check"), ("topics", "create"), ("simulate", "run"), ("score",), ("learn",)]
)
def test_a_wrong_broker_is_said_within_ten_seconds(command: tuple[str, ...], nobody: str) -> None:
    assert nobody in refused(*command, kafka_bootstrap_servers=nobody)


# ---------------------------------------------------------------- score and learn


@pytest.fixture
def created(kafka_broker: KafkaBroker, topic_prefix: str) -> dict[str, str]:
    """Settings of a cluster with all topics, three partitions each."""
    settings = {"kafka_bootstrap_servers": kafka_broker.bootstrap_servers, "topic_prefix": topic_prefix}
    assert upswell("topics", "create", "--partitions", "3", **settings).returncode == 0
    return settings


def test_a_scorer_refuses_a_wrong_redis(created: dict[str, str], nobody: str) -> None:
    assert nobody in refused("score", redis_url=f"redis://{nobody}/0", **created)


def test_a_scorer_refuses_missing_topics(kafka_broker: KafkaBroker, topic_prefix: str) -> None:
    sentence = refused(
        "score", kafka_bootstrap_servers=kafka_broker.bootstrap_servers, topic_prefix=topic_prefix
    )
    assert f"{topic_prefix}bank.transactions" in sentence
    assert "upswell topics create" in sentence


@pytest.mark.parametrize("role", ["score", "learn"])
def test_a_wrong_policy_or_seeds_file_is_refused(role: str, created: dict[str, str], tmp_path: Path) -> None:
    assert "nowhere.yaml" in refused(role, policy="nowhere.yaml", **created)
    (tmp_path / "policy.yaml").write_text("policy: p\nformat: one\n", encoding="utf-8")
    assert "policy.yaml, line 1: " in refused(role, policy=str(tmp_path / "policy.yaml"), **created)
    assert "nowhere.json" in refused(role, seeds="nowhere.json", **created)


def test_a_scorer_refuses_state_of_another_number_of_partitions(
    created: dict[str, str], clean_redis: RedisServer
) -> None:
    store = RedisStore(clean_redis.url, namespace=created["topic_prefix"])
    for partition in range(3):
        store.take_over(partition, n_partitions=12)
    store.close()
    sentence = refused("score", redis_url=clean_redis.url, **created)
    assert "12" in sentence
    assert "3" in sentence


# ---------------------------------------------------------------- inspect


@pytest.fixture
def redis_with_customer(clean_redis: RedisServer) -> RedisServer:
    """A store that a scorer of six partitions wrote: customer c-7 was paid a salary and bought groceries."""
    catalogue = load_policy(DEFAULT_POLICY).catalogue
    features = catalogue_for(catalogue.product_ids)
    partition = partition_of(b"c-7", N_PARTITIONS)
    batch = decode_batch(
        [_transaction(partition, 0, "salary"), _transaction(partition, 1, "card_payment")], catalogue
    )
    assert batch.dead_letters == ()
    records = empty_records(features.layout, 1)
    fold(features, records, batch.events)
    store = RedisStore(clean_redis.url)
    states = [store.take_over(number, n_partitions=N_PARTITIONS)[0] for number in range(N_PARTITIONS)]
    store.write([_write(states[partition], pack(features.layout, records)[0])])
    store.close()
    return clean_redis


def _transaction(partition: int, offset: int, kind: str) -> RawRecord:
    document = {
        "event_id": f"e-{offset}",
        "customer_id": "c-7",
        "event_time_ms": T_MS + offset,
        "kind": kind,
        "direction": "credit" if kind == "salary" else "debit",
        "amount_minor": 300_000 if kind == "salary" else 4_250,
        "currency": "EUR",
        "channel": "online",
    }
    return RawRecord("transactions", partition, offset, b"c-7", json.dumps(document).encode(), T_MS + offset)


def _write(state: PartitionState, record: bytes) -> PartitionWrite:
    after = PartitionState(state.partition, state.epoch, state.sequence + 1, {"transactions": 2}, T_MS + 1)
    return PartitionWrite(
        expected=state,
        after=after,
        records={"c-7": record},
        open_decisions={},
        deadlines={},
        outbox=None,
        published_sequence=0,
    )


def test_inspect_gives_every_feature_by_name(redis_with_customer: RedisServer) -> None:
    run = upswell("inspect", "c-7", "--json", redis_url=redis_with_customer.url)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    names = catalogue_for(load_policy(DEFAULT_POLICY).catalogue.product_ids).names
    assert list(found["features"]) == list(names)
    assert np.isfinite(list(found["features"].values())).all()
    assert (found["customer_id"], found["partition"]) == ("c-7", partition_of(b"c-7", N_PARTITIONS))
    assert found["as_of_ms"] == T_MS + 1
    assert found["features"]["debit_sum_30d"] == 4_250
    assert found["features"]["credit_count_7d"] == 1
    assert found["open_offers"] == []


def test_inspect_for_people_has_words_and_units(redis_with_customer: RedisServer) -> None:
    run = upswell("inspect", "c-7", redis_url=redis_with_customer.url)
    assert run.returncode == 0, run.stderr
    line = next(line for line in run.stdout.splitlines() if line.startswith("debit_sum_30d"))
    assert line.split()[1] == "4,250"
    assert "total of debits of the last 30 days" in line


def test_inspect_of_an_unknown_customer_is_exit_code_1(redis_with_customer: RedisServer) -> None:
    run = upswell("inspect", "c-8", "--json", redis_url=redis_with_customer.url)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "upswell: nothing is known about customer c-8\n"


def test_inspect_before_any_scorer_ran_says_so(clean_redis: RedisServer) -> None:
    assert "no scorer has written to this Redis" in refused("inspect", "c-7", redis_url=clean_redis.url)


def test_inspect_looks_under_the_namespace_of_the_settings(redis_with_customer: RedisServer) -> None:
    sentence = refused("inspect", "c-7", redis_url=redis_with_customer.url, topic_prefix="other.")
    assert "no scorer has written to this Redis and namespace yet" in sentence


@pytest.mark.parametrize(
    "url", ["redis://{nobody}/0", "redis+cluster://{nobody}", "unix:///nowhere/redis.sock"]
)
def test_a_wrong_redis_is_said_within_ten_seconds(url: str, nobody: str) -> None:
    assert "Redis" in refused("inspect", "c-7", redis_url=url.format(nobody=nobody))


def test_the_installed_command_is_the_same(repository: Path) -> None:
    command = Path(sys.executable).with_name("upswell")
    if not command.exists():
        pytest.skip("the command is not installed beside this Python: run `make setup`")
    run = subprocess.run([command, "--help"], cwd=repository, capture_output=True, check=True, text=True)
    assert "Usage: upswell" in run.stdout
