"""What is still on its way: records by arrival and effects by time, taken step by step.

Rules of this file: nothing that was put is lost; what is left at the end is counted by its fate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from producer_sim.outcomes import Effect
from producer_sim.records import Outgoing

T = TypeVar("T")


class Schedule:
    """What is due in each step; what is put into the past arrives with the next step."""

    def __init__(self, step_ms: int) -> None:
        self._step_ms = step_ms
        self._records: dict[int, list[Outgoing]] = defaultdict(list)
        self._effects: dict[int, list[Effect]] = defaultdict(list)
        self._next = 0

    def put_records(self, records: Iterable[Outgoing]) -> None:
        """Add records by arrival."""
        step_ms, due, least = self._step_ms, self._records, self._next
        for record in records:
            due[max(record.arrival_ms // step_ms, least)].append(record)

    def put_effects(self, effects: Iterable[Effect]) -> None:
        """Add effects by time."""
        for effect in effects:
            self._effects[max(effect.time_ms // self._step_ms, self._next)].append(effect)

    def take_effects(self, end_ms: int) -> list[Effect]:
        """Return the effects before `end_ms`, in order of time."""
        due = _taken(self._effects, end_ms // self._step_ms)
        return sorted(due, key=lambda effect: (effect.time_ms, effect.row, effect.kind))

    def take_records(self, end_ms: int) -> list[Outgoing]:
        """Return the records that arrive before `end_ms`, in order of arrival, and step on."""
        self._next = end_ms // self._step_ms
        due = _taken(self._records, self._next)
        due.sort(key=lambda record: record.order)
        return due

    def drop_records(self) -> list[Outgoing]:
        """Return all records that are still on their way, and forget them."""
        left = [record for step in sorted(self._records) for record in self._records[step]]
        self._records.clear()
        return left


def _taken(by_step: dict[int, list[T]], end: int) -> list[T]:
    return [entry for step in sorted(step for step in by_step if step < end) for entry in by_step.pop(step)]
