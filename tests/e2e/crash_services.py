"""Broker and Redis of the crash matrix, and what may befall them.

One broker and one Redis with its append-only file for all runs of a session, and a Redis Cluster with a replica
for each primary from the first run on that needs one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from confluent_kafka.admin import AdminClient
from redis.cluster import RedisCluster as ClusterClient

from consumer.adapters.kafka_config import client_config
from consumer.vocabulary.topics import Topics
from tests.e2e.crash_scenario import Store
from tests.e2e.nursery import Nursery, nursery
from upswell.embedded.free_ports import LOOPBACK
from upswell.embedded.kafka import KafkaBroker, real_kafka
from upswell.embedded.redis import RedisServer, real_redis
from upswell.embedded.redis_cluster import RedisCluster, redis_cluster

ANSWER_S: Final = 30.0
ANY_TIME: Final = {"log.message.timestamp.after.max.ms": str(2**63 - 1)}
"""The log carries the bank's time, which the machine's clock may not have reached yet."""

_AOF: Final = "appendonly*"
"""One file up to Redis 6, a directory since 7."""


@dataclass
class CrashServices:
    """What a run stands on; whole again when the next one begins."""

    broker: KafkaBroker
    redis: RedisServer
    folder: Path
    nursery: Nursery
    _stack: ExitStack
    _cluster: RedisCluster | None = None

    @property
    def client(self) -> dict[str, str | int | bool]:
        """Configuration of a Kafka client."""
        return client_config(self.broker.bootstrap_servers)

    @property
    def cluster(self) -> RedisCluster:
        """The Redis Cluster, started when it is asked for first."""
        if self._cluster is None:
            self._cluster = self._stack.enter_context(
                redis_cluster(self.folder / "cluster", has_replicas=True)
            )
        return self._cluster

    def fresh_redis(self, store: Store) -> str:
        """Return the URL of a Redis that is empty and whole."""
        if store == "cluster":
            self.cluster.mend()
            client = ClusterClient.from_url(f"redis://{LOOPBACK}:{self.cluster.nodes[0].port}")
            client.flushall()
            client.close()
            return ",".join(
                (self.cluster.url, *(f"{LOOPBACK}:{node.port}" for node in self.cluster.nodes[1:]))
            )
        shutil.rmtree(self._copy, ignore_errors=True)
        self.empty_redis()
        return self.redis.url if store == "unix" else f"redis://{LOOPBACK}:{self.redis.port}/0"

    # ------------------------------------------------------------ one Redis

    def kill_redis(self) -> None:
        """SIGKILL and start again: the append-only file holds all that was answered."""
        self.redis.kill()
        self.redis.start()

    def empty_redis(self) -> None:
        """SIGKILL and start again with nothing."""
        self.redis.kill()
        self._remove_files()
        self.redis.start()

    def copy_redis(self) -> None:
        """Keep the append-only file as it is now."""
        shutil.rmtree(self._copy, ignore_errors=True)
        self._copy.mkdir()
        _copy_files(self.redis.data_dir, self._copy)

    def restore_redis(self) -> None:
        """SIGKILL and start again from the append-only file that was kept, or with nothing."""
        self.redis.kill()
        self._remove_files()
        if self._copy.exists():
            _copy_files(self._copy, self.redis.data_dir)
        self.redis.start()

    def _remove_files(self) -> None:
        for path in self.redis.data_dir.glob(_AOF):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    @property
    def _copy(self) -> Path:
        return self.folder / "older"

    # ------------------------------------------------------------ the cluster

    def cut_replica_off(self, key: bytes) -> None:
        """Let the replica of the primary that holds a key hear nothing more."""
        self.cluster.cut_off(self.cluster.pair_of(key)[0])

    def fail_over(self, key: bytes) -> None:
        """SIGKILL the primary that holds a key, and let its replica take over."""
        primary, replica = self.cluster.pair_of(key)
        primary.kill()
        self.cluster.fail_over_to(replica)
        primary.start()

    @contextmanager
    def slot_moving(self, key: bytes) -> Iterator[None]:
        """Have the slot of a key half moved to another primary in the block, and moved after it."""
        with self.cluster.moving_slot(key):
            yield

    # ------------------------------------------------------------ the broker

    def kill_broker(self, meanwhile: Callable[[], None]) -> None:
        """SIGKILL, do something, and start again on its log."""
        self.broker.kill()
        meanwhile()
        self.broker.start()

    def delete_topics(self, topics: Topics) -> None:
        """Delete what a run made."""
        admin = AdminClient(dict(self.client))
        for done in admin.delete_topics(list(topics.all)).values():
            done.result(ANSWER_S)


def _copy_files(source: Path, target: Path) -> None:
    for path in source.glob(_AOF):
        if path.is_dir():
            shutil.copytree(path, target / path.name)
        else:
            shutil.copy2(path, target / path.name)


@contextmanager
def crash_services(folder: Path) -> Iterator[CrashServices]:
    """Run the services for the length of a with block.

    Raises
    ------
    ConfigurationError : Java, the jars or redis-server are missing
    """
    with ExitStack() as stack:
        broker = stack.enter_context(real_kafka(folder / "kafka", broker_settings=ANY_TIME))
        redis = stack.enter_context(real_redis(folder / "redis", appendonly=True, unix_socket=True))
        yield CrashServices(broker, redis, folder, stack.enter_context(nursery()), stack)
