"""The machine's clock: for waiting and measuring, never for deciding."""

from __future__ import annotations

import time


class SystemClock:
    """A `Clock` over the operating system."""

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start."""
        return time.monotonic()

    def sleep_s(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class ManualClock:
    """A `Clock` that moves only when it is told to; whoever sleeps on it wakes at once, later."""

    def __init__(self, start_s: float = 0.0) -> None:
        self.now_s = start_s

    def monotonic_s(self) -> float:
        """Seconds since the start."""
        return self.now_s

    def sleep_s(self, seconds: float) -> None:
        """Move the clock on."""
        self.now_s += seconds
