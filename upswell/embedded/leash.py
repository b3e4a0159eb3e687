"""Holds one service process so that it cannot outlive the program that asked for it.

Runs as its own small process between the two: `python leash.py PARENT_PID LOG_FILE COMMAND…`.
It starts the command, prints the process id of it, and kills it as soon as its own standard
input ends, which happens when the parent lets go of the pipe: on exit, on a crash, on SIGKILL.

Rules of this file: standard library only and no import of the project, since it runs isolated;
one thread, since Linux ties a parent-death signal to the thread that started the child.

Why a process between: nothing in the parent runs after SIGKILL; the kernel's parent-death signal
exists only on Linux and fires when the *thread* that started the child ends, so a service that
was started from a worker thread would die with it. The leash has one thread, so that it can use
the signal for the opposite case, its own death.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

# The pipes wake the leash at once; this bounds the delay where a forked copy of the parent still holds them.
PARENT_CHECK_INTERVAL_S = 1.0
PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Run the command until it ends or the parent is gone; return its exit code."""
    parent_pid, log_file, *command = arguments
    signal.signal(signal.SIGTERM, _exit_on_signal)
    alive_read, alive_write = os.pipe()
    with Path(log_file).open("ab") as log:
        # preexec_fn is unsafe beside threads; this process has one.
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[alive_write],
            preexec_fn=_die_with_leash,  # noqa: PLW1509
        )
    os.close(alive_write)
    try:
        print(child.pid, flush=True)
        _wait_for_either_end(child, alive_read, parent_pid=int(parent_pid))
    finally:
        # Nobody is left who could want an orderly stop: the parent stops services itself before it leaves.
        child.kill()
        child.wait()
    return child.returncode


def _wait_for_either_end(child: subprocess.Popen[bytes], alive_read: int, *, parent_pid: int) -> None:
    """Return when the child has ended (its end of the pipe closes) or the parent is gone."""
    while child.poll() is None and os.getppid() == parent_pid:
        readable, _, _ = select.select([sys.stdin.fileno(), alive_read], [], [], PARENT_CHECK_INTERVAL_S)
        if sys.stdin.fileno() in readable:
            return
        if alive_read in readable:
            child.wait()


def _die_with_leash() -> None:
    """Ask Linux to kill this child when the leash dies; elsewhere the pipe has to do."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _exit_on_signal(_number: int, _frame: FrameType | None) -> None:
    sys.exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
