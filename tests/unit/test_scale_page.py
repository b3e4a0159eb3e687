"""docs/scale.md says what the measured costs come to, and nothing older."""

from __future__ import annotations

import json
from dataclasses import replace
from math import ceil
from pathlib import Path

import pytest

from benchmarks.scale_page import (
    CUSTOMERS,
    EVENTS_PER_S,
    NODE_BYTES,
    PAGE,
    RESULTS,
    Costs,
    needs,
    scale_page,
    write_page,
)

COSTS = Costs(events_per_s=50_000, customer_bytes=1_000, rebuild_per_s=70_000, examples_per_s=10_000)


def test_the_page_is_what_the_results_come_to() -> None:
    current = scale_page(json.loads(RESULTS.read_text(encoding="utf-8")))
    assert PAGE.read_text(encoding="utf-8") == current, "run python -m benchmarks.scale_page"


def test_the_page_has_a_line_for_each_size_of_bank_and_stream() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for customers in CUSTOMERS:
        for events_per_s in EVENTS_PER_S:
            begin = f"| {customers // 10**6} M | {events_per_s:,} |"
            assert sum(line.startswith(begin) for line in lines) == 1


@pytest.mark.parametrize("events_per_s", [1, 1_000, 24_999, 50_000, 777_777, 1_000_000])
def test_no_scorer_is_more_than_half_loaded_and_each_has_three_partitions(events_per_s: int) -> None:
    need = needs(COSTS, 1_000_000, events_per_s)
    assert events_per_s / need.scorers <= COSTS.events_per_s / 2
    assert need.partitions >= 3 * need.scorers
    assert need.partitions % 12 == 0


def test_redis_nodes_follow_from_memory_in_a_quiet_bank_and_from_work_in_a_busy_one() -> None:
    quiet, busy = needs(COSTS, 100_000_000, 1_000), needs(COSTS, 1_000_000, 1_000_000)
    assert quiet.redis_nodes == ceil(quiet.redis_bytes / NODE_BYTES) > 5
    assert busy.redis_nodes == 22 > ceil(busy.redis_bytes / NODE_BYTES)


def test_dearer_customers_and_slower_scorers_need_more() -> None:
    plain = needs(COSTS, 10_000_000, 100_000)
    assert (
        needs(replace(COSTS, customer_bytes=2_000), 10_000_000, 100_000).redis_bytes > 1.9 * plain.redis_bytes
    )
    assert needs(replace(COSTS, events_per_s=25_000), 10_000_000, 100_000).scorers == 2 * plain.scorers


def test_a_run_that_did_not_measure_everything_leaves_the_page_alone(tmp_path: Path) -> None:
    results, page = tmp_path / "results.json", tmp_path / "scale.md"
    results.write_text('{"scorer_events_per_s": 1.0}', encoding="utf-8")
    assert not write_page(results, page)
    assert not page.exists()
