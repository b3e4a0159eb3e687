"""Starts the commands quickly, for tests that start many: everything is imported once, then each start is a fork.

Most of a start is importing (River brings scikit-learn and SciPy), more than a second of processor time. The
nursery is a process that has done that and nothing else: no client was made, no thread runs. Its children are
processes like any other, with their own environment, signals and end.

Run as `python -m tests.e2e.nursery`. A line of JSON on standard input asks for a child, a line with its process
id answers; when a child has ended, its exit code (256 less the signal, as from a leash) is left in a file beside
its log. When standard input ends, all children are killed.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOOK_EVERY_S: Final = 0.005


@dataclass
class NurseryChild:
    """The end of a child, as `subprocess.Popen` tells it."""

    command: Sequence[str]
    ended: Path
    stdin: None = None
    stdout: None = None

    def poll(self) -> int | None:
        """Return the exit code, None while the child is there."""
        return int(self.ended.read_text(encoding="ascii")) if self.ended.exists() else None

    def wait(self, timeout_s: float) -> int:
        """Return the exit code as soon as there is one."""
        deadline_s = time.monotonic() + timeout_s
        while (code := self.poll()) is None:
            if time.monotonic() > deadline_s:
                raise subprocess.TimeoutExpired(list(self.command), timeout_s)
            time.sleep(LOOK_EVERY_S)
        return code


@dataclass
class Nursery:
    """A running nursery."""

    process: subprocess.Popen[bytes]

    def launch(
        self, command: Sequence[str], environment: Mapping[str, str], log_file: Path
    ) -> tuple[NurseryChild, int]:
        """Start a command of `upswell` and return what tells of its end, and its process id."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        # A run that is done again in its folder must not see the ends of the first time.
        _ended_file(log_file).unlink(missing_ok=True)
        asked = {"arguments": list(command[1:]), "environment": dict(environment), "log_file": str(log_file)}
        self.process.stdin.write(json.dumps(asked).encode() + b"\n")
        self.process.stdin.flush()
        pid = int(self.process.stdout.readline())
        return NurseryChild(command, _ended_file(log_file)), pid


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Run a nursery for the length of a with block; nothing of it is left after that."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.nursery"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        # One thread each: forked beside others, a library's thread pool would be gone in the child.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    try:
        yield Nursery(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(30.0)
        process.stdout.close()


def _ended_file(log_file: Path) -> Path:
    return log_file.with_suffix(".ended")


def main() -> None:
    """Serve until standard input ends."""
    import consumer.app  # noqa: F401 # what all children need
    import upswell.cli  # noqa: F401

    gc.freeze()
    ended_files: dict[int, Path] = {}
    asked = b""
    while True:
        _note_ends(ended_files)
        if not select.select([0], [], [], LOOK_EVERY_S)[0]:
            continue
        part = os.read(0, 65_536)
        if not part:
            break
        asked += part
        while b"\n" in asked:
            line, _, asked = asked.partition(b"\n")
            wanted = json.loads(line)
            pid = _fork(wanted)
            ended_files[pid] = _ended_file(Path(wanted["log_file"]))
            os.write(1, b"%d\n" % pid)
    for pid in ended_files:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _note_ends(ended_files: dict[int, Path]) -> None:
    for pid in list(ended_files):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            ended = ended_files.pop(pid)
            unfinished = ended.with_suffix(".end")
            unfinished.write_text(str(os.waitstatus_to_exitcode(status) & 0xFF), encoding="ascii")
            unfinished.rename(ended)


def _fork(wanted: dict[str, object]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        code = _run(wanted)
    except BaseException:  # noqa: BLE001 # the child must never return into the nursery's loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(wanted: dict[str, object]) -> int:
    os.setsid()
    log = os.open(str(wanted["log_file"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    environment = wanted["environment"]
    arguments = wanted["arguments"]
    assert isinstance(environment, dict)
    assert isinstance(arguments, list)
    os.environ.clear()
    os.environ.update(environment)
    # Asked with SIGUSR1 where it stands, a child that hangs says so in its log.
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    from upswell.cli import run

    return run(arguments)


if __name__ == "__main__":
    main()
