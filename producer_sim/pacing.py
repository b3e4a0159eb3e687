"""Holding a free run back to the speed that was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from consumer.vocabulary.time import SECOND_MS
from producer_sim.settings import Pace


@dataclass(slots=True)
class Pacer:
    """Holds a free run back to its speed; clock and sleep are given, so that tests need neither."""

    pace: Pace
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _due_s: float | None = field(default=None, init=False)

    def wait(self, bank_ms: int, records: int) -> None:
        """Wait until `bank_ms` of bank time and `records` records may have passed since the last call."""
        if self.pace.lockstep:
            return
        clock_s = self.clock()
        by_time = bank_ms / SECOND_MS / self.pace.speed_up if self.pace.speed_up else 0.0
        by_count = records / self.pace.events_per_s if self.pace.events_per_s else 0.0
        due_s = (clock_s if self._due_s is None else self._due_s) + max(by_time, by_count)
        # A run that fell behind does not hurry to catch up: that would be another load than asked for.
        self._due_s = max(due_s, clock_s)
        if due_s > clock_s:
            self.sleep(due_s - clock_s)
