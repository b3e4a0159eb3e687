"""The Redis store where it differs from the one in memory: faults, forgetting, what lies where."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from consumer.adapters.redis_expiry import RECORD_LIFE_S, ExpirySweep
from consumer.adapters.redis_nodes import Conversation, RedisNodes
from consumer.adapters.redis_store import RedisStore
from consumer.ports import OutboxEntry, PartitionState, PartitionWrite
from consumer.vocabulary.deadlines import DeadlineMove
from consumer.vocabulary.errors import ConfigurationError, Defect, Retryable
from consumer.vocabulary.time import HOUR_MS
from upswell.embedded.free_ports import free_port
from upswell.embedded.redis import RedisServer, real_redis
from upswell.embedded.redis_cluster import RedisCluster

N_PARTITIONS = 4


@pytest.fixture
def store(clean_redis: RedisServer) -> Iterator[RedisStore]:
    opened = RedisStore(clean_redis.url, namespace="t.")
    yield opened
    opened.close()


@pytest.fixture
def raw(clean_redis: RedisServer) -> Iterator[Redis]:
    with Redis.from_url(clean_redis.url) as client:
        yield client


def next_write(before: PartitionState, records: dict[str, bytes | None]) -> PartitionWrite:
    after = replace(before, sequence=before.sequence + 1)
    entry = OutboxEntry(after.sequence, (), {})
    return PartitionWrite(before, after, records, {}, {}, entry, published_sequence=before.sequence)


def taken(store: RedisStore, partition: int = 1) -> PartitionState:
    return store.take_over(partition, n_partitions=N_PARTITIONS)[0]


def raw_url(raw: Redis) -> str:
    return f"unix://{raw.connection_pool.connection_kwargs['path']}"


def test_all_keys_of_a_partition_carry_its_tag(store: RedisStore, raw: Redis) -> None:
    state = taken(store)
    change = next_write(state, {"c-1": b"r"})
    moves = {"c-1": DeadlineMove(None, 5 * HOUR_MS)}
    store.write([replace(change, open_decisions={"c-1": b"o"}, deadlines=moves)])
    assert sorted(raw.keys()) == [b"{t.1}:" + name for name in (b"c:c-1", b"due:5", b"out", b"pos")]


def test_state_of_another_form_is_refused_with_the_way_on(store: RedisStore, raw: Redis) -> None:
    taken(store)
    raw.hdel("{t.1}:pos", "form")
    with pytest.raises(ConfigurationError, match=r"form 1.*form 2.*another namespace"):
        taken(store)


def test_a_takeover_between_the_check_and_the_write_fences(store: RedisStore, raw: Redis) -> None:
    """WATCH sees what the check could not: here the epoch moves when EXEC is already on its way."""
    change = next_write(taken(store), {"c-1": b"late"})
    original = Conversation.send
    said: list[Sequence[bytes]] = []

    def spying(talk: Conversation, commands: Sequence[bytes]) -> None:
        if said:
            raw.hincrby("{t.1}:pos", "epoch", 1)
        said.append(commands)
        original(talk, commands)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Conversation, "send", spying)
        assert store.write([change]) == {1}
    assert len(said) == 2
    assert raw.exists("{t.1}:c:c-1") == 0


def test_active_records_live_for_ever_and_forgotten_ones_get_their_time(
    store: RedisStore, raw: Redis
) -> None:
    state = taken(store)
    first = next_write(state, {f"c-{number}": b"r" for number in range(500)})
    store.write([first])
    sweep = ExpirySweep(RedisNodes(raw_url(raw)), b"{t.*}:c:*")
    while not sweep.step():
        pass
    assert {raw.ttl(f"{{t.1}}:c:c-{number}") for number in range(500)} <= {RECORD_LIFE_S, RECORD_LIFE_S - 1}
    assert raw.ttl("{t.1}:pos") == -1
    store.write([next_write(first.after, {"c-7": b"back"})])
    assert raw.ttl("{t.1}:c:c-7") == -1
    assert raw.ttl("{t.1}:c:c-8") > 0


def test_a_second_walk_does_not_lengthen_a_life(store: RedisStore, raw: Redis) -> None:
    store.write([next_write(taken(store), {"c-1": b"r"})])
    raw.expire("{t.1}:c:c-1", 1_000)
    sweep = ExpirySweep(RedisNodes(raw_url(raw)), b"{t.*}:c:*")
    while not sweep.step():
        pass
    assert raw.ttl("{t.1}:c:c-1") <= 1_000


def test_a_customer_takes_little_more_than_its_record(store: RedisStore, raw: Redis) -> None:
    """760 bytes of record, a long id, and the time to live of one who has been away.

    The allocator has classes of 640, 768, 896, 1024 bytes, of which 6 are Redis' own: a record of 763 bytes
    takes 128 more than one of 762.
    """
    state = taken(store)
    before = int(raw.info("memory")["used_memory"])
    count = 20_000
    for first in range(0, count, 1_000):
        change = next_write(
            state, {f"customer-{number:012d}": b"r" * 760 for number in range(first, first + 1_000)}
        )
        store.write([change])
        state = change.after
    sweep = ExpirySweep(RedisNodes(raw_url(raw)), b"{t.*}:c:*")
    while not sweep.step():
        pass
    store.close()  # its buffers on the server are no customer's
    taken_bytes = (int(raw.info("memory")["used_memory"]) - before) / count
    assert taken_bytes < 920, f"{taken_bytes:.0f} bytes a customer"


def test_a_wrong_type_under_our_key_is_a_defect(store: RedisStore, raw: Redis) -> None:
    state = taken(store)
    raw.set("{t.1}:due:0", "no sorted set")
    with pytest.raises(Defect, match=r"applied a write in part.*WRONGTYPE"):
        store.write([replace(next_write(state, {}), deadlines={"c-1": DeadlineMove(None, 5)})])


def test_full_memory_is_retryable_and_nothing_was_written(tmp_path: Path) -> None:
    with real_redis(tmp_path) as server, Redis.from_url(server.url) as client:
        store = RedisStore(server.url)
        change = next_write(taken(store), {"c-1": b"r"})
        client.config_set("maxmemory", 1)
        with pytest.raises(Retryable, match="maxmemory"):
            store.write([change])
        client.config_set("maxmemory", 0)
        assert client.hget("{1}:pos", "sequence") is None
        store.write([change])
        assert store.load({1: ["c-1"]})[1].records == [b"r"]
        store.close()


def test_a_redis_that_was_killed_is_retryable_and_goes_on_after_its_restart(tmp_path: Path) -> None:
    with real_redis(tmp_path, appendonly=True) as server:
        with Redis.from_url(server.url) as client:
            client.config_set("appendfsync", "always")
        store = RedisStore(server.url)
        change = next_write(taken(store), {"c-1": b"r"})
        store.write([change])
        server.kill()
        for _ in range(2):
            with pytest.raises(Retryable, match=r"Redis at redis://127\.0\.0\.1"):
                store.write([next_write(change.after, {"c-1": b"r2"})])
        with pytest.raises(Retryable):
            store.load({1: ["c-1"]})[1]
        server.start()
        assert store.load({1: ["c-1"]})[1].records == [b"r"]
        store.write([next_write(change.after, {"c-1": b"r2"})])
        assert store.load({1: ["c-1"]})[1].records == [b"r2"]
        store.close()


def test_a_redis_that_is_not_there_is_said_at_once() -> None:
    started_s = time.monotonic()
    for url in (f"redis://:secret@127.0.0.1:{free_port()}/0", f"redis+cluster://127.0.0.1:{free_port()}"):
        with pytest.raises(ConfigurationError, match=r"Redis at redis.*127\.0\.0\.1") as refused:
            RedisStore(url).check()
        assert "secret" not in str(refused.value)
    assert time.monotonic() - started_s < 10


@pytest.mark.parametrize("url", ["http://127.0.0.1", "redis+cluster://no-port", "redis://127.0.0.1:port"])
def test_what_is_no_redis_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="no Redis URL"):
        RedisStore(url)


def test_a_namespace_that_would_break_the_tag_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"namespace a\}b"):
        RedisStore("redis://127.0.0.1", namespace="a}b")


def test_a_wrong_password_is_said(tmp_path: Path) -> None:
    with real_redis(tmp_path) as server, Redis.from_url(server.url) as client:
        client.config_set("requirepass", "right")
        for credentials in ("", ":wrong@"):
            with pytest.raises(ConfigurationError, match="refuses us"):
                RedisStore(f"redis://{credentials}127.0.0.1:{server.port}").check()
        RedisStore(f"redis://:right@127.0.0.1:{server.port}").check()
        client.config_set("requirepass", "")


def test_a_redis_that_throws_customers_away_is_refused(tmp_path: Path) -> None:
    with (
        real_redis(
            tmp_path, server_options=("--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru")
        ) as server,
        pytest.raises(ConfigurationError, match=r"allkeys-lru.*noeviction"),
    ):
        RedisStore(server.url).check()


def test_partitions_spread_over_a_cluster_and_the_walk_visits_every_node(
    clean_redis_cluster: RedisCluster,
) -> None:
    store = RedisStore(clean_redis_cluster.url, namespace="t.")
    store.check()
    for partition in range(12):
        state = store.take_over(partition, n_partitions=12)[0]
        store.write([next_write(state, {"c-1": b"r%d" % partition})])
    for partition in range(12):
        assert store.load({partition: ["c-1"]})[partition].records == [b"r%d" % partition]
    sweep = ExpirySweep(RedisNodes(clean_redis_cluster.url), b"{t.*}:c:*")
    while not sweep.step():
        pass
    keys = mortal = nodes_used = 0
    for node in clean_redis_cluster.nodes:
        with Redis(port=node.port) as client:
            here = [key for key in client.scan_iter() if b":c:" in key]
            nodes_used += bool(here)
            keys += len(here)
            mortal += sum(client.ttl(key) > 0 for key in here)
    assert (keys, mortal) == (12, 12)
    assert nodes_used > 1
    store.close()
