"""The real Redis and Redis Cluster that tests and demo run on."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis
from redis.cluster import RedisCluster as ClusterClient
from redis.exceptions import WatchError

from consumer.vocabulary.errors import ConfigurationError
from upswell.embedded.redis import RedisServer, real_redis, redis_command
from upswell.embedded.redis_cluster import RedisCluster


def test_a_watched_key_that_changed_fences_the_write(clean_redis: RedisServer) -> None:
    with Redis.from_url(clean_redis.url) as client, Redis.from_url(clean_redis.url) as rival:
        pipeline = client.pipeline()
        pipeline.watch("{0}:pos")
        rival.set("{0}:pos", "2")
        pipeline.multi()
        pipeline.set("{0}:c:1", "record")
        with pytest.raises(WatchError):
            pipeline.execute()
        pipeline.reset()
        assert client.get("{0}:c:1") is None


def test_a_killed_server_with_append_only_file_starts_again_with_what_it_had_flushed(
    own_redis: RedisServer,
) -> None:
    with Redis.from_url(own_redis.url) as client:
        client.set("position", "42")
    own_redis.kill()
    own_redis.start()
    with Redis.from_url(own_redis.url) as client:
        assert client.get("position") == b"42"


@pytest.mark.usefixtures("redis_server")
def test_a_killed_server_without_append_only_file_has_lost_everything(tmp_path: Path) -> None:
    with real_redis(tmp_path / "redis") as server:
        with Redis.from_url(server.url) as client:
            client.set("position", "42")
        server.kill()
        server.start()
        with Redis.from_url(server.url) as client:
            assert client.get("position") is None


def test_a_unix_socket_is_the_servers_url_when_asked_for(redis_server: RedisServer) -> None:
    assert redis_server.url == f"unix://{redis_server.socket_path}"
    with Redis.from_url(redis_server.url) as client:
        assert client.ping()


def test_a_server_of_somebody_else_on_the_port_is_not_taken_for_ours(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=f"another program listens on port {redis_server.port}"):
        real_redis(tmp_path / "redis", port=redis_server.port)


@pytest.mark.usefixtures("redis_server")
def test_a_server_that_refuses_its_options_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"(?s)Redis ended while it started.*not-an-option"):
        real_redis(tmp_path / "redis", server_options=("--not-an-option", "1"))


def test_a_socket_path_too_long_for_the_system_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="shorter directory"):
        real_redis(tmp_path / ("d" * 120), unix_socket=True)


def test_a_missing_redis_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(ConfigurationError, match="install redis-server"):
        redis_command()


def test_the_cluster_serves_every_slot_and_spreads_hash_tags_over_its_nodes(
    clean_redis_cluster: RedisCluster,
) -> None:
    with ClusterClient(host="127.0.0.1", port=clean_redis_cluster.nodes[0].port) as client:
        for partition in range(24):
            client.execute_command("MSET", f"{{{partition}}}:pos", "0", f"{{{partition}}}:c:1", "record")
        assert client.mget_nonatomic([f"{{{partition}}}:pos" for partition in range(24)]) == [b"0"] * 24
    for node in clean_redis_cluster.nodes:
        with Redis(port=node.port) as client_of_node:
            assert client_of_node.dbsize() > 0
