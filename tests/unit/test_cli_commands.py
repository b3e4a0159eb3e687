"""The command line without any service: help, exit codes, and one sentence for each mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer.main

from consumer.policy.document import load_policy
from consumer.settings import DEFAULT_POLICY, HIDDEN, PREFIX, Settings
from consumer.vocabulary.errors import Retryable
from upswell.cli import app, run
from upswell.commands.simulate import pace_of

GROUPS = ("simulate", "lab", "policy", "topics", "config")
COMMANDS = sorted(
    [name] if name not in GROUPS else [name, inner]
    for name, command in typer.main.get_group(app).commands.items()
    for inner in getattr(command, "commands", {"": None})
)


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error of a command."""
    capsys.readouterr()
    code = run(arguments)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


def test_the_commands_of_every_role_are_there() -> None:
    assert {" ".join(command) for command in COMMANDS} >= {
        "score", "learn", "inspect", "features", "demo", "simulate run", "simulate replay", "simulate history",
        "topics create", "topics check", "policy check", "config show",
    }  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_has_help_with_an_example(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = told(capsys, *command, "--help")
    assert code == 0
    assert "Example:" in out
    assert f"upswell {' '.join(command)}" in " ".join(out.replace("│", " ").split())


def test_a_wrong_option_or_command_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ("bogus",),
        ("score", "--models", "thawed"),
        ("inspect",),
        ("topics", "create", "--partitions", "0"),
    ):
        code, _, err = told(capsys, *arguments)
        assert (code, "Usage:" in err) == (2, True), arguments


def test_a_wrong_setting_is_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPSWELL_DELIVERY", "exactly_once")
    for arguments in (("config", "show"), ("score",), ("learn",), ("topics", "check"), ("inspect", "c-1")):
        code, out, err = told(capsys, *arguments)
        assert (code, out) == (2, "")
        assert err == "upswell: UPSWELL_DELIVERY: input should be 'transactional' or 'at_least_once'\n"


def test_config_show_prints_each_variable_with_value_and_source(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "upswell.toml"
    config.write_text('topic_prefix = "bank1."\n', encoding="utf-8")
    monkeypatch.setenv("UPSWELL_CONFIG", str(config))
    monkeypatch.setenv("UPSWELL_REDIS_URL", "redis://:s3cret@host:6379/0")
    monkeypatch.setenv("UPSWELL_KAFKA_SECURITY_PASSWORD", "s3cret")
    code, out, _ = told(capsys, "config", "show")
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert code == 0
    assert "s3cret" not in out
    assert lines["UPSWELL_TOPIC_PREFIX"] == ["bank1.", str(config)]
    assert lines["UPSWELL_REDIS_URL"] == [f"redis://:{HIDDEN}@host:6379/0", "UPSWELL_REDIS_URL"]
    assert lines["UPSWELL_KAFKA_SECURITY_PASSWORD"] == [HIDDEN, "UPSWELL_KAFKA_SECURITY_PASSWORD"]
    assert lines["UPSWELL_GROUP_ID"] == ["upswell", "default"]
    assert len(lines) == len(Settings.model_fields)


def test_config_show_as_json_has_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = told(capsys, "config", "show", "--json")
    assert json.loads(out)["group_id"] == {"value": "upswell", "source": "default"}


def test_policy_check_says_what_is_in_a_right_file(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "policy", "check")
    policy = load_policy(DEFAULT_POLICY)
    assert code == 0
    assert f"version {policy.policy_version}, 12 products, {len(policy.catalogue.offers)} offers" in out


def test_policy_check_of_a_wrong_file_names_file_line_and_field(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = DEFAULT_POLICY.read_text(encoding="utf-8")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text.replace("decision_gap_hours: ", "decision_gap_hours: -"), encoding="utf-8")
    line = 1 + text[: text.index("decision_gap_hours:")].count("\n")
    code, out, err = told(capsys, "policy", "check", str(wrong))
    assert (code, out) == (2, "")
    assert str(wrong) in err
    assert f"line {line}" in err
    assert "decision_gap_hours" in err


def test_policy_check_refuses_a_rule_about_a_feature_that_does_not_exist(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = DEFAULT_POLICY.read_text(encoding="utf-8")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text.replace("field: age_years", "field: age_in_years"), encoding="utf-8")
    assert wrong.read_text(encoding="utf-8") != text
    code, _, err = told(capsys, "policy", "check", str(wrong))
    assert (code, "age_in_years" in err) == (2, True)


def test_a_missing_policy_file_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = told(capsys, "policy", "check", "nowhere.yaml")
    assert (code, err) == (2, "upswell: policy nowhere.yaml cannot be read: No such file or directory\n")


def test_features_lists_every_feature_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    _, plain, _ = told(capsys, "features")
    _, as_json, _ = told(capsys, "features", "--json")
    names = [feature["name"] for feature in json.loads(as_json)]
    assert [line.split()[0] for line in plain.splitlines()] == names
    assert len(names) >= 60


@pytest.mark.parametrize("text", ["", "fast", "3600", "x", "-1x", "5000/m", "1e3x"])
def test_a_pace_that_is_none_is_one_sentence(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = told(capsys, "simulate", "run", f"--pace={text}")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(f"upswell: --pace {text} is none of: lockstep")


def test_a_pace_of_zero_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "simulate", "run", "--pace", "0x")[0] == 2


def test_paces_are_what_they_say() -> None:
    assert pace_of("free").lockstep is False
    assert pace_of("0.5x").speed_up == 0.5


def test_a_history_is_written_as_files_and_the_same_seed_writes_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        code, out, _ = told(
            capsys, "simulate", "history", str(tmp_path / name), "--customers", "20", "--history-days", "8"
        )
        assert code == 0
        assert "campaign.jsonl.gz" in out
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert [(tmp_path / "one" / file).read_bytes() for file in files] == [
        (tmp_path / "two" / file).read_bytes() for file in files
    ]


def test_a_history_without_days_is_exit_code_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = told(capsys, "simulate", "history", str(tmp_path), "--history-days", "0")
    assert (code, err) == (2, "upswell: history_days must be at least 1 to write a history\n")


def test_a_run_that_fails_is_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_settings: Settings, *, models_frozen: bool) -> None:
        raise Retryable(f"the broker stayed away, frozen {models_frozen}")

    monkeypatch.setattr("consumer.app.run_scorer", fails)
    code, _, err = told(capsys, "score", "--models", "frozen")
    assert (code, err) == (1, "upswell: the broker stayed away, frozen True\n")


def test_ctrl_c_is_exit_code_130_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_settings: Settings) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("consumer.app.run_learner", interrupted)
    assert told(capsys, "learn")[0] == 130
