"""No child process outlives the program that started it, however that program ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

WAIT_S = 60.0
CHECK_INTERVAL_S = 0.05

PROGRAM_HEAD = """
import json, sys, threading
from pathlib import Path
data_dir = Path(sys.argv[1])
def serve(pid):
    print(json.dumps(pid), flush=True)
    threading.Event().wait()
"""
PROGRAMS = {
    "redis": """
from upswell.embedded.redis import real_redis
with real_redis(data_dir / "redis") as server:
    serve(server.pid)
""",
    "kafka": """
from upswell.embedded.kafka import real_kafka
with real_kafka(data_dir / "kafka") as broker:
    serve(broker.pid)
""",
    "mock_kafka": """
from upswell.embedded.mock_kafka import mock_kafka
with mock_kafka({"events": 1}) as cluster:
    serve(cluster.pid)
""",
}
SERVICES = [
    pytest.param("redis", marks=pytest.mark.redis),
    pytest.param("kafka", marks=pytest.mark.kafka),
    "mock_kafka",
]


@contextlib.contextmanager
def program_with(service: str, data_dir: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A program that runs one service: the program, and the process id of its service."""
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM_HEAD + PROGRAMS[service], str(data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert program.stdout is not None
    try:
        line = program.stdout.readline()
        assert line, program.communicate()[1].decode()
        yield program, json.loads(line)
    finally:
        program.kill()
        program.communicate()


def is_gone_within(pid: int, seconds: float) -> bool:
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        if not is_alive(pid):
            return True
        time.sleep(CHECK_INTERVAL_S)
    return False


def is_alive(pid: int) -> bool:
    """A zombie counts as gone: an orphan's reaper may be slow, and in a container there may be none."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return state_and_parent(pid)[0] != "Z"
    except ProcessLookupError:
        return False  # gone while it was being read
    except FileNotFoundError:
        return not Path("/proc/self").exists()


def state_and_parent(pid: int) -> tuple[str, int]:
    """State letter and parent of a process, from Linux' /proc/PID/stat, where they follow the bracketed name."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return fields[0], int(fields[1])


def require(service: str, request: pytest.FixtureRequest) -> None:
    """Skip, or fail in CI, by the shared fixture where this machine has no such service."""
    shared = {"redis": "redis_server", "kafka": "kafka_broker"}.get(service)
    if shared is not None:
        request.getfixturevalue(shared)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_service_is_left_behind_when_its_program_gets(
    ending: signal.Signals, service: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    require(service, request)
    with program_with(service, tmp_path) as (program, service_pid):
        assert is_alive(service_pid)
        program.send_signal(ending)
        program.wait(WAIT_S)
        assert is_gone_within(service_pid, WAIT_S)


@pytest.mark.usefixtures("redis_server")
@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal exists on Linux only")
def test_no_service_is_left_behind_when_its_leash_is_killed(tmp_path: Path) -> None:
    with program_with("redis", tmp_path) as (_, service_pid):
        _, leash_pid = state_and_parent(service_pid)
        os.kill(leash_pid, signal.SIGKILL)
        assert is_gone_within(service_pid, WAIT_S)
