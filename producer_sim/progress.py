"""How far a run is: counts for whoever draws a display. Nothing here draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProgressCounts:
    """How far a run is, for a display.

    `accepted` and `purchased` count the answers that offers led to so far, also those whose bank time
    has not come yet; `revenue_minor` counts purchases that happened, offered or not.
    """

    phase: str
    bank_time_ms: int
    share_done: float
    published: int
    decisions: int
    offers: int
    accepted: int
    purchased: int
    revenue_minor: int


Progress = Callable[[ProgressCounts], None]


def silent(_counts: ProgressCounts) -> None:
    """Show nothing."""
