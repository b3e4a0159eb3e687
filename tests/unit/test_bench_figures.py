"""What the benchmarks compute from what they saw: rates, quantiles, growth, and what is written down."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from benchmarks.latency import Sent, quantile, summary
from benchmarks.memory import Footprint, cost_growth
from benchmarks.progress import MeasurementFailed, Rate, Sample, steady_rate, watch
from benchmarks.results import GOALS, KEYS, Circumstances, Found, derived, page, picture, to_json

ABOUT = Circumstances(
    command="make bench", date="2026-11-22", machine="2 cores", load_before="Idle.", commit="abc"
)
WHOLE = Found(
    figures={
        "features": 96,
        "scorer_events_per_s": 51_234.567,
        "bare_loop_events_per_s": 120_000.0,
        "ratio": 0.42695,
        "scored_every_event_per_s": 30_000.0,
        "peers": {"naive": 1_600.0, "quix": 4_000.0},
        "latency_ms": {"p50": 12.0, "p99": 41.0, "p999": 60.0},
        "transaction_cost": 0.05,
        "redis_bytes_per_customer": {"10000": 700.0, "100000": 650.0},
        "cost_per_event_growth": 0.04,
        "learner_examples_per_s": 9_000.0,
        "restart_to_first_offer_s": 2.5,
        "rebuild_events_per_s": 60_000.0,
    }
)


def test_a_rate_leaves_out_what_came_before_its_first_count() -> None:
    seen = [Sample(0.0, 0), Sample(10.0, 100), Sample(11.0, 300, cpu_s=1.0), Sample(13.0, 900, cpu_s=2.5)]
    rate = steady_rate(seen, from_count=300, to_count=900)
    assert rate == Rate(600, 2.0, 1.5)
    assert (rate.per_s, rate.us_per_event, rate.cpu_us_per_event) == (300.0, 2.0 / 600 * 1e6, 2_500.0)


@pytest.mark.parametrize("seen", [[], [Sample(0.0, 0), Sample(1.0, 99)], [Sample(0.0, 100)]])
def test_no_rate_is_made_up_for_a_run_that_stood_still(seen: list[Sample]) -> None:
    with pytest.raises(MeasurementFailed):
        steady_rate(seen, from_count=10, to_count=100)


class Ended:
    """A process that is gone."""

    is_alive = False

    def cpu_s(self) -> float:
        return 1.0


def test_nobody_waits_for_a_process_that_has_ended() -> None:
    assert watch(lambda: Sample(0.0, 5), Ended(), to_count=100) == [Sample(0.0, 5, 1.0)]


# ---------------------------------------------------------------- latency


def sent(late_s: float = 0.0, *, n: int, seconds: float) -> Sent:
    return Sent(begin_s=100.0, interval_s=0.001, late_s=[late_s], seconds=seconds)


def test_latency_counts_from_when_an_event_was_due_even_if_it_was_sent_late() -> None:
    n = 1_000
    place_of = {f"d-{i}": i for i in range(n)}
    heard_s = {f"d-{n - 1}": 100.0 + (n - 1) * 0.001 + 0.250}
    found = summary(sent(0.2, n=n, seconds=n / 1_000), place_of, heard_s)
    assert found.p50 == pytest.approx(250.0)
    assert found.late_ms_p99 == pytest.approx(200.0)
    assert found.offers == 1


def test_offers_of_the_warm_up_and_of_others_do_not_count() -> None:
    n = 1_000
    place_of = {f"d-{i}": i for i in range(n)}
    with pytest.raises(MeasurementFailed, match="no offer"):
        summary(sent(n=n, seconds=n / 1_000), place_of, {"d-0": 101.0, "somebody-else": 101.0})


def test_a_sender_that_fell_behind_gives_no_latency() -> None:
    n = 1_000
    place_of = {f"d-{i}": i for i in range(n)}
    with pytest.raises(MeasurementFailed, match="sender managed"):
        summary(sent(n=n, seconds=n / 900), place_of, {f"d-{n - 1}": 200.0})


def test_quantiles_are_values_that_were_seen() -> None:
    values = [float(i) for i in range(1, 1_001)]
    assert [quantile(values, share) for share in (0.5, 0.99, 0.999)] == [500.0, 990.0, 999.0]
    assert (quantile([7.0], 0.999), quantile([3.0, 1.0, 2.0], 0.5)) == (7.0, 2.0)


def test_growth_compares_the_largest_bank_with_the_smallest() -> None:
    banks = [Footprint(1_000_000, 1.0, Rate(10, 1.1)), Footprint(10_000, 1.0, Rate(10, 1.0))]
    assert cost_growth(banks) == pytest.approx(0.1)


def test_growth_is_of_processor_time_so_that_a_busy_machine_does_not_change_it() -> None:
    banks = [Footprint(10, 1.0, Rate(10, 9.0, 1.0)), Footprint(1_000, 1.0, Rate(10, 3.0, 1.2))]
    assert cost_growth(banks) == pytest.approx(0.2)


# ---------------------------------------------------------------- what is written


def test_results_for_programs_have_the_promised_keys_and_no_others() -> None:
    assert tuple(json.loads(to_json(WHOLE))) == KEYS


def test_what_was_not_measured_is_absent_for_programs_and_named_for_people() -> None:
    partly = Found({"features": 96}, missing={"latency": "no offer came back"})
    assert json.loads(to_json(partly)) == {"features": 96}
    text = page(partly, ABOUT, figure_name="f.svg")
    assert text.count("not measured |") == len(GOALS) - 1
    assert "**not measured**: latency: no offer came back" in text


def test_the_page_says_of_each_goal_whether_it_holds() -> None:
    text = page(WHOLE, ABOUT, figure_name="f.svg")
    assert derived(WHOLE)["times_fastest_peer"] == 7.5
    rows = [line.split("|") for line in text.splitlines() if "≥" in line or "≤" in line]
    verdicts = {row[1].strip(): row[4].strip() for row in rows}
    assert verdicts["event → offer at half load, p99, ms"] == "holds"
    assert verdicts["scorer, events/s (one process)"] == "holds"
    assert verdicts["every event scored: times the fastest peer"] == "does not hold"
    assert verdicts["learner, examples/s"] == "does not hold"


def test_the_picture_is_well_formed_and_shows_each_way_once() -> None:
    root = ET.fromstring(picture(WHOLE))
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}rect")) == 5
    assert "naive 1,600" in (root.findtext(f"{space}desc") or "")
    widths = [float(bar.attrib["width"]) for bar in root.findall(f"{space}rect")]
    assert widths[0] == max(widths)


def test_a_picture_of_nothing_is_still_one() -> None:
    assert ET.fromstring(picture(Found())).tag.endswith("svg")
