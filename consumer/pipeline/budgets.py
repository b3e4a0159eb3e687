"""Budgets of offers, as they stand on each partition and bank day.

What was spent is kept with the partition's position, so it moves in the same atomic write as the
contacts that spent it:

    extra = {"budget:20731:gold_card_upgrade": 12.0}      12 offers made on bank day 20731

A budget is the one thing that customers of a partition share, so the order of decisions matters when it
runs out, and waves change that order. A batch in which a budget ran out is therefore run again, cut
where it could run out at the earliest: within a part there are at most as many triggers as pieces are
left, so no decision of the part can find an empty budget, in whatever order they are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from consumer.features.event_columns import Int64s
from consumer.policy.budgets import NO_LIMIT, budgets_of_partitions
from consumer.policy.compiled import CompiledPolicy

_PREFIX: Final = "budget:"
_DAYS: Final = 2**32
"""More than there are days: partition and day make one number that can be sorted."""


@dataclass(frozen=True, slots=True)
class BudgetLeft:
    """What n decisions may still spend.

    group : shape (n,), row of `left`
    left : shape (groups, offers)
    keys : (partition, bank day) of each group
    """

    group: Int64s
    left: Int64s
    keys: Sequence[tuple[int, int]]


def budget_left(
    policy: CompiledPolicy,
    extra: dict[int, dict[str, float]],
    *,
    partition: Int64s,
    bank_day: Int64s,
    n_partitions: int,
) -> BudgetLeft:
    """Return the budgets that decisions on these partitions and bank days draw on."""
    pairs, group = np.unique(partition * _DAYS + bank_day, return_inverse=True)
    partitions, days = np.divmod(pairs, _DAYS)
    left = budgets_of_partitions(policy.budgets_per_day, partitions, n_partitions=n_partitions)
    keys = list(zip(partitions.tolist(), days.tolist(), strict=True))
    limited = np.flatnonzero(policy.budgets_per_day < NO_LIMIT).tolist()
    for row, (number, day) in enumerate(keys):
        spent = extra[number]
        for offer in limited if spent else ():
            left[row, offer] -= int(spent.get(_key(day, policy.catalogue.offers[offer].offer_id), 0.0))
    return BudgetLeft(group, left, keys)


def spend(
    policy: CompiledPolicy, extra: dict[int, dict[str, float]], budget: BudgetLeft, reserved: Int64s
) -> bool:
    """Note what the decisions took; return whether a budget ran out."""
    is_spent = (reserved > 0) & (budget.left < NO_LIMIT // 2)
    for row, offer in np.argwhere(is_spent).tolist():
        partition, day = budget.keys[row]
        key = _key(day, policy.catalogue.offers[offer].offer_id)
        extra[partition][key] = extra[partition].get(key, 0.0) + float(reserved[row, offer])
    return bool(((reserved > 0) & (reserved >= budget.left)).any())


def forget_days(extra: dict[str, float], first_day: int) -> None:
    """Forget what was spent before bank day `first_day`: the stream is past it, no decision can ask any more.

    Done once at the end of a batch, never between its decisions: waves do not come in order of time.
    """
    for key in [key for key in extra if key.startswith(_PREFIX) and _day_of(key) < first_day]:
        del extra[key]


def rows_within_budgets(budget: BudgetLeft) -> int:
    """Return how many of n triggers, in order, surely find every budget as it stands now; at least 1.

    Budgets that are spent already stay spent, so only those with something left can run out.
    """
    can_run_out = (budget.left > 0) & (budget.left < NO_LIMIT // 2)
    least = np.where(can_run_out, budget.left, NO_LIMIT).min(axis=1, initial=NO_LIMIT)
    order = np.argsort(budget.group, kind="stable")
    grouped = budget.group[order]
    turn = np.empty(len(order), dtype=np.int64)
    turn[order] = np.arange(len(order)) - np.searchsorted(grouped, grouped, side="left")
    too_late = np.flatnonzero(turn + 1 > least[budget.group])
    return int(too_late[0]) if len(too_late) else len(budget.group)


def _key(day: int, offer_id: str) -> str:
    return f"{_PREFIX}{day}:{offer_id}"


def _day_of(key: str) -> int:
    return int(key.removeprefix(_PREFIX).partition(":")[0])
