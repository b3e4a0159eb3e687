"""How far two tables of the same numbers are apart, column by column.

    different   the two numbers are further apart than the tolerance allows; each such pair is one of
    missing     the store has the feature's default, the history something else: it was not counted
    extra       the history has the default, the store something else: it was counted, or counted twice
    mismatch    both have something

Rules of this file: pure; columns in, one line a feature out; customers are named by a hash only.

Theory: SMAPE, the mean of 2 |a − b| / (|a| + |b|) with 0/0 = 0, is 0 for equal columns and at most 2; unlike a
relative error it treats both sides alike and needs no true value.

References
----------
Makridakis (1993), Accuracy measures: theoretical and practical concerns, International Journal of Forecasting 9(4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from consumer.features.event_columns import Bools, Floats
from consumer.vocabulary.ids import stable_hash64

EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far apart two equal numbers may be: `relative` of the larger one, and `absolute` at least."""

    relative: float = 1e-5
    absolute: float = 1e-5


@dataclass(frozen=True, slots=True)
class ColumnDifference:
    """One feature. The three rates are shares of `compared`."""

    name: str
    compared: int
    different: int
    missing_rate: float
    extra_rate: float
    mismatch_rate: float
    largest_difference: float
    smape: float
    examples: tuple[str, ...]


def differences(
    names: Sequence[str],
    defaults: Floats,
    *,
    from_history: Floats,
    found: Floats,
    owners: Sequence[str],
    tolerance: Tolerance,
) -> list[ColumnDifference]:
    """Return one line for each column.

    Parameters
    ----------
    names, defaults : shape (k,), of the columns
    from_history, found : shape (n, k), the same customers or decisions
    owners : the n customer ids

    Examples
    --------
    >>> [line] = differences(
    ...     ["n"], np.zeros(1), from_history=np.array([[1.0], [2.0]]), found=np.array([[1.0], [0.0]]),
    ...     owners=["c-1", "c-2"], tolerance=Tolerance())
    >>> line.different, line.missing_rate, line.largest_difference, line.smape
    (1, 0.5, 2.0, 1.0)
    """
    apart = np.abs(from_history - found)
    size = np.maximum(np.abs(from_history), np.abs(found))
    is_different = apart > np.maximum(tolerance.relative * size, tolerance.absolute)
    total = np.abs(from_history) + np.abs(found)
    smape = np.where(total > 0, 2 * apart / np.where(total > 0, total, 1.0), 0.0)
    is_missing = is_different & (found == defaults)
    is_extra = is_different & (from_history == defaults)
    return [
        ColumnDifference(
            name=name,
            compared=len(found),
            different=int(is_different[:, place].sum()),
            missing_rate=_rate(is_missing[:, place]),
            extra_rate=_rate(is_extra[:, place]),
            mismatch_rate=_rate((is_different & ~is_missing & ~is_extra)[:, place]),
            largest_difference=float(apart[:, place].max(initial=0.0)),
            smape=float(smape[:, place].mean()) if len(found) else 0.0,
            examples=tuple(_largest(apart[:, place], is_different[:, place], owners)),
        )
        for place, name in enumerate(names)
    ]


def customer_hash(customer_id: str) -> str:
    """Return the name of a customer in reports: 16 hex characters of `stable_hash64`.

    Examples
    --------
    >>> len(customer_hash("c-1")), customer_hash("c-1") == customer_hash("c-2")
    (16, False)
    """
    return f"{stable_hash64(customer_id):016x}"


def _rate(is_so: Bools) -> float:
    return float(is_so.mean()) if len(is_so) else 0.0


def _largest(apart: Floats, is_different: Bools, owners: Sequence[str]) -> list[str]:
    """Return the customers with the largest differences, each once."""
    rows = np.flatnonzero(is_different)
    rows = rows[np.argsort(-apart[rows], kind="stable")]
    return [customer_hash(name) for name in dict.fromkeys(owners[row] for row in rows.tolist())][:EXAMPLES]
