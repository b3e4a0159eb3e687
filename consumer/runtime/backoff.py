"""Bounded back-off: the same call again after 0.1, 0.2, 0.4 … seconds, then give up with the cause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from consumer.ports import Clock, Telemetry
from consumer.vocabulary.errors import Retryable

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits double from `first_s` up to `longest_s`; the sum is the patience of a role."""

    first_s: float = 0.1
    longest_s: float = 5.0
    attempts: int = 30

    def call(self, action: Callable[[], Result], *, clock: Clock, telemetry: Telemetry, what: str) -> Result:
        """Return what `action` returns, trying again while it raises `Retryable`.

        Raises
        ------
        Retryable : after the last attempt; state is intact, so a restart reads on
        """
        for attempt in range(self.attempts):
            try:
                return action()
            except Retryable:
                telemetry.count("retries_total", what=what)
                if attempt + 1 == self.attempts:
                    raise
                clock.sleep_s(min(self.first_s * 2**attempt, self.longest_s))
        raise AssertionError("unreachable: the loop returns or raises")
