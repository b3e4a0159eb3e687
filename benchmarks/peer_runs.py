"""The same events through other tools, each in an environment of its own, made here at first use.

What a peer does with an event is `peers/job.py`; how it reads, keeps state and writes is its runner's.
The environments live in the cache folder, which no linter, test or version control looks into.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from benchmarks.progress import MeasurementFailed, Rate
from benchmarks.services import Services
from benchmarks.throughput import Log

PEERS: Final = ("naive", "quix", "bytewax")
ROOT: Final = Path(__file__).resolve().parents[1]
ENVIRONMENTS: Final = ROOT / ".cache" / "peers"
INSTALL_TIMEOUT_S: Final = 600.0
RUN_TIMEOUT_S: Final = 240.0


def make_environments() -> None:
    """Install each peer's pinned requirements, where they are not installed yet.

    Raises
    ------
    MeasurementFailed : pip could not; the text holds what it said
    """
    with ThreadPoolExecutor(len(PEERS)) as together:
        list(together.map(_make_environment, PEERS))


def _make_environment(name: str) -> None:
    requirements = _requirements(name)
    stamp = ENVIRONMENTS / name / ".installed"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == _digest(requirements):
        return
    _run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENTS / name)], INSTALL_TIMEOUT_S)
    # Compiling thousands of modules that no run imports would take longer than all the rest.
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    _run([_python(name), *install, "--requirement", str(requirements)], INSTALL_TIMEOUT_S)
    stamp.write_text(_digest(requirements), encoding="utf-8")


def run_peer(services: Services, log: Log, name: str, *, events: int) -> Rate:
    """Let a peer do the first events of a log and return its rate, start-up not counted.

    Raises
    ------
    MeasurementFailed : it failed; the text holds its last words
    """
    services.forget_all()
    topics = (log.topics.name(role) for role in ("transactions", "interactions"))
    with tempfile.TemporaryDirectory(dir=services.folder) as state_dir:
        told = {
            "servers": services.servers,
            "redis": services.redis.url,
            "topics": ",".join(topics),
            "offers": log.topics.name("offers"),
            "group": f"peer-{name}",
            "events": str(min(events, log.n_events - 1)),
            "state-dir": state_dir,
        }
        words = [word for key, value in told.items() for word in (f"--{key}", value)]
        said = _run([_python(name), "-m", f"benchmarks.peers.{name}.runner", *words], RUN_TIMEOUT_S)
    found = json.loads(said.splitlines()[-1])
    return Rate(found["events"], found["seconds"])


def version_of(name: str) -> str:
    """Return the pinned line of a peer's own library."""
    library = {"quix": "quixstreams", "bytewax": "bytewax"}.get(name, "river")
    lines = _requirements(name).read_text(encoding="utf-8").splitlines()
    return next(line.replace("==", " ") for line in lines if line.startswith(f"{library}=="))


def _run(command: list[str], timeout_s: float) -> str:
    try:
        run = subprocess.run(
            command, capture_output=True, check=False, text=True, timeout=timeout_s, cwd=ROOT
        )
    except subprocess.TimeoutExpired as error:
        raise MeasurementFailed(f"{command[2]} took more than {timeout_s:.0f} s") from error
    if run.returncode != 0:
        raise MeasurementFailed(f"{command[2]} ended with {run.returncode}: {run.stderr.strip()[-300:]}")
    return run.stdout


def _python(name: str) -> str:
    return str(ENVIRONMENTS / name / "bin" / "python")


def _requirements(name: str) -> Path:
    return ROOT / "benchmarks" / "peers" / name / "requirements.txt"


def _digest(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes()).hexdigest()
