"""One service as a child process: start, wait until it answers, stop, kill, start again.

Rules of this file: a service is on a leash (see `leash`), in a session of its own so that Ctrl-C
in the terminal reaches only the program, which then stops its services in the order it wants.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from consumer.vocabulary.errors import ConfigurationError
from upswell.embedded.free_ports import is_listening

READY_CHECK_INTERVAL_S = 0.02
LOG_TAIL_LINES = 15
KILL_TIMEOUT_S = 10.0
_LEASH = Path(__file__).with_name("leash.py")


@dataclass(slots=True)
class Service:
    """A restartable child process; mutable, because a process starts and ends.

    Parameters
    ----------
    name : what a person calls it, for messages
    port : where it listens; checked before each start, since another program there would answer for it
    command : program and arguments; the same for every start
    log_file : standard output and error of every start, appended
    is_ready : True once the service answers; called until then
    start_timeout_s : seconds to wait for the first answer
    stop_timeout_s : seconds to wait after SIGTERM before SIGKILL
    environment : added to the environment of this process
    """

    name: str
    port: int
    command: tuple[str, ...]
    log_file: Path
    is_ready: Callable[[], bool]
    start_timeout_s: float = 60.0
    stop_timeout_s: float = 10.0
    environment: Mapping[str, str] = field(default_factory=dict)
    _leash: subprocess.Popen[bytes] | None = None
    _pid: int | None = None

    @property
    def is_running(self) -> bool:
        """True while the process is there."""
        return self._leash is not None and self._leash.poll() is None

    @property
    def pid(self) -> int:
        """Process id of the service itself, not of its leash; it changes with every start."""
        if self._pid is None or not self.is_running:
            raise ConfigurationError(f"{self.name} is not running")
        return self._pid

    def start(self) -> None:
        """Start the process and return once it answers; nothing happens where it runs already.

        Raises
        ------
        ConfigurationError
            when its port is taken, or it ends or stays silent; the text holds the end of its log
        """
        if self.is_running:
            return
        if is_listening(self.port):
            raise ConfigurationError(f"{self.name} cannot start: another program listens on port {self.port}")
        self._leash = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), str(self.log_file), *self.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **self.environment},
        )
        assert self._leash.stdout is not None
        line = self._leash.stdout.readline()
        if not line:
            self._close()
            raise ConfigurationError(f"{self.name} could not be started: {self.command[0]} does not run")
        self._pid = int(line)
        self._wait_until_ready()

    def stop(self) -> None:
        """End the process in an orderly way (SIGTERM), by force after `stop_timeout_s`."""
        self._signal_and_wait(signal.SIGTERM, self.stop_timeout_s)
        self.kill()

    def kill(self) -> None:
        """End the process at once (SIGKILL), as a crash does; data stay where they are."""
        self._signal_and_wait(signal.SIGKILL, KILL_TIMEOUT_S)
        self._close()

    def _wait_until_ready(self) -> None:
        deadline_s = time.monotonic() + self.start_timeout_s
        while not self.is_ready():
            if not self.is_running:
                self._close()
                raise ConfigurationError(f"{self.name} ended while it started; {self._log_tail()}")
            if time.monotonic() > deadline_s:
                self.kill()
                raise ConfigurationError(
                    f"{self.name} did not answer within {self.start_timeout_s:.0f} s; {self._log_tail()}"
                )
            time.sleep(READY_CHECK_INTERVAL_S)

    def _signal_and_wait(self, number: signal.Signals, timeout_s: float) -> None:
        if self._leash is None or not self.is_running or self._pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._leash.wait(timeout_s)

    def _close(self) -> None:
        """Let go of the pipes; the leash then kills whatever is left."""
        if self._leash is None:
            return
        for pipe in (self._leash.stdin, self._leash.stdout):
            if pipe is not None:
                pipe.close()
        self._leash.wait(KILL_TIMEOUT_S)
        self._leash = self._pid = None

    def _log_tail(self) -> str:
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return f"the end of {self.log_file}:\n" + "\n".join(lines) if lines else f"{self.log_file} is empty"


@dataclass(frozen=True, slots=True)
class RunningService:
    """A running service in somebody's hand; use it as a context manager, or call `stop`."""

    service: Service

    @property
    def pid(self) -> int:
        """Process id; it changes with every start."""
        return self.service.pid

    @property
    def log_file(self) -> Path:
        """What the service printed, over all its starts."""
        return self.service.log_file

    def start(self) -> None:
        """Start again on the same port and data, after `stop` or `kill`; return once it answers."""
        self.service.start()

    def stop(self) -> None:
        """Shut down in an orderly way."""
        self.service.stop()

    def kill(self) -> None:
        """SIGKILL, as a crash of the process."""
        self.service.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
