"""A real Redis Cluster on this machine: a few redis-servers that share the 16,384 slots.

redis-cli could build one, but it is not everywhere where redis-server is, and three commands to
each node are all there is to it: its slots, an epoch of its own, and where the others are.

A primary may have a replica, which takes over when it is told to: after that the former primary, once it is
started again, is the replica.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from consumer.vocabulary.errors import ConfigurationError
from upswell.embedded.free_ports import CLUSTER_BUS_OFFSET, LOOPBACK, free_port
from upswell.embedded.redis import RedisServer, real_redis

SLOTS_COUNT = 16_384
JOIN_TIMEOUT_S = 30.0
JOIN_CHECK_INTERVAL_S = 0.05
MIGRATED_AT_ONCE = 100
MIGRATE_TIMEOUT_MS = 5_000
# How long a silent node counts as alive: short, so that failures show within a test's patience.
NODE_TIMEOUT_MS = 2_000


@dataclass(frozen=True, slots=True)
class RedisCluster:
    """A running cluster; each node can be killed and started by itself.

    nodes : primaries at first, then as many replicas as were asked for
    """

    url: str
    nodes: tuple[RedisServer, ...]

    def pair_of(self, key: bytes) -> tuple[RedisServer, RedisServer]:
        """Return the primary that holds a key, and its replica.

        Raises
        ------
        ConfigurationError : nobody holds the key, or the primary has no replica
        """
        ports = self._ports_of(key)
        if len(ports) < 2:
            raise ConfigurationError(f"No primary with a replica holds the key {key.decode()}")
        return self._node(ports[0]), self._node(ports[1])

    def fail_over_to(self, replica: RedisServer) -> None:
        """Make a replica the primary of its slots without asking anybody: for a primary that is gone."""
        with Redis(host=LOOPBACK, port=replica.port) as client:
            client.execute_command("CLUSTER FAILOVER TAKEOVER")
            _wait_until(
                lambda: client.execute_command("ROLE")[0] == b"master", "The replica did not take over"
            )

    def cut_off(self, primary: RedisServer) -> None:
        """Let a primary's replica hear nothing more of it: from now on it lags behind."""
        with Redis(host=LOOPBACK, port=primary.port) as client:
            client.execute_command("ACL SETUSER", "default", "-psync", "-sync")
            client.execute_command("CLIENT KILL", "TYPE", "replica")

    def mend(self) -> None:
        """Let replicas that were cut off hear their primaries again, and wait until the cluster is whole."""
        for node in self.nodes:
            with Redis(host=LOOPBACK, port=node.port) as client:
                client.execute_command("ACL SETUSER", "default", "+psync", "+sync")
        self.wait_until_whole()

    @contextmanager
    def moving_slot(self, key: bytes) -> Iterator[None]:
        """Move the slot of a key to another primary: half of its keys before the block, the rest after it."""
        slot, source = key_slot(key), self._primary_of(key)
        target = next(self._node(port) for _, _, port, *_ in _slots(source) if port != source.port)
        with Redis(host=LOOPBACK, port=source.port) as here, Redis(host=LOOPBACK, port=target.port) as there:
            names = [client.execute_command("CLUSTER MYID") for client in (here, there)]
            there.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", names[0])
            here.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", names[1])
            held = here.execute_command("CLUSTER COUNTKEYSINSLOT", slot)
            _migrate(here, target.port, slot, limit=held // 2)
            yield
            while _migrate(here, target.port, slot, limit=MIGRATED_AT_ONCE):
                pass
            for client in (there, here):
                client.execute_command("CLUSTER SETSLOT", slot, "NODE", names[1])

    def wait_until_whole(self) -> None:
        """Wait until every slot is served and every replica follows its primary.

        Raises
        ------
        ConfigurationError : it takes too long
        """
        count, ports = len(self.nodes), {node.port for node in self.nodes}
        _wait_until(
            lambda: all(
                _knows_all(node, nodes_count=count)
                and _is_in_step(node)
                and {port for _, _, *served in _slots(node) for port in served} == ports
                for node in self.nodes
            ),
            "The Redis Cluster did not become whole",
        )

    def _primary_of(self, key: bytes) -> RedisServer:
        return self._node(self._ports_of(key)[0])

    def _ports_of(self, key: bytes) -> list[int]:
        """Return the port of the primary that holds a key, then those of its replicas."""
        running = next(node for node in self.nodes if node.service.is_running)
        slot = key_slot(key)
        return next((ports for first, last, *ports in _slots(running) if first <= slot <= last), [])

    def _node(self, port: int) -> RedisServer:
        return next(node for node in self.nodes if node.port == port)


@contextmanager
def redis_cluster(
    data_dir: Path, *, nodes_count: int = 3, appendonly: bool = False, has_replicas: bool = False
) -> Iterator[RedisCluster]:
    """Run a Redis Cluster for the length of a with block, all slots served.

    Parameters
    ----------
    data_dir : new directory; each node gets one inside
    nodes_count : primaries, at least three (fewer cannot agree that one has failed)
    appendonly : keep the append-only file on every node
    has_replicas : give each primary a replica

    Raises
    ------
    ConfigurationError
        when redis-server is missing, or the nodes do not find each other
    """
    with ExitStack() as stack:
        nodes = tuple(
            stack.enter_context(_cluster_node(data_dir / f"node-{number}", appendonly=appendonly))
            for number in range(nodes_count * (2 if has_replicas else 1))
        )
        for number, node in enumerate(nodes[:nodes_count]):
            _give_slots(node, number, nodes_count=nodes_count)
        _introduce(nodes)
        for primary, replica in zip(nodes, nodes[nodes_count:], strict=False):
            _follow(replica, primary)
        cluster = RedisCluster(url=f"redis+cluster://{LOOPBACK}:{nodes[0].port}", nodes=nodes)
        cluster.wait_until_whole()
        yield cluster


def _cluster_node(data_dir: Path, *, appendonly: bool) -> RedisServer:
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(NODE_TIMEOUT_MS))
    return real_redis(
        data_dir,
        appendonly=appendonly,
        port=free_port(also_offset=CLUSTER_BUS_OFFSET),
        server_options=options,
    )


def _give_slots(node: RedisServer, number: int, *, nodes_count: int) -> None:
    slots = range(SLOTS_COUNT * number // nodes_count, SLOTS_COUNT * (number + 1) // nodes_count)
    with Redis(host=LOOPBACK, port=node.port) as client:
        client.execute_command("CLUSTER ADDSLOTS", *slots)
        client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)


def _introduce(nodes: tuple[RedisServer, ...]) -> None:
    for node in nodes[1:]:
        with Redis(host=LOOPBACK, port=node.port) as client:
            client.execute_command("CLUSTER MEET", LOOPBACK, nodes[0].port)
    _wait_until(
        lambda: all(_knows_all(node, nodes_count=len(nodes)) for node in nodes),
        "The nodes of the Redis Cluster did not join",
    )


def _follow(replica: RedisServer, primary: RedisServer) -> None:
    with Redis(host=LOOPBACK, port=primary.port) as client:
        name = client.execute_command("CLUSTER MYID")
    with Redis(host=LOOPBACK, port=replica.port) as client:
        client.execute_command("CLUSTER REPLICATE", name)


def _wait_until(is_so: Callable[[], bool], otherwise: str) -> None:
    deadline_s = time.monotonic() + JOIN_TIMEOUT_S
    while not is_so():
        if time.monotonic() > deadline_s:
            raise ConfigurationError(f"{otherwise} within {JOIN_TIMEOUT_S:.0f} s")
        time.sleep(JOIN_CHECK_INTERVAL_S)


def _knows_all(node: RedisServer, *, nodes_count: int) -> bool:
    with Redis(host=LOOPBACK, port=node.port, decode_responses=True) as client:
        state = client.execute_command("CLUSTER INFO")
        known = client.execute_command("CLUSTER NODES")
    # The client parses both replies into dicts.
    return state["cluster_state"] == "ok" and len(known) == nodes_count


def _migrate(source: Redis, port: int, slot: int, *, limit: int) -> int:
    """Move up to `limit` keys of a slot to the node at a port; return how many."""
    keys = source.execute_command("CLUSTER GETKEYSINSLOT", slot, limit) if limit else []
    if keys:
        source.execute_command("MIGRATE", LOOPBACK, port, "", 0, MIGRATE_TIMEOUT_MS, "KEYS", *keys)
    return len(keys)


def _slots(node: RedisServer) -> list[list[int]]:
    """Return for each range its first slot, its last, the port of its primary and those of its replicas."""
    with Redis(host=LOOPBACK, port=node.port) as client:
        connection = client.connection_pool.get_connection()
        try:
            # Not by the client, which takes the answer apart in its own way.
            connection.send_command("CLUSTER", "SLOTS")
            reply = connection.read_response()
        finally:
            client.connection_pool.release(connection)
    return [[first, last, *(place[1] for place in places)] for first, last, *places in reply]


def _is_in_step(node: RedisServer) -> bool:
    """Return whether a node is a primary, or a replica that hears its primary."""
    with Redis(host=LOOPBACK, port=node.port) as client:
        try:
            facts = client.info("replication")
        except RedisError:
            return False
    return bool(facts["role"] == "master" or facts["master_link_status"] == "up")
