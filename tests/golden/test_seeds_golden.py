"""Seeds of a small simulated history, to six digits; and the same history and seed give the same bytes.

A change of features, simulator or seeding shows here. When it is meant: read the difference, then write the file
anew with `python -m tests.golden.test_seeds_golden`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from consumer.policy.document import load_policy
from offline.seeding.seed import seeds_from_history
from producer_sim import history
from producer_sim.settings import BankSettings

REPOSITORY = Path(__file__).parents[2]
POLICY = REPOSITORY / "deploy" / "policy" / "retail_bank.yaml"
GOLDEN = Path(__file__).parent / "seeds.json"
DIGITS = 6
"""Sums in another order differ in the last bits, and an optimiser that stops at 1e-6 hands some of it on."""

ROUGH = 1e-4


@pytest.fixture(scope="module")
def history_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("history"))


def written(folder: Path) -> Path:
    history.write(BankSettings(customers=120, history_days=30, campaign_share=0.4, seed=11), folder)
    return folder


def seeds(folder: Path) -> dict[str, Any]:
    bundle = seeds_from_history(folder, load_policy(POLICY).catalogue, seed=3, n_segments=4).bundle
    document: dict[str, Any] = json.loads(bundle.model_dump_json())
    document.pop("seed_version")  # a hash of every last bit
    return document


def rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return {name: rounded(each) for name, each in value.items()} if isinstance(value, dict) else value


def differences(ours: Any, golden: Any, place: str = "") -> list[str]:
    if isinstance(ours, dict) and isinstance(golden, dict) and ours.keys() == golden.keys():
        return [found for key in ours for found in differences(ours[key], golden[key], f"{place}.{key}")]
    if isinstance(ours, list) and isinstance(golden, list) and len(ours) == len(golden):
        pairs = enumerate(zip(ours, golden, strict=True))
        return [found for k, (a, b) in pairs for found in differences(a, b, f"{place}[{k}]")]
    if isinstance(ours, float) and isinstance(golden, (int, float)):
        return [] if np.isclose(ours, golden, rtol=ROUGH, atol=ROUGH) else [f"{place}: {golden} → {ours}"]
    return [] if ours == golden else [f"{place}: {golden!r} → {ours!r}"]


def test_the_seeds_of_a_small_history_are_as_written(history_dir: Path) -> None:
    assert differences(seeds(history_dir), json.loads(GOLDEN.read_text(encoding="utf-8"))) == []


@pytest.mark.slow
def test_the_same_history_and_seed_give_the_same_bytes_whatever_the_process(
    history_dir: Path, tmp_path: Path
) -> None:
    written_bytes = []
    for number, threads in enumerate(("1", "2")):
        out = tmp_path / str(number) / "seeds.json"
        command = [Path(sys.executable).with_name("upswell"), "lab", "seed", "--segments", "4"]
        subprocess.run(
            [*map(str, command), "--history", str(history_dir), "--out", str(out)],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("UPSWELL_")},
                "OMP_NUM_THREADS": threads,
                "PYTHONHASHSEED": threads,
            },
            check=True,
            capture_output=True,
        )
        written_bytes.append((out.read_bytes(), (out.parent / "report.html").read_bytes()))
    assert written_bytes[0] == written_bytes[1]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        GOLDEN.write_text(json.dumps(rounded(seeds(written(Path(name)))), indent=1) + "\n", encoding="utf-8")
