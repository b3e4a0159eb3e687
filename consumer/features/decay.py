"""Exponentially decayed sums: what a customer did lately, in one number per family member.

A decayed sum forgets smoothly instead of in window steps. It needs four bytes a member, so wide
families (merchant groups, channels, products) can afford it where tiles cannot.

Rules of this file: pure; event time only; arithmetic in 64 bits, storage in 32.

Theory: with half-life h, an amount a seen at time s counts a * 2 ** (-(t - s) / h) at time t. Ageing
every sum of a record at every event would be the dearest step of the fold. Forward decay (Cormode,
Shkapenyuk, Srivastava and Xu, 2009, "Forward decay: a practical time decay model for streaming
systems", ICDE, eq. 2) stores instead the sum as of a landmark L, S = Σ a * 2 ** ((s - L) / h): an event
only touches its own sum, and the value at t is S * 2 ** (-(t - L) / h). Numbers would grow with t, so
our landmark moves: it is the last whole multiple of h before the record's `as_of_ms`, and moving it by
k half-lives multiplies by 2 ** -k, which is exact in binary. Hence only the additions round, and the
order of arrival changes a sum by no more than that.

    h = 30 d      |0 .............. |30 ............. |60 ... day
    as_of day 42                    L      ^as_of            stored = value * 2 ** (12 / 30)
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.features.event_columns import Floats, Int64s
from consumer.features.layout import Records
from consumer.vocabulary.time import DAY_MS

HALF_LIFE_DAYS: Final = (7, 30, 90)
"""Mood of the week, habit of the month, attitude of the season."""

_HALF_LIFE_MS: Final = np.array(HALF_LIFE_DAYS) * DAY_MS

FORGOTTEN: Final = 2.0**-20
"""A sum below it becomes 0 when its landmark moves: it is far below a cent and a contact, storing it
costs four bytes, and shrinking on it would end in slow denormal numbers."""

_MAX_HALVINGS: Final = 200
"""More halvings than this empty any 32-bit float; the bound keeps 2 ** -k a normal number."""


def landmarks(as_of_ms: Int64s) -> Int64s:
    """Return the landmark of each half-life as a number of half-lives since 1970, shape (n, 3)."""
    return np.asarray(as_of_ms[:, None] // _HALF_LIFE_MS)


def weight_at(time_ms: Int64s, as_of_ms: Int64s) -> Floats:
    """Return what one unit at `time_ms` adds to a stored sum as of `as_of_ms`, for each half-life.

    Parameters
    ----------
    time_ms : shape (n,), at most 365 d before `as_of_ms`
    as_of_ms : shape (n,)

    Returns
    -------
    shape (n, 3), in (0, 2)

    Examples
    --------
    >>> weight_at(np.array([30 * DAY_MS]), np.array([30 * DAY_MS]))[0, 1].item()
    1.0
    """
    half_lives = (time_ms[:, None] - landmarks(as_of_ms) * _HALF_LIFE_MS) / _HALF_LIFE_MS
    return np.asarray(np.exp2(half_lives))


def move_landmarks(
    records: Records, customers: Int64s, before_ms: Int64s, after_ms: Int64s, *, group: NDArray[np.intp]
) -> None:
    """Rescale the stored sums of customers whose time has passed a multiple of a half-life.

    Parameters
    ----------
    customers : shape (n,), rows of `records`, each at most once
    before_ms, after_ms : shape (n,), time that the sums are as of, and are to be as of
    group : shape (K,), half-life of each sum as a place in `HALF_LIFE_DAYS`
    """
    halvings = landmarks(after_ms) - landmarks(before_ms)
    moved = np.flatnonzero(halvings.any(axis=1))
    if not len(moved):
        return
    owner = customers[moved]
    factor = np.exp2(-np.minimum(halvings[moved], _MAX_HALVINGS).astype(np.float64)).astype(np.float32)
    sums = records["decayed"][owner]
    # Halving is exact in 32 bits too, down to far below what is forgotten.
    aged = sums * np.take(factor, group, axis=1)
    aged[(np.abs(aged) < FORGOTTEN) & (aged != sums)] = 0.0
    records["decayed"][owner] = aged


def values_of(records: Records, group: NDArray[np.intp]) -> Floats:
    """Return every decayed sum as of each record's `as_of_ms`, shape (n, K)."""
    as_of_ms = np.ascontiguousarray(records["as_of_ms"])
    unit = weight_at(as_of_ms, as_of_ms)
    return np.asarray(records["decayed"] / unit[:, group])
