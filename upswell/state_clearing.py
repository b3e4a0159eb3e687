"""Dropping a partition's state from Redis: its customers, open decisions and deadlines.

Rules of this file: `pos` and the outbox stay, since the epoch in them fences former owners; the caller owns the
partition and says in its state that it is not whole.
"""

from __future__ import annotations

from typing import Final

from consumer.adapters.redis_nodes import RedisNodes
from consumer.adapters.resp import packed

KEYS_A_STEP: Final = 5_000


class StateClearing:
    """Clears partitions of one Redis and namespace.

    Parameters
    ----------
    url : as for `RedisStore`
    namespace : as for `RedisStore`
    """

    def __init__(self, url: str, *, namespace: str) -> None:
        self._nodes = RedisNodes(url)
        self._namespace = namespace.encode()

    def clear(self, partition: int) -> None:
        """Unlink every customer of a partition, and the hours of their deadlines."""
        tag = b"{%b%d}" % (self._namespace, partition)
        with self._nodes.conversation(self._nodes.node_of(tag)) as talk:
            cursor = b"0"
            while True:
                scan = [b"SCAN", cursor, b"MATCH", tag + b":[cd]*:*", b"COUNT", b"%d" % KEYS_A_STEP]
                ((cursor, keys),) = talk.say([packed(scan)])
                if keys:
                    talk.say([packed([b"UNLINK", *keys])])
                if cursor == b"0":
                    return

    def close(self) -> None:
        """Close all connections."""
        self._nodes.close()
