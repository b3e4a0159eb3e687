"""`upswell lab seed`, `upswell lab publish-traits` and `--seeds` without any service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from consumer.settings import PREFIX, Settings
from producer_sim import history
from producer_sim.settings import BankSettings
from upswell.cli import run
from upswell.commands.seeds_option import with_seeds


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def history_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history")
    history.write(BankSettings(customers=120, history_days=30, campaign_share=0.4, seed=11), folder)
    return folder


def test_seeds_are_made_reported_and_their_traits_written_without_a_broker(
    history_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, traits = tmp_path / "deep" / "seeds.json", tmp_path / "traits.jsonl"
    assert run(["lab", "seed", "--history", str(history_dir), "--out", str(bundle), "--segments", "3"]) == 0
    captured = capsys.readouterr()
    version = json.loads(bundle.read_text(encoding="utf-8"))["seed_version"]
    assert f"Seeds {version} are in" in captured.out
    assert "log loss" in captured.out
    assert (bundle.parent / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")

    arguments = ["lab", "publish-traits", "--history", str(history_dir), "--seeds", str(bundle)]
    assert run([*arguments, "--out", str(traits)]) == 0
    told = capsys.readouterr().out
    lines = [json.loads(line) for line in traits.read_text(encoding="utf-8").splitlines()]
    assert f"{len(lines)} records are in {traits}; nothing was published." in told
    assert {line["seed_version"] for line in lines} == {version}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["seed", "--history", "none", "--out", "seeds.json"], "Cannot read the history file none"),
        (["seed", "--history", "none", "--out", "."], "it is a folder; name a file in it"),
        (["publish-traits", "--history", "none", "--seeds", "none.json"], "Cannot read the seeds none.json"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_exit_code_2(
    arguments: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["lab", *arguments]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("upswell: ")
    assert told in last


@pytest.mark.parametrize("role", ["score", "learn"])
def test_a_bundle_that_is_not_there_stops_a_role_before_it_connects(
    role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([role, "--seeds", "none.json"]) == 2
    assert "Cannot read the seeds none.json" in capsys.readouterr().err


def test_the_option_wins_over_the_setting() -> None:
    told = Settings(seeds=Path("setting.json"))
    assert with_seeds(told, None).seeds == Path("setting.json")
    assert with_seeds(told, Path("option.json")).seeds == Path("option.json")
