"""Where the bank's chance comes from: one generator for each purpose and day.

Rules of this file: no global random state. A generator is a function of (seed, purpose, day), and
exactly one array, customer by customer, is drawn from it; so a customer's day depends on the seed,
the customer and the day alone, not on how many other customers there are or what happened before.
Draws about one offer come from the decision's id, so the same decision always meets the same luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.vocabulary.ids import stable_hash64
from consumer.vocabulary.time import DAY_MS, HOUR_MS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_HOURS: Final = 24


class Purpose(IntEnum):
    """What an array of draws is for. Numbers are part of every seed's meaning: append only."""

    TRAITS = 1
    TRAIT_NORMALS = 2
    TASTES = 3
    CARDS = 4
    CARD_NORMALS = 5
    ROUTINE = 6
    ROUTINE_NORMALS = 7
    SESSIONS = 8
    SERVICE = 9
    LIFE = 10
    ORGANIC = 11
    CAMPAIGN = 12
    ARRIVAL = 13
    FAULTS = 14
    PAST_LIFE = 15
    HABITS = 16
    HOLDINGS = 17
    CHANNELS = 18
    OUTCOME_FAULTS = 19


def generator(seed: int, purpose: Purpose, day: int = 0) -> np.random.Generator:
    """Return the generator of one purpose on one day."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(int(purpose), day))))


def uniforms(seed: int, purpose: Purpose, day: int, shape: tuple[int, ...]) -> Floats:
    """Return uniform draws in [0, 1); the first axis is the customer."""
    return generator(seed, purpose, day).random(shape)


def normals(seed: int, purpose: Purpose, day: int, shape: tuple[int, ...]) -> Floats:
    """Return standard normal draws; the first axis is the customer."""
    return generator(seed, purpose, day).standard_normal(shape)


def offer_luck(seed: int, decision_id: str, count: int) -> Floats:
    """Return the `count` uniform draws that belong to one decision.

    Examples
    --------
    >>> bool((offer_luck(1, "d-1", 3) == offer_luck(1, "d-1", 3)).all())
    True
    """
    return np.random.Generator(np.random.PCG64([seed, stable_hash64(decision_id)])).random(count)


def poisson_counts(draws: Floats, rates: Floats, *, most: int) -> Ints:
    """Return Poisson counts by inversion, at most `most`: one uniform draw gives one count.

    Examples
    --------
    >>> poisson_counts(np.array([0.1, 0.9, 0.999]), np.array([1.0, 1.0, 1.0]), most=3)
    array([0, 2, 3])
    """
    term = np.exp(-rates)
    cumulated = term.copy()
    counts = np.zeros(draws.shape, dtype=np.int64)
    for k in range(1, most + 1):
        counts += draws >= cumulated
        term = term * rates / k
        cumulated = cumulated + term
    return counts


def choose(draws: Floats, weights: Floats) -> Ints:
    """Return for each draw the index of the weight it falls on; the last axis holds the weights."""
    cumulated = np.cumsum(weights, axis=-1)
    chosen: Ints = (draws[..., None] * cumulated[..., -1:] >= cumulated[..., :-1]).sum(axis=-1)
    return chosen


def times_of_day_ms(draws: Floats, hour_weights: Sequence[float]) -> Ints:
    """Return times after midnight in ms, distributed as the 24 hourly weights say.

    Examples
    --------
    >>> times_of_day_ms(np.array([0.5]), [0.0] * 12 + [1.0] + [0.0] * 11) / HOUR_MS
    array([12.5])
    """
    cumulated = np.concatenate([[0.0], np.cumsum(hour_weights)])
    hours = np.interp(draws, cumulated / cumulated[-1], np.arange(_HOURS + 1.0))
    times: Ints = np.minimum((hours * HOUR_MS).astype(np.int64), DAY_MS - 1)
    return times


def sigmoid(logits: Floats) -> Floats:
    """Return 1 / (1 + e^-x)."""
    return 1.0 / (1.0 + np.exp(-np.clip(logits, -50.0, 50.0)))
