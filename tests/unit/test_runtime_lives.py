"""Who is fenced comes back, but not for ever."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from consumer.adapters.memory_telemetry import MemoryTelemetry
from consumer.adapters.system_clock import ManualClock
from consumer.runtime.lives import LONG_LIFE_S, REBUILDS, live_on
from consumer.vocabulary.errors import Fenced, Retryable


def lives(clock: ManualClock, lengths_s: list[float]) -> Callable[[], None]:
    """A process that is fenced after each of these lives, and ends by itself after them."""
    left = iter(lengths_s)

    def life() -> None:
        length_s = next(left, None)
        if length_s is not None:
            clock.now_s += length_s
            raise Fenced("given up by the group")

    return life


def test_a_fenced_process_lives_again_until_it_ends_by_itself() -> None:
    clock, telemetry = ManualClock(), MemoryTelemetry()
    live_on(lives(clock, [1.0] * REBUILDS), telemetry, clock)
    assert telemetry.counts["rebuilds_total", ()] == REBUILDS


def test_who_is_fenced_soon_after_each_beginning_ends() -> None:
    clock, telemetry = ManualClock(), MemoryTelemetry()
    with pytest.raises(Fenced, match="given up"):
        live_on(lives(clock, [1.0] * (REBUILDS + 1)), telemetry, clock)
    assert telemetry.counts["rebuilds_total", ()] == REBUILDS


def test_a_long_life_begins_the_count_anew() -> None:
    clock, telemetry = ManualClock(), MemoryTelemetry()
    live_on(lives(clock, [LONG_LIFE_S + 1.0] * (3 * REBUILDS)), telemetry, clock)
    assert telemetry.counts["rebuilds_total", ()] == 3 * REBUILDS


def test_other_errors_end_the_process() -> None:
    def broken() -> None:
        raise Retryable("the store stayed away")

    with pytest.raises(Retryable):
        live_on(broken, MemoryTelemetry(), ManualClock())
