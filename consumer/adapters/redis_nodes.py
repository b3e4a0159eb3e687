"""Connections to one Redis or to the nodes of a Redis Cluster, and their errors in our words.

A partition's keys share one hash tag, hence one slot and one node: every exchange goes to the node of
its tag and never fans out.

Rules of this file: commands go out packed and their replies come back in order; a connection on which
anything went wrong is closed, so no reply is ever taken for another's.

Errors: what passes by itself (away, loading, failing over, slots moving, memory full) is `Retryable`;
what a person has to mend (password, rights, address) is `ConfigurationError`; the rest is a `Defect`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from redis import Redis, RedisCluster
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.connection import AbstractConnection
from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    ClusterDownError,
    ClusterError,
    MasterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    SlotNotCoveredError,
    TryAgainError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)
from redis.retry import Retry

from consumer.adapters.resp import packed
from consumer.vocabulary.errors import ConfigurationError, Defect, Retryable, UpswellError

Reply = Any
"""What Redis answers: bytes, int, None or a list of these."""

CONNECT_TIMEOUT_S: Final = 3.0
ANSWER_TIMEOUT_S: Final = 5.0
READ_BYTES: Final = 65_536
_CLUSTER_SCHEMES: Final = frozenset({"redis+cluster", "rediss+cluster"})

_CONNECTION: Final[dict[str, Any]] = {
    "socket_connect_timeout": CONNECT_TIMEOUT_S,
    "socket_timeout": ANSWER_TIMEOUT_S,
    "socket_read_size": READ_BYTES,
    # Replies are read raw: RESP3 would give some of them other shapes.
    "protocol": 2,
    # The loops back off themselves and know what they may repeat.
    "retry": Retry(NoBackoff(), 0),
}
_WRONG_SETTING: Final = (AuthenticationError, AuthorizationError, NoPermissionError)
_ERRORS: Final = (RedisError, RedisClusterException)
_PASSES_BY_ITSELF: Final = (
    RedisConnectionError,
    RedisTimeoutError,
    ReadOnlyError,
    MasterDownError,
    OutOfMemoryError,
    MovedError,
    AskError,
    TryAgainError,
    ClusterError,
    ClusterDownError,
    SlotNotCoveredError,
    RedisClusterException,
)


class Conversation:
    """One connection, for commands that belong together; see `conversation`."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._open = 0

    def say(self, commands: Sequence[bytes]) -> list[Reply]:
        """Send packed commands in one go; return their replies in order."""
        self.send(commands)
        return self.replies()

    def send(self, commands: Sequence[bytes]) -> None:
        """Send packed commands in one go, without waiting for what Redis says."""
        self._connection.send_packed_command([b"".join(commands)])
        self._open += len(commands)

    def replies(self) -> list[Reply]:
        """Return the replies to everything that was sent, in order."""
        count, self._open = self._open, 0
        return [self._connection.read_response() for _ in range(count)]


class RedisNodes:
    """The Redis behind a URL.

    Parameters
    ----------
    url : `redis://`, `rediss://` (TLS), `unix://`, or `redis+cluster://` and `rediss+cluster://` with one
        or more `host:port`, separated by commas

    Raises
    ------
    ConfigurationError : the URL is none of these
    """

    def __init__(self, url: str) -> None:
        self.shown_url = without_password(url)
        self._url = url
        self._single: Redis | None = None
        self._cluster: RedisCluster | None = None
        self._is_topology_stale = False
        try:
            if urlsplit(url).scheme not in _CLUSTER_SCHEMES:
                self._single = Redis.from_url(url, **_CONNECTION)
            else:
                self._cluster_options = _cluster_options(url)
        except ValueError as error:
            # Not the library's words: they may quote a part of the password.
            raise ConfigurationError(
                f"{self.shown_url} is no Redis URL; special characters of a password are written as %2F and the like"
            ) from error

    def check(self) -> None:
        """Make sure that Redis answers and does not throw state away.

        Raises
        ------
        ConfigurationError : nobody answers there, or customers could be evicted silently
        """
        try:
            for node in self.masters():
                with self.conversation(node) as talk:
                    (reply,) = talk.say([packed([b"INFO", b"memory"])])
                self._check_eviction(reply)
        except Retryable as error:
            raise ConfigurationError(str(error)) from error

    def node_of(self, key: bytes) -> Redis:
        """Return the node that holds a key.

        Raises
        ------
        Retryable : the cluster cannot be asked, or nobody holds the key at the moment
        """
        if self._single is not None:
            return self._single
        try:
            cluster = self._current_cluster()
            return cluster.get_redis_connection(cluster.get_node_from_key(key))
        except _ERRORS as error:
            raise self._translated(error) from error

    def masters(self) -> list[Redis]:
        """Return every node that holds keys."""
        if self._single is not None:
            return [self._single]
        try:
            cluster = self._current_cluster()
            return [cluster.get_redis_connection(node) for node in cluster.get_primaries()]
        except _ERRORS as error:
            raise self._translated(error) from error

    @contextmanager
    def conversation(self, node: Redis) -> Iterator[Conversation]:
        """Keep one connection of a node for several exchanges, as WATCH … EXEC needs it.

        Raises
        ------
        Retryable : Redis did not do what was said, or did and the answer got lost
        """
        pool = node.connection_pool
        try:
            connection = pool.get_connection()
        except _ERRORS as error:
            raise self._translated(error) from error
        is_clean = False
        try:
            yield Conversation(connection)
            is_clean = True
        except _ERRORS as error:
            raise self._translated(error) from error
        finally:
            if not is_clean:
                connection.disconnect()
            pool.release(connection)

    def at_once(self, commands: Mapping[bytes, Sequence[bytes]]) -> dict[bytes, list[Reply]]:
        """Send commands to the nodes of their keys, then read: the nodes work side by side.

        Parameters
        ----------
        commands : key → packed commands for the node that holds it

        Returns
        -------
        key → replies
        """
        keys_of: dict[Redis, list[bytes]] = {}
        for key in commands:
            keys_of.setdefault(self.node_of(key), []).append(key)
        replies: dict[bytes, list[Reply]] = {}
        with ExitStack() as stack:
            talks = [(stack.enter_context(self.conversation(node)), keys) for node, keys in keys_of.items()]
            for talk, keys in talks:
                talk.send([command for key in keys for command in commands[key]])
            for talk, keys in talks:
                answers = iter(talk.replies())
                replies |= {key: list(islice(answers, len(commands[key]))) for key in keys}
        return replies

    def close(self) -> None:
        """Close all connections."""
        if self._single is not None:
            self._single.close()
        if self._cluster is not None:
            self._cluster.close()

    def _current_cluster(self) -> RedisCluster:
        if self._cluster is None:
            self._cluster = RedisCluster(**self._cluster_options)
        elif self._is_topology_stale:
            self._cluster.nodes_manager.initialize()
        self._is_topology_stale = False
        return self._cluster

    def _check_eviction(self, memory_info: bytes) -> None:
        facts = dict(line.split(":", 1) for line in memory_info.decode().splitlines() if ":" in line)
        policy = facts.get("maxmemory_policy", "noeviction")
        if facts.get("maxmemory", "0") != "0" and policy.startswith("allkeys"):
            raise ConfigurationError(
                f"Redis at {self.shown_url} throws customers away when its memory is full "
                f"(maxmemory-policy {policy}): set it to noeviction"
            )

    def _translated(self, error: Exception) -> UpswellError:
        self._is_topology_stale = True
        text = str(error).rstrip(".")
        if isinstance(error, _WRONG_SETTING) or text.startswith(("NOAUTH", "WRONGPASS", "NOPERM")):
            return ConfigurationError(f"Redis at {self.shown_url} refuses us: {text}")
        if isinstance(error, _PASSES_BY_ITSELF):
            return Retryable(f"Redis at {self.shown_url} cannot do it now: {text}")
        return Defect(f"Redis at {self.shown_url} answered what nobody expects: {text}")


def without_password(url: str) -> str:
    """Return a URL as it may be shown.

    Examples
    --------
    >>> without_password("redis://user:secret@cache:6379/0")
    'redis://cache:6379/0'
    >>> without_password("redis://:pass/word@cache:6379/0")
    'redis://cache:6379/0'
    """
    # A password may hold a slash, where a URL's host would end: whatever stands before the last @ is cut off.
    scheme, _, rest = url.partition("://")
    parts = urlsplit(f"{scheme}://{rest.rpartition('@')[2]}")
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def _cluster_options(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    return {
        "startup_nodes": [_startup_node(host) for host in hosts.split(",")],
        "ssl": parts.scheme.startswith("rediss"),
        "username": unquote(user) or None,
        "password": unquote(password) or None,
        **dict(parse_qsl(parts.query)),
        **_CONNECTION,
    }


def _startup_node(host_and_port: str) -> ClusterNode:
    host, _, port = host_and_port.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"{host_and_port} is not host:port")
    return ClusterNode(host, int(port))
