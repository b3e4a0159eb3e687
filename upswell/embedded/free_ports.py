"""TCP ports of this machine that nobody listens on.

Rules of this file: ports come from below the range that the system hands to outgoing connections
(32768 and up on Linux), so a service that is killed finds its port free when it starts again.
"""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator

LOOPBACK = "127.0.0.1"
# Redis Cluster's bus listens 10,000 above the client's port, so both halves stay below 32,768.
PORTS = range(12_000, 22_000)
CLUSTER_BUS_OFFSET = 10_000

# Processes that start together look in different places, and one process never offers a port twice
# in a round, since a port stays free until its service has come up.
_start = os.getpid() * 37 % len(PORTS)
_candidates: Iterator[int] = itertools.cycle([*PORTS[_start:], *PORTS[:_start]])


def free_port(*, also_offset: int = 0) -> int:
    """Return a port that nobody listens on, nor on the one `also_offset` above it."""
    return next(
        port
        for port in itertools.islice(_candidates, len(PORTS))
        if _is_free(port) and (also_offset == 0 or _is_free(port + also_offset))
    )


def is_listening(port: int) -> bool:
    """Return whether something accepts connections on this port of the loopback interface."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the services do: a port whose last connections are still closing can be used.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
