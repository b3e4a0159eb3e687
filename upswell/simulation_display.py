"""What a person sees of a simulation: a line that moves while it runs, and the result in words.

Rules of this file: display goes to standard error, results to standard output by the caller.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from consumer.vocabulary.time import iso_utc
from producer_sim.progress import Progress as ProgressListener
from producer_sim.progress import ProgressCounts

if TYPE_CHECKING:
    from producer_sim.replay import ReplayReport
    from producer_sim.summary import TruthSummary

REFUSED_ROWS_SHOWN = 10


@contextmanager
def progress_display() -> Iterator[ProgressListener]:
    """Show a bar with the bank's time and counts, from the first report until the block ends."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    bar = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True)
    task = bar.add_task("starting", total=1.0)

    def show(counts: ProgressCounts) -> None:
        if not bar.live.is_started:
            bar.start()
        bar.update(task, completed=counts.share_done, description=progress_line(counts))

    try:
        yield show
    finally:
        # A bar that never moved leaves no trace, so that an error is the only line.
        if bar.live.is_started:
            bar.stop()


def progress_line(counts: ProgressCounts) -> str:
    """Return how far a run is, in one line."""
    return (
        f"{counts.phase}: {iso_utc(counts.bank_time_ms)[:16].replace('T', ' ')}, {counts.published:,} records, "
        f"{counts.decisions:,} decisions, {counts.offers:,} offers, {counts.accepted:,} accepted"
    )


def summary_page(summary: TruthSummary) -> str:
    """Return the result of a run for a manager."""
    treated, holdout, lift = summary.treated, summary.holdout, summary.lift
    lines = [
        (
            f"records {summary.published:,} ({summary.dead_letters_expected:,} of them malformed on purpose), "
            f"decisions {summary.decisions:,}, offers {summary.offers:,}, accepted {summary.accepted:,}, "
            f"bought {summary.purchased:,}"
        ),
        (
            f"revenue {_money(summary.revenue_minor, summary.currency)}, of which after an offer "
            f"{_money(summary.offered_revenue_minor, summary.currency)}"
        ),
        (
            f"conversion {treated.conversion:.2%} of {treated.customers:,} customers, in the holdout "
            f"{holdout.conversion:.2%} of {holdout.customers:,}"
        ),
        f"lift {lift.estimate:+.2%} (95 % interval {lift.low:+.2%} to {lift.high:+.2%})",
    ]
    if summary.share_of_oracle_value is not None:
        lines.append(f"share of the best possible expected value {summary.share_of_oracle_value:.1%}")
    return "\n".join(lines)


def replay_page(report: ReplayReport) -> str:
    """Return what became of a file's rows, in words."""
    lines = [
        (
            f"{report.rows:,} rows: {report.published:,} published, {len(report.refused):,} refused; "
            f"{report.customers:,} customers, {report.profiles:,} profiles"
        ),
    ]
    if report.first_event_time_ms is not None and report.last_event_time_ms is not None:
        lines.append(f"from {iso_utc(report.first_event_time_ms)} to {iso_utc(report.last_event_time_ms)}")
    lines += [
        f"  row {refused.row} (line {refused.line}), {refused.column}: {refused.reason}"
        for refused in report.refused[:REFUSED_ROWS_SHOWN]
    ]
    if len(report.refused) > REFUSED_ROWS_SHOWN:
        lines.append(f"  ... and {len(report.refused) - REFUSED_ROWS_SHOWN:,} more")
    return "\n".join(lines)


def _money(minor: int, currency: str) -> str:
    return f"{minor / 100:,.2f} {currency}"
