"""What the demo found, for a manager: one table, and where to look further."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Group
from rich.panel import Panel
from rich.table import Table

from consumer.vocabulary.messages import ModelSnapshot
from producer_sim.summary import TruthSummary
from upswell.first_day import FirstDay


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Everything that the demo says at its end."""

    summary: TruthSummary
    latencies_ms: Sequence[float]
    models: Sequence[ModelSnapshot]
    live_days: int
    first_day: FirstDay


def demo_page(result: DemoResult, folder: Path) -> Group:
    """Return the page."""
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_column(style="bold")
    for name, text in _rows(result):
        table.add_row(name, text)
    title = f"What {result.live_days} live days brought"
    return Group("", Panel(table, title=title, expand=False), _further(folder))


def _rows(result: DemoResult) -> list[tuple[str, str]]:
    found = result.summary
    money = f"{found.revenue_minor / 100:,.0f} {found.currency}"
    offered = f"{found.offered_revenue_minor / 100:,.0f} {found.currency}"
    rows = [
        (
            "Events",
            f"{found.published:,} published, {found.dead_letters_expected:,} of them malformed on purpose",
        ),
        ("Decisions", f"{found.decisions:,}, of which {found.offers:,} made an offer"),
        ("Answers", f"{found.accepted:,} offers accepted, {found.purchased:,} products bought after one"),
        (
            "Conversion",
            (
                f"{found.treated.conversion:.1%} of {found.treated.customers:,} customers bought something; in the "
                f"holdout, who get no offers, {found.holdout.conversion:.1%} of {found.holdout.customers:,}"
            ),
        ),
        (
            "Lift",
            f"{found.lift.estimate:+.1%} (95 % interval {found.lift.low:+.1%} to {found.lift.high:+.1%})",
        ),
        ("Revenue", f"{money}, of which {offered} after an offer"),
    ]
    if found.share_of_oracle_value is not None and found.share_of_random_value is not None:
        rows.append(
            (
                "Against the oracle",
                (
                    f"{found.share_of_oracle_value:.0%} of the value that somebody who knows every customer's mind "
                    f"would have found; offering at random {found.share_of_random_value:.0%}"
                ),
            )
        )
    return [
        *rows,
        ("What seeds are worth", _seeds(result.first_day)),
        ("Learning", _learning(result.models)),
        ("Event → offer", _latency(result.latencies_ms)),
    ]


def _learning(models: Sequence[ModelSnapshot]) -> str:
    examples = sum(model.evidence.get("examples", 0.0) for model in models)
    newest = max((model.version for model in models), default=0)
    return f"{len(models)} models learned from {examples:,.0f} answers, up to {newest} versions each"


def _seeds(day: FirstDay) -> str:
    """Say what the seeds are worth: the same first day with and without them."""
    with_seeds, without = day.seeded, day.unseeded
    made = (
        f"first day: {with_seeds.offers:,} offers, {with_seeds.accepted:,} accepted ({with_seeds.conversion:.1%}); the same "
        f"bank and day without seeds: {without.offers:,} offers, {without.accepted:,} accepted "
        f"({without.conversion:.1%}), since models without evidence are held back"
    )
    found = day.losses
    if found is None:
        return made
    return (
        f"{made}. Log loss expected on the same {found.offers:,} offers: {found.seeded:.3f} with seeds, {found.unseeded:.3f} "
        f"for models that learned from that one day, {found.truth:.3f} for somebody who knows every customer's mind"
    )


def _latency(latencies_ms: Sequence[float]) -> str:
    if not latencies_ms:
        return "no offer was made"
    p50, p99 = np.percentile(latencies_ms, [50, 99])
    return f"half within {p50:.0f} ms, 99 % within {p99:.0f} ms (p99, {len(latencies_ms):,} offers, everything on this machine)"


def _further(folder: Path) -> str:
    return "\n".join(
        [
            "",
            "Where to look further",
            f"  {folder}/truth.json   what each simulated customer wanted",
            f"  {folder}/seeds.html   segments and first weights",
            f"  {folder}/scorer.log   what the scorer says while it runs",
            "  deploy/policy/retail_bank.yaml   offers and rules: change one, run again",
            "  docs/ARCHITECTURE.md   how an event becomes an offer",
            "",
        ]
    )
