"""One order for the records of a partition that lie in several topics.

Every role (topic) of a partition keeps its own order; between roles the earlier timestamp comes
first, and at the same time the role that stands first. A record waits while another role is known to
have unread records that could come before it, so a log that is already written is merged the same
way in every run, however it is cut into fetches. A role that is read to its end holds nobody back.

Rules of this file: pure; a small state that is told what was fetched and what is at its end.

Theory: a k-way merge that always takes the smallest head is the same as a stable sort by
(largest timestamp so far within the role, role). The running maximum keeps the offsets of a role in
order where its timestamps are not, and makes each role's queue sorted, so `bisect` finds the cut and
one sort in C merges all that may go.

It also makes the order free of memory: the smallest head follows from the heads alone, so a reader that starts
at any position of a written log goes on in the same order, with nothing of the running maximum handed over.

    role 0 (at its end)    1  4  9                      bound = last of the only role that is not
    role 1 (more unread)   2  4  6            released  at its end = (6, role 1)
    merged                 1  2  4(role 0)  4(role 1)  6        and the 9 waits
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from consumer.vocabulary.log import RawRecord

BEFORE_ALL_TIME_MS = -1
"""Kafka gives -1 to a record without a timestamp; it goes before every other one."""


@dataclass(slots=True)
class _RoleQueue:
    """Fetched records of one role that wait, with the running maximum of their timestamps."""

    records: list[RawRecord] = field(default_factory=list)
    merge_ms: list[int] = field(default_factory=list)
    largest_ms: int = BEFORE_ALL_TIME_MS
    is_at_end: bool = False

    def push(self, records: Sequence[RawRecord]) -> None:
        times = accumulate((record.timestamp_ms for record in records), max, initial=self.largest_ms)
        next(times)
        self.merge_ms.extend(times)
        self.records.extend(records)
        self.largest_ms = self.merge_ms[-1]

    def take(self, count: int) -> tuple[list[RawRecord], list[int]]:
        taken = self.records[:count], self.merge_ms[:count]
        del self.records[:count], self.merge_ms[:count]
        return taken


class RoleMerge:
    """The merge of one partition.

    Parameters
    ----------
    roles : in the order in which records of the same time are merged

    Examples
    --------
    >>> merge = RoleMerge(["customers", "transactions"])
    >>> merge.push("transactions", [RawRecord("transactions", 0, 7, None, b"t", 2)])
    >>> merge.release()     # customers may still have something earlier
    []
    >>> merge.set_at_end("customers", True)
    >>> [record.offset for record in merge.release()]
    [7]
    """

    def __init__(self, roles: Sequence[str]) -> None:
        self._queues = {role: _RoleQueue() for role in roles}

    def push(self, role: str, records: Sequence[RawRecord]) -> None:
        """Add fetched records of a role, in order of their offsets, after all earlier ones."""
        if records:
            self._queues[role].push(records)

    def set_at_end(self, role: str, is_at_end: bool) -> None:
        """Say whether everything that the role is known to hold was pushed."""
        self._queues[role].is_at_end = is_at_end

    def is_at_end(self, role: str) -> bool:
        """Return what `set_at_end` was told last."""
        return self._queues[role].is_at_end

    def waiting(self, role: str) -> int:
        """Return how many pushed records of a role were not released."""
        return len(self._queues[role].records)

    def release(self) -> list[RawRecord]:
        """Return, in merged order, all records before which nothing can come any more."""
        queues = list(self._queues.values())
        bound = min(
            ((queue.largest_ms, place) for place, queue in enumerate(queues) if not queue.is_at_end),
            default=None,
        )
        records: list[RawRecord] = []
        merge_ms: list[int] = []
        contributors = 0
        for place, queue in enumerate(queues):
            taken, taken_ms = queue.take(_releasable(queue, place, bound))
            records += taken
            merge_ms += taken_ms
            contributors += bool(taken)
        if contributors < 2:
            return records
        # Stable, and the queues were added in role order: equal times stay in that order.
        return [records[index] for index in sorted(range(len(records)), key=merge_ms.__getitem__)]


def _releasable(queue: _RoleQueue, place: int, bound: tuple[int, int] | None) -> int:
    """Return how many records of the queue may go, given the last known (time, role) of an unread role."""
    if bound is None:
        return len(queue.records)
    bound_ms, bound_place = bound
    cut = bisect_right if place <= bound_place else bisect_left
    return cut(queue.merge_ms, bound_ms)
