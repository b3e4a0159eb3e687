"""A real Redis Cluster on this machine: a few redis-servers that share the 16,384 slots.

redis-cli could build one, but it is not everywhere where redis-server is, and three commands to
each node are all there is to it: its slots, an epoch of its own, and where the others are.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from consumer.vocabulary.errors import ConfigurationError
from upswell.embedded.free_ports import CLUSTER_BUS_OFFSET, LOOPBACK, free_port
from upswell.embedded.redis import RedisServer, real_redis

SLOTS_COUNT = 16_384
JOIN_TIMEOUT_S = 30.0
JOIN_CHECK_INTERVAL_S = 0.05
# How long a silent node counts as alive: short, so that failures show within a test's patience.
NODE_TIMEOUT_MS = 2_000


@dataclass(frozen=True, slots=True)
class RedisCluster:
    """A running cluster of masters; each node can be killed and started by itself."""

    url: str
    nodes: tuple[RedisServer, ...]


@contextmanager
def redis_cluster(
    data_dir: Path, *, nodes_count: int = 3, appendonly: bool = False
) -> Iterator[RedisCluster]:
    """Run a Redis Cluster for the length of a with block, all slots served.

    Parameters
    ----------
    data_dir : new directory; each node gets one inside
    nodes_count : masters, at least three (fewer cannot agree that one has failed)
    appendonly : keep the append-only file on every node

    Raises
    ------
    ConfigurationError
        when redis-server is missing, or the nodes do not find each other
    """
    with ExitStack() as stack:
        nodes = tuple(
            stack.enter_context(_cluster_node(data_dir / f"node-{number}", appendonly=appendonly))
            for number in range(nodes_count)
        )
        for number, node in enumerate(nodes):
            _give_slots(node, number, nodes_count=nodes_count, first=nodes[0])
        _wait_until_whole(nodes)
        yield RedisCluster(url=f"redis+cluster://{LOOPBACK}:{nodes[0].port}", nodes=nodes)


def _cluster_node(data_dir: Path, *, appendonly: bool) -> RedisServer:
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(NODE_TIMEOUT_MS))
    return real_redis(
        data_dir,
        appendonly=appendonly,
        port=free_port(also_offset=CLUSTER_BUS_OFFSET),
        server_options=options,
    )


def _give_slots(node: RedisServer, number: int, *, nodes_count: int, first: RedisServer) -> None:
    slots = range(SLOTS_COUNT * number // nodes_count, SLOTS_COUNT * (number + 1) // nodes_count)
    with Redis(host=LOOPBACK, port=node.port) as client:
        client.execute_command("CLUSTER ADDSLOTS", *slots)
        client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        if node is not first:
            client.execute_command("CLUSTER MEET", LOOPBACK, first.port)


def _wait_until_whole(nodes: tuple[RedisServer, ...]) -> None:
    deadline_s = time.monotonic() + JOIN_TIMEOUT_S
    while not all(_knows_all(node, nodes_count=len(nodes)) for node in nodes):
        if time.monotonic() > deadline_s:
            raise ConfigurationError(
                f"The nodes of the Redis Cluster did not join within {JOIN_TIMEOUT_S:.0f} s"
            )
        time.sleep(JOIN_CHECK_INTERVAL_S)


def _knows_all(node: RedisServer, *, nodes_count: int) -> bool:
    with Redis(host=LOOPBACK, port=node.port, decode_responses=True) as client:
        state = client.execute_command("CLUSTER INFO")
        known = client.execute_command("CLUSTER NODES")
    # The client parses both replies into dicts.
    return state["cluster_state"] == "ok" and len(known) == nodes_count
