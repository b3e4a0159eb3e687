"""What a run of the benchmarks found: one JSON file for programs, one page and one picture for people.

Rules of this file: values in and text out, LIMITS.md beside them. A figure that was not measured is absent,
never zero and never taken from another run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.bar_chart import Bar, bar_chart

Figure = float | int | Mapping[str, float]

KEYS = (
    "scorer_events_per_s",
    "bare_loop_events_per_s",
    "ratio",
    "scored_every_event_per_s",
    "peers",
    "latency_ms",
    "transaction_cost",
    "redis_bytes_per_customer",
    "cost_per_event_growth",
    "learner_examples_per_s",
    "restart_to_first_offer_s",
    "rebuild_events_per_s",
    "features",
)
"""All keys of results.json, in this order."""


LIMITS: Final = Path(__file__).with_name("LIMITS.md")
"""What a person has to say about numbers that do not hold; it stands at the end of the page."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should be, and in which words to say it."""

    key: str
    text: str
    at_least: float | None = None
    at_most: float | None = None

    def verdict(self, value: float | None) -> str:
        """Return whether a value holds the goal.

        Examples
        --------
        >>> Goal("ratio", "", at_least=0.4).verdict(0.5), Goal("ratio", "", at_least=0.4).verdict(0.3)
        ('holds', 'does not hold')
        """
        if value is None:
            return "not measured"
        is_held = (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )
        return "holds" if is_held else "does not hold"

    @property
    def bound(self) -> str:
        """The goal in signs."""
        low = [] if self.at_least is None else [f"≥ {number(self.at_least)}"]
        return " and ".join(low + ([] if self.at_most is None else [f"≤ {number(self.at_most)}"]))


GOALS = (
    Goal("scorer_events_per_s", "scorer, events/s (one process)", at_least=50_000),
    Goal("ratio", "share of the bare loop's rate", at_least=0.4),
    Goal("times_fastest_peer", "every event scored: times the fastest peer", at_least=10),
    Goal("latency_p99_ms", "event → offer at half load, p99, ms", at_most=50),
    Goal("transaction_cost", "share of throughput that transactions cost", at_most=0.10),
    Goal("redis_bytes_max", "Redis bytes a customer, at most", at_most=1_000),
    Goal("features", "features", at_least=60),
    Goal(
        "cost_per_event_growth",
        "growth of the processor time of an event, smallest to largest bank",
        at_most=0.10,
    ),
    Goal("learner_examples_per_s", "learner, examples/s", at_least=10_000),
    Goal("restart_to_first_offer_s", "kill to first offer of the successor, s", at_most=5),
    Goal("rebuild_events_per_s", "rebuild after Redis is lost, records/s", at_least=50_000),
)


@dataclass(slots=True)
class Found:
    """What has been measured so far.

    figures : key of results.json → figure
    details : further lines for the page, such as the shares that were really reached
    missing : what could not be measured → why
    """

    figures: dict[str, Figure] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def number(self, key: str) -> float | None:
        """Return one number, None where it was not measured."""
        value = self.figures.get(key)
        return float(value) if isinstance(value, int | float) else None

    def numbers(self, key: str) -> Mapping[str, float]:
        """Return a group of numbers, empty where none was measured."""
        value = self.figures.get(key, {})
        return value if isinstance(value, Mapping) else {}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the figures depend on."""

    command: str
    date: str
    machine: str
    load_before: str
    commit: str


def to_json(found: Found) -> str:
    r"""Return results.json: the known keys in order, absent where not measured.

    Examples
    --------
    >>> to_json(Found({"ratio": 0.51239, "features": 96}))
    '{\n "ratio": 0.5124,\n "features": 96\n}\n'
    """
    whole = {key: _rounded(found.figures[key]) for key in KEYS if key in found.figures}
    return json.dumps(whole, indent=1) + "\n"


def derived(found: Found) -> dict[str, float | None]:
    """Return the numbers that goals speak about."""
    peers, size = found.numbers("peers"), found.numbers("redis_bytes_per_customer")
    every = found.number("scored_every_event_per_s")
    plain = {goal.key: found.number(goal.key) for goal in GOALS}
    return plain | {
        "times_fastest_peer": every / max(peers.values()) if every and peers else None,
        "latency_p99_ms": found.numbers("latency_ms").get("p99"),
        "redis_bytes_max": max(size.values(), default=None),
    }


def page(found: Found, circumstances: Circumstances, *, figure_name: str) -> str:
    """Return RESULTS.md."""
    values = derived(found)
    rows = [
        f"| {goal.text} | {number(values[goal.key])} | {goal.bound} | {goal.verdict(values[goal.key])} |"
        for goal in GOALS
    ]
    return "\n".join(
        [
            "# What the benchmarks found",
            "",
            (
                f"`{circumstances.command}`, {circumstances.date}, commit {circumstances.commit}, on "
                f"{circumstances.machine}. Broker (real Apache Kafka), Redis, the measured process and the load "
                f"share the machine. {circumstances.load_before}"
            ),
            "",
            "| measure | found | goal | |",
            "|---|---:|---:|---|",
            *rows,
            "",
            f"![Events a second of each way]({figure_name})",
            "",
            *_group("Latency at half load", found.numbers("latency_ms"), "ms from the time an event was due"),
            *_group("Redis bytes a customer", found.numbers("redis_bytes_per_customer"), "customers"),
            *_group("Peers", found.numbers("peers"), "events/s"),
            "## How it was measured",
            "",
            *(f"- {name}: {text}" for name, text in found.details.items()),
            *(f"- **not measured**: {name}: {text}" for name, text in found.missing.items()),
            "",
            LIMITS.read_text("utf-8").rstrip("\n"),
            "",
        ]
    )


def picture(found: Found) -> str:
    """Return the figure: events a second of each way, on a logarithmic scale."""
    bars: Sequence[tuple[str, float | None, str]] = [
        ("bare loop", found.number("bare_loop_events_per_s"), "limit"),
        ("scorer, 10 % decisions", found.number("scorer_events_per_s"), "ours"),
        ("scorer, every event decides", found.number("scored_every_event_per_s"), "ours"),
        *((name, value, "peer") for name, value in found.numbers("peers").items()),
    ]
    return bar_chart("Events a second in one process", [Bar(n, v, k) for n, v, k in bars if v])


def number(value: float | None) -> str:
    """Return a number as people read it.

    Examples
    --------
    >>> number(51234.5), number(12.345), number(0.1234), number(None)
    ('51,234', '12.3', '0.123', '–')
    """
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def _group(title: str, values: Mapping[str, float], unit: str) -> list[str]:
    if not values:
        return []
    head = [f"## {title}", "", f"| | {unit} |" if unit != "customers" else "| customers | bytes |"]
    return [*head, "|---|---:|", *(f"| {name} | {number(value)} |" for name, value in values.items()), ""]


def _rounded(value: Figure) -> Figure:
    if isinstance(value, Mapping):
        return {name: float(_significant(part)) for name, part in value.items()}
    return value if isinstance(value, int) else float(_significant(value))


def _significant(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
