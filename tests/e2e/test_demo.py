"""The demo, small: it makes offers, learns, says so, and leaves no process behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from upswell.demo import DemoSize, run_demo
from upswell.embedded.redis import redis_command

pytestmark = pytest.mark.redis

SMALL = DemoSize(customers=600, history_days=75, live_days=3, step_hours=6)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    redis_command()
    monkeypatch.chdir(tmp_path)


def test_the_demo_makes_offers_learns_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    result = run_demo(real_broker=False, size=SMALL)
    assert result.summary.offers > 0
    assert len(result.latencies_ms) == result.summary.offers
    assert min(result.latencies_ms) > 0
    assert result.models
    day = result.first_day
    assert day.seeded.offers > day.unseeded.offers
    assert day.losses is not None
    assert day.losses.offers == day.seeded.offers
    assert day.losses.truth < min(day.losses.seeded, day.losses.unseeded)
    page = capsys.readouterr().out
    for word in (
        "Events",
        "Decisions",
        "Conversion",
        "Lift",
        "Against the oracle",
        "What seeds are worth",
        "p99",
        "truth.json",
    ):
        assert word in page
    assert {path.name for path in Path("build/demo").iterdir()} >= {
        "truth.json",
        "seeds.json",
        "seeds.html",
        "scorer.log",
    }


def test_a_demo_that_is_interrupted_leaves_no_process_behind(repository: Path) -> None:
    program = (
        "import signal, sys\n"
        "from upswell.cli import run\n"
        "import upswell.demo as demo\n"
        "story = demo._story\n"
        "def interrupted(*args, **kwargs):\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "demo._story = interrupted\n"
        "sys.exit(run(['demo']))\n"
    )
    before = _service_processes()
    finished = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 130, finished.stderr
    assert _service_processes() <= before


def _service_processes() -> set[str]:
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return {line for line in listed.splitlines() if "upswell-demo-" in line}
