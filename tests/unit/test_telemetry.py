"""Metrics, pages and log lines of a process."""

from __future__ import annotations

import ast
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumer.adapters.memory_telemetry import MemoryTelemetry
from consumer.adapters.metrics import METRICS
from consumer.adapters.telemetry import ProcessTelemetry, process_telemetry
from consumer.vocabulary.errors import ConfigurationError, Defect
from upswell.embedded.free_ports import free_port

METHODS = {"count": "counter", "gauge": "gauge", "observe": "histogram"}


def uses(source: Path) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Each (method, name, labels) with which a file tells telemetry something by a literal name."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        method = getattr(node.func, "attr", getattr(node.func, "id", ""))
        name = node.args[0].value
        if method in METHODS and isinstance(name, str):
            yield method, name, frozenset(keyword.arg or "" for keyword in node.keywords)


def test_every_metric_that_the_loops_name_is_in_the_list(repository: Path) -> None:
    known = {metric.name: (metric.kind, frozenset(metric.labels)) for metric in METRICS}
    files = [*(repository / "consumer" / "runtime").glob("*.py"), repository / "consumer" / "app.py"]
    found = [use for file in files for use in uses(file)]
    assert len(found) > 10
    for method, name, labels in found:
        assert known.get(name) == (METHODS[method], labels), name


def test_every_count_of_the_pipeline_is_in_the_list_with_its_kind(repository: Path) -> None:
    known = {metric.name: metric.labels for metric in METRICS}
    for file in (repository / "consumer" / "pipeline").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and str(node.value).endswith("_total"):
                assert known.get(str(node.value)) == ("kind",), node.value


def test_names_are_listed_once() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)


def test_a_name_that_is_not_listed_is_a_defect() -> None:
    with pytest.raises(Defect, match="no_such_metric"):
        ProcessTelemetry("scorer").count("no_such_metric")


def test_pages_tell_metrics_health_and_readiness() -> None:
    port = free_port()

    def page(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return str(answer.read(), "utf-8")

    with process_telemetry("scorer", log_level="error", metrics_port=port) as telemetry:
        telemetry.count("decisions_total", 3, kind="offered")
        telemetry.gauge("model_version", 7, product="mortgage")
        telemetry.observe("batch_seconds", 0.004)
        text = page("/metrics")
        assert 'upswell_decisions_total{kind="offered"} 3.0' in text
        assert 'upswell_model_version{product="mortgage"} 7.0' in text
        assert 'upswell_batch_seconds_bucket{le="0.005"} 1.0' in text
        with pytest.raises(urllib.error.HTTPError, match="503") as refused:
            page("/ready")
        refused.value.close()
        telemetry.moved(is_ready=True)
        assert page("/ready") == page("/health") == "yes\n"


def test_a_taken_port_is_said_in_one_sentence() -> None:
    port = free_port()
    with (
        process_telemetry("scorer", log_level="error", metrics_port=port),
        pytest.raises(ConfigurationError, match=f"Port {port} for metrics cannot be opened"),
        process_telemetry("scorer", log_level="error", metrics_port=port),
    ):
        pass


def test_log_lines_are_json_objects(capsys: pytest.CaptureFixture[str]) -> None:
    with process_telemetry("learner", log_level="warning", metrics_port=0):
        log = logging.getLogger("upswell.kafka")
        log.info("too quiet")
        log.warning("the broker %s is away", "b-1")
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["level"], told["role"], told["message"]) == ("warning", "learner", "the broker b-1 is away")


def test_counts_in_memory_add_up_over_labels() -> None:
    telemetry = MemoryTelemetry()
    telemetry.count("events_total", 2, kind="applied")
    telemetry.count("events_total", kind="late")
    assert telemetry.total("events_total") == 3
    assert telemetry.total("events_total", kind="late") == 1
