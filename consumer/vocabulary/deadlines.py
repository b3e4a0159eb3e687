"""Deadlines of open decisions: how a customer's earliest one moves, and the span of time in which some are asked for.

Rules of this file: data only, event times in ms.
"""

from __future__ import annotations

from typing import NamedTuple


class DeadlineMove(NamedTuple):
    """The earliest deadline of a customer's open decisions as it was and as it is now; None: there is none."""

    before_ms: int | None
    after_ms: int | None


class Span(NamedTuple):
    """Event times after `after_ms` and up to `until_ms`."""

    after_ms: int
    until_ms: int
