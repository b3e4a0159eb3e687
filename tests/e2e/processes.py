"""The commands as a bank runs them: processes with an environment, watched through their own pages.

Each process hangs on a leash (`upswell/embedded/leash.py`), so that nothing outlives a test run that is
killed. Everything that a process prints goes to one file of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Protocol, cast

from prometheus_client.parser import text_string_to_metric_families

from consumer.vocabulary.topics import Topics
from upswell.embedded import leash
from upswell.embedded.free_ports import free_port
from upswell.embedded.kafka import KafkaBroker
from upswell.embedded.redis import RedisServer

UPSWELL: Final = str(Path(sys.executable).with_name("upswell"))
READY_WITHIN_S: Final = 60.0
STOPPED_WITHIN_S: Final = 30.0
COMMAND_WITHIN_S: Final = 280.0
"""Less than what pytest allows a test, so that a command that hangs is told with what it printed."""

ASK_EVERY_S: Final = 0.02

Totals = Counter[tuple[str, str]]
"""(metric without `upswell_`, label value or "") → total."""


STRUCK: Final = 256 - signal.SIGKILL
"""What the leash of a killed process ends with."""


class Leash(Protocol):
    """What tells of a process' end, and ends it when it is let go of; `subprocess.Popen` is one."""

    @property
    def stdin(self) -> IO[bytes] | None: ...

    @property
    def stdout(self) -> IO[bytes] | None: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float, /) -> int: ...


Launch = Callable[[Sequence[str], Mapping[str, str], Path], tuple[Leash, int]]
"""Command, environment, log file → leash and process id."""


def launch_on_leash(
    command: Sequence[str], environment: Mapping[str, str], log_file: Path
) -> tuple[Leash, int]:
    """Start a command as a bank does."""
    held = subprocess.Popen(
        [sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), str(log_file), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env=dict(environment),
    )
    assert held.stdout is not None
    return cast(Leash, held), int(held.stdout.readline())


@dataclass
class RoleProcess:
    """One `upswell score` or `upswell learn`, from its start to its end."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    log_file: Path
    port: int
    launch: Launch = launch_on_leash
    _leash: Leash = field(init=False)
    _pid: int = field(init=False)

    def __post_init__(self) -> None:
        environment = {**clean_environment(), **self.environment}
        self._leash, self._pid = self.launch(self.command, environment, self.log_file)

    @property
    def is_running(self) -> bool:
        return self._leash.poll() is None

    @property
    def is_standing(self) -> bool:
        """Whether SIGSTOP holds the process."""
        try:
            facts = Path(f"/proc/{self._pid}/stat").read_text(encoding="ascii", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            # Gone before the file was opened, or before it was read.
            return False
        # The name in parentheses may hold anything.
        return facts.rpartition(")")[2].split()[0] == "T"

    @property
    def is_ready(self) -> bool:
        """Whether the process says that it owns partitions."""
        return self._page("ready") is not None

    def wait_until_ready(self) -> None:
        """Wait until the process says that it owns partitions."""
        self.wait_until(lambda: self.is_ready, "ready", within_s=READY_WITHIN_S)

    def wait_until(self, is_so: Callable[[], bool], what: str, *, within_s: float) -> None:
        """Ask until the answer is yes; fail with the log when the process ends first, or it takes too long."""
        deadline_s = time.monotonic() + within_s
        while not is_so():
            assert self.is_running, (
                f"{self.command} ended with {self._leash.poll()} before {what}:\n{self.log()}"
            )
            assert time.monotonic() < deadline_s, (
                f"{self.command}: not {what} in {within_s:.0f} s:\n{self.log()}"
            )
            time.sleep(ASK_EVERY_S)

    def totals(self) -> Totals:
        """Return the counters of the metrics page."""
        page = self._page("metrics")
        assert page is not None, f"{self.command} shows no metrics:\n{self.log()}"
        found: Totals = Counter()
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                if sample.name.endswith("_total"):
                    found[sample.name.removeprefix("upswell_"), "".join(sample.labels.values())] += int(
                        sample.value
                    )
        return found

    def stop(self) -> None:
        """SIGTERM, as an orchestrator does: the process must end with 0 in time."""
        os.kill(self._pid, signal.SIGTERM)
        assert self.exit_code(STOPPED_WITHIN_S) == 0, self.log()

    def kill(self) -> None:
        """SIGKILL, as a crash does."""
        if self.is_running:
            os.kill(self._pid, signal.SIGKILL)
        self._leash.wait(STOPPED_WITHIN_S)

    def pause(self) -> None:
        """SIGSTOP: the process stands still and does not know it."""
        os.kill(self._pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        os.kill(self._pid, signal.SIGCONT)

    def say_where_it_stands(self) -> None:
        """Have a process of the nursery write the stacks of its threads into its log."""
        if self.is_running:
            os.kill(self._pid, signal.SIGUSR1)

    def exit_code(self, within_s: float) -> int:
        """Wait for the end of the process and return its exit code."""
        try:
            return self._leash.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command} still runs after {within_s:.0f} s:\n{self.log()}") from None

    def release(self) -> None:
        """End whatever is left."""
        if self.is_running:
            os.kill(self._pid, signal.SIGKILL)
        for pipe in (self._leash.stdin, self._leash.stdout):
            if pipe is not None:
                pipe.close()
        self._leash.wait(STOPPED_WITHIN_S)

    def log(self) -> str:
        """Return the end of what the process printed."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")[-8_000:]

    def _page(self, name: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{name}", timeout=5.0) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return None


@dataclass
class Deployment:
    """One bank's Upswell: topics under a prefix, state under the same namespace, its processes."""

    servers: str
    redis_url: str
    prefix: str
    folder: Path
    _stack: ExitStack
    launch: Launch = launch_on_leash
    _started: int = 0

    @property
    def topics(self) -> Topics:
        return Topics(self.prefix)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "UPSWELL_KAFKA_BOOTSTRAP_SERVERS": self.servers,
            "UPSWELL_REDIS_URL": self.redis_url,
            "UPSWELL_TOPIC_PREFIX": self.prefix,
            "UPSWELL_GROUP_ID": self.group_id,
        }

    @property
    def group_id(self) -> str:
        return f"{self.prefix}scorers"

    def start(self, *command: str, **variables: str) -> RoleProcess:
        """Start a role; `group_id="x"` sets UPSWELL_GROUP_ID."""
        self._started += 1
        port = free_port()
        log_file = self.folder / f"{self._started}-{command[0]}.log"
        log_file.touch()
        process = RoleProcess(
            (UPSWELL, *command),
            {**self.environment, "UPSWELL_METRICS_PORT": str(port), **named(variables)},
            log_file,
            port,
            self.launch,
        )
        self._stack.callback(process.release)
        return process

    def release(self) -> None:
        """End every process that still runs."""
        self._stack.pop_all().close()

    def start_ready(self, *command: str, **variables: str) -> RoleProcess:
        """Start a role and wait until it owns partitions."""
        process = self.start(*command, **variables)
        process.wait_until_ready()
        return process

    def tried(self, *arguments: str, within_s: float, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever that is."""
        environment = {**clean_environment(), **self.environment, **named(variables)}
        return subprocess.run(
            [UPSWELL, *arguments],
            env=environment,
            capture_output=True,
            check=False,
            text=True,
            timeout=within_s,
        )

    def run(self, *arguments: str, within_s: float = COMMAND_WITHIN_S, **variables: str) -> str:
        """Run a command that must succeed and return what it prints."""
        run = self.tried(*arguments, within_s=within_s, **variables)
        assert run.returncode == 0, run.stderr
        return run.stdout


@contextmanager
def deployed(broker: KafkaBroker, redis: RedisServer, *, prefix: str, folder: Path) -> Iterator[Deployment]:
    """Give a deployment whose processes all end with the block."""
    with ExitStack() as stack:
        yield Deployment(broker.bootstrap_servers, redis.url, prefix, folder, stack)


def added_up(processes: Iterable[RoleProcess]) -> Totals:
    """Return the counters of several processes together."""
    whole: Totals = Counter()
    for process in processes:
        whole.update(process.totals())
    return whole


def clean_environment() -> dict[str, str]:
    """Return our own environment without settings of Upswell."""
    return {name: value for name, value in os.environ.items() if not name.startswith("UPSWELL_")}


def named(variables: Mapping[str, str]) -> dict[str, str]:
    """Return settings as environment variables."""
    return {f"UPSWELL_{name.upper()}": value for name, value in variables.items()}
