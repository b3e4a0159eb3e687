"""The open decisions of a batch's customers, looked up by position as columns.

An open decision is an offer that was made and whose outcome still counts. The store keeps all open
decisions of a customer as one value; here the whole batch's are one structured array, so that
outcomes find theirs by one sorted search instead of one dictionary lookup an event.

Rules of this file: within a wave rows are only appended, never moved, so an index stays valid; they are
removed between two waves. The keys are sorted when something is looked up, not at each change: most waves
make offers, few bring outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.void]
Int64s = NDArray[np.int64]
UInt64s = NDArray[np.uint64]
Bools = NDArray[np.bool_]
Values = TypeVar("Values", Rows, Int64s)

NOT_FOUND = -1


@dataclass(frozen=True, slots=True)
class _Index:
    """Sorted keys, and the row of each."""

    keys: UInt64s
    order: Int64s


def _index_of(keys: UInt64s) -> _Index:
    order = np.argsort(keys, kind="stable")
    return _Index(keys[order], order)


@dataclass(slots=True)
class OpenBook:
    """k open decisions; `owner` is the customer's row in the working set.

    rows : structured array, learning/open_decisions.py
    owner : shape (k,)
    changed : shape (n_customers,), whose value has to be written again
    """

    rows: Rows
    owner: Int64s
    changed: Bools
    _index: _Index | None = field(init=False, default=None)
    _room: tuple[Rows, Int64s] = field(init=False)

    def __post_init__(self) -> None:
        """Begin without room for more."""
        self._room = self.rows, self.owner

    def find(self, owner: Int64s, role: Int64s, offset: Int64s) -> Int64s:
        """Return the index of each outcome's decision, `NOT_FOUND` where there is none.

        Parameters
        ----------
        owner : shape (n,), customer rows
        role, offset : shape (n,), the position that the outcome's decision id names
        """
        if len(self.rows) == 0 or len(owner) == 0:
            return np.full(len(owner), NOT_FOUND, dtype=np.int64)
        if self._index is None:
            self._index = _index_of(_key(self.owner, self.rows["topic_code"], self.rows["offset"]))
        places = np.searchsorted(self._index.keys, _key(owner, role, offset))
        index = self._index.order[np.minimum(places, len(self.rows) - 1)]
        is_same = (
            (self.owner[index] == owner)
            & (self.rows["topic_code"][index] == role)
            & (self.rows["offset"][index] == offset)
        )
        return np.where(is_same, index, NOT_FOUND)

    def append(self, owner: Int64s, rows: Rows) -> None:
        """Add the decisions that were just made."""
        start, end = len(self.rows), len(self.rows) + len(rows)
        if end > len(self._room[0]):
            # Room for half as many again: every wave appends, and a row is half a kilobyte.
            self._room = _with_room(self.rows, end + end // 2), _with_room(self.owner, end + end // 2)
        self._room[0][start:end], self._room[1][start:end] = rows, owner
        self.rows, self.owner = self._room[0][:end], self._room[1][:end]
        self.changed[owner] = True
        self._index = None

    def owning_more_than(self, limit: int, owner: Int64s) -> Int64s:
        """Return which of these customers own more than `limit` decisions."""
        return owner[np.bincount(self.owner, minlength=len(self.changed))[owner] > limit]

    def remove_owner(self, owner: int) -> None:
        """Forget all decisions of an erased customer; indexes given out before are invalid after it."""
        keep = self.owner != owner
        self.rows, self.owner = self._room = self.rows[keep], self.owner[keep]
        self.changed[owner] = True
        self._index = None


def _with_room(values: Values, length: int) -> Values:
    """Return a longer array that begins with `values`."""
    roomy = np.empty(length, values.dtype)
    roomy[: len(values)] = values
    return roomy


def _key(owner: Int64s, role: Int64s, offset: Int64s) -> UInt64s:
    """Mix three numbers to one sort key (SplitMix64's finaliser); `find` compares the parts again."""
    mixed = owner.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= role.astype(np.uint64) << np.uint64(58)
    mixed ^= offset.astype(np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
