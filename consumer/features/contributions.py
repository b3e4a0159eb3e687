"""What each event adds to the decayed sums: the habits of a customer, family by family.

Rules of this file: an event adds to a sum at most once, so that a wave is one indexed addition; a
family reads its own columns only. Amounts are in minor units, everything else counts.

Theory: salary regularity is circular statistics (Mardia & Jupp, 2000, "Directional statistics",
sec. 2.3): each salary is a unit vector at its phase of the week and of the month; the length of their
mean is 1 when they always come at the same phase and near 0 when they come at any time. Sums of
vectors do not depend on the order of arrival, intervals between salaries would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from consumer.features.decay import weight_at
from consumer.features.decayed_columns import SALARY_CYCLES_DAYS, DecayedColumns
from consumer.features.event_columns import (
    INTERACTION,
    OUTCOME,
    TRANSACTION,
    Bools,
    EventColumns,
    Floats,
    Int64s,
)
from consumer.features.layout import Records
from consumer.features.merchant_groups import NO_GROUP, merchant_group
from consumer.vocabulary.time import DAY_MS
from consumer.vocabulary.words import INTERACTION_KINDS, OUTCOME_KINDS, TRANSACTION_KINDS

_CASH_WITHDRAWAL: Final = TRANSACTION_KINDS.index("cash_withdrawal")
SALARY: Final = TRANSACTION_KINDS.index("salary")
_COMPLAINT: Final = INTERACTION_KINDS.index("complaint")
_COMPLAINED: Final = OUTCOME_KINDS.index("complained")

_INTEREST_WEIGHTS: Final = np.zeros(len(INTERACTION_KINDS))
_INTEREST_WEIGHTS[INTERACTION_KINDS.index("product_view")] = 1.0
_INTEREST_WEIGHTS[INTERACTION_KINDS.index("calculator_use")] = 2.0
_INTEREST_WEIGHTS[INTERACTION_KINDS.index("quote_request")] = 4.0
"""Looking, reckoning, asking: each step is worth about two of the one before."""

_STEP_OF_OUTCOME: Final = {
    OUTCOME_KINDS.index("viewed"): "seen",
    OUTCOME_KINDS.index("clicked"): "seen",
    OUTCOME_KINDS.index("accepted"): "accepted",
    OUTCOME_KINDS.index("purchased"): "accepted",
    OUTCOME_KINDS.index("rejected"): "refused",
}


@dataclass(frozen=True, slots=True)
class Contribution:
    """`amount` goes to the sum at `column` for the event at each of `rows`."""

    rows: Int64s
    column: Int64s
    amount: Floats


def add_contributions(
    records: Records, events: EventColumns, rows: Int64s, *, as_of_ms: Int64s, columns: DecayedColumns
) -> None:
    """Add what the events at `rows` contribute to their customers' decayed sums.

    Parameters
    ----------
    rows : events to add, each customer at most once
    as_of_ms : shape (len(rows),), time that the customers' sums are as of
    """
    parts = [
        part
        for part in (
            *_of_transactions(events, rows, columns),
            *_of_interactions(events, rows, columns),
            *_of_outcomes(events, rows, columns),
        )
        if len(part.rows)
    ]
    if not parts:
        return
    event = np.concatenate([part.rows for part in parts])
    column = np.concatenate([part.column for part in parts])
    amount = np.concatenate([part.amount for part in parts])
    place = np.searchsorted(rows, event)
    weight = weight_at(events.event_time_ms[rows], as_of_ms)[place, columns.group[column]]
    customer = events.customer[event]
    sums = records["decayed"]
    sums[customer, column] = sums[customer, column] + amount * weight


def _at(rows: Int64s, column: int, amount: Floats | None = None) -> Contribution:
    """Return a contribution of all rows to one column; without an amount each counts one."""
    return Contribution(rows, np.full(len(rows), column), np.ones(len(rows)) if amount is None else amount)


def _of_transactions(events: EventColumns, rows: Int64s, columns: DecayedColumns) -> Iterator[Contribution]:
    rows = rows[events.source[rows] == TRANSACTION]
    if not len(rows):
        return
    debits = rows[~events.is_credit[rows]]
    group = merchant_group(events.merchant_category[debits])
    known = group != NO_GROUP
    amount = events.amount_minor[debits].astype(np.float64)
    yield Contribution(debits[known], columns.start["spend"] + group[known], amount[known])
    yield _at(debits, columns.start["debit"], amount)
    is_cash = events.kind[debits] == _CASH_WITHDRAWAL
    yield _at(debits[is_cash], columns.start["debit"] + 1, amount[is_cash])
    yield from _of_balances(events, rows[events.has_balance[rows]], columns)
    yield from _of_salaries(events, rows[is_salary(events, rows)], columns)


def is_salary(events: EventColumns, rows: Int64s) -> Bools:
    """Return which of `rows`, all transactions, are salaries that came in."""
    return np.asarray((events.kind[rows] == SALARY) & events.is_credit[rows])


def _of_balances(events: EventColumns, rows: Int64s, columns: DecayedColumns) -> Iterator[Contribution]:
    sums_and_weights = np.concatenate([events.balance_minor[rows], np.ones(len(rows))])
    fast, slow = columns.start["balance_fast"], columns.start["balance_slow"]
    yield Contribution(
        rows=np.concatenate([rows] * 4),
        column=np.repeat([fast, fast + 1, slow, slow + 1], len(rows)),
        amount=np.concatenate([sums_and_weights] * 2),
    )


def _of_salaries(events: EventColumns, rows: Int64s, columns: DecayedColumns) -> Iterator[Contribution]:
    if not len(rows):
        return
    first = columns.start["salary"]
    yield _at(rows, first)
    for cycle, days in enumerate(SALARY_CYCLES_DAYS):
        cycle_ms = int(days * DAY_MS)
        phase = events.event_time_ms[rows] % cycle_ms * (2 * np.pi / cycle_ms)
        yield _at(rows, first + 1 + 2 * cycle, np.cos(phase))
        yield _at(rows, first + 2 + 2 * cycle, np.sin(phase))


def _of_interactions(events: EventColumns, rows: Int64s, columns: DecayedColumns) -> Iterator[Contribution]:
    rows = rows[events.source[rows] == INTERACTION]
    if not len(rows):
        return
    ones = np.ones(len(rows))
    kind = events.kind[rows].astype(np.int64)
    yield Contribution(rows, columns.start["channel"] + events.channel[rows].astype(np.int64), ones)
    yield Contribution(rows, columns.start["kind"] + kind, ones)
    interest = _INTEREST_WEIGHTS[kind]
    asked = (interest > 0) & (events.product[rows] >= 0)
    yield Contribution(rows[asked], columns.start["interest"] + events.product[rows[asked]], interest[asked])
    yield _at(rows[kind == _COMPLAINT], columns.start["complaints"])
    yield from _of_satisfaction(events, rows, columns)


def _of_outcomes(events: EventColumns, rows: Int64s, columns: DecayedColumns) -> Iterator[Contribution]:
    rows = rows[events.source[rows] == OUTCOME]
    if not len(rows):
        return
    yield _at(rows[events.kind[rows] == _COMPLAINED], columns.start["complaints"])
    yield from _of_satisfaction(events, rows, columns)
    of_known_offer = rows[events.product[rows] >= 0]
    for kind, step in _STEP_OF_OUTCOME.items():
        stepped = of_known_offer[events.kind[of_known_offer] == kind]
        channel = columns.start[f"offers_{step}_channel"] + events.channel[stepped].astype(np.int64)
        product = columns.start[f"offers_{step}_product"] + events.product[stepped]
        yield Contribution(stepped, channel, np.ones(len(stepped)))
        yield Contribution(stepped, product, np.ones(len(stepped)))


def _of_satisfaction(events: EventColumns, rows: Int64s, columns: DecayedColumns) -> Iterator[Contribution]:
    answered = rows[events.satisfaction[rows] > 0]
    yield _at(answered, columns.start["satisfaction"], events.satisfaction[answered].astype(np.float64))
    yield _at(answered, columns.start["satisfaction"] + 1)
