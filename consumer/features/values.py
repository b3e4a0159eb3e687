"""Every named feature of a set of customers, as of each record's `as_of_ms`.

Rules of this file: raw units; one function a block of the feature table, columns in its order; missing
values are the catalogue's defaults, so the result is always finite. Element by element or along an
axis of fixed length only, so a row does not depend on the rows beside it, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from consumer.features import decay, tiles
from consumer.features.catalogue import FeatureCatalogue
from consumer.features.decayed_columns import OFFER_STEPS, DecayedColumns
from consumer.features.event_columns import NO_DAY, Bools, Floats, Int64s
from consumer.features.feature import (
    DEFAULT_AGE_YEARS,
    DEFAULT_CREDIT_SCORE,
    DEFAULT_SATISFACTION,
    NEVER_DAYS,
)
from consumer.features.feature_table import BLOCKS
from consumer.features.layout import Records
from consumer.features.tiles import CREDIT, DEBIT, WINDOWS, WindowTotals
from consumer.features.traits import HAS_CHURN_PROBABILITY, HAS_LIFETIME_VALUE, PROBABILITY_UNIT, segment_of
from consumer.vocabulary.time import DAY_MS, SECOND_MS, YEAR_DAYS
from consumer.vocabulary.words import EMPLOYMENT_STATUSES, INTERACTION_KINDS

_DAYS_30: Final = WINDOWS.index("30d")
_DAYS_90: Final = WINDOWS.index("90d")

_ENGAGEMENT: Final = {
    "login": 0.5,
    "page_view": 0.25,
    "search": 1.0,
    "product_view": 1.0,
    "calculator_use": 2.0,
    "quote_request": 3.0,
    "chat": 1.5,
    "call": 1.5,
    "visit": 2.0,
    "email_open": 0.25,
    "email_click": 1.0,
}
"""Effort of the customer, in product views; a complaint is not engagement."""

_ENGAGEMENT_HALF: Final = 8.0
"""Weighted interactions that make half of the score."""


@dataclass(frozen=True, slots=True)
class _State:
    """What the blocks read: the records, and what several of them need."""

    records: Records
    as_of_ms: Int64s
    totals: WindowTotals
    decayed: Floats
    columns: DecayedColumns

    def family(self, name: str) -> Floats:
        """Return the decayed sums of a family, shape (n, members)."""
        return self.decayed[:, self.columns.block(name)]


def feature_values(catalogue: FeatureCatalogue, records: Records) -> Floats:
    """Return every feature of every record, shape (n, n_features), finite, in catalogue order."""
    state = _State(
        records=records,
        as_of_ms=np.ascontiguousarray(records["as_of_ms"]),
        totals=tiles.window_totals(records),
        decayed=decay.values_of(records, catalogue.columns.group),
        columns=catalogue.columns,
    )
    return np.concatenate([_BLOCKS[block.name](state) for block in BLOCKS], axis=1)


def _stack(*columns: Floats | Bools | Int64s) -> Floats:
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


def _ratio(numerator: Floats, denominator: Floats, default: float) -> Floats:
    """Return numerator / denominator, `default` where the denominator is 0."""
    known = denominator > 0
    return np.where(known, numerator / np.where(known, denominator, 1.0), default)


def _money(state: _State) -> Floats:
    totals = state.totals
    count, total = totals.count.astype(np.float64), totals.sum_minor.astype(np.float64)
    by_aggregate = np.stack([total, count, _ratio(total, count, 0.0), totals.max_minor], axis=2)
    return by_aggregate.reshape(len(state.records), 2 * 4 * len(WINDOWS))


def _flow(state: _State) -> Floats:
    total, count = state.totals.sum_minor.astype(np.float64), state.totals.count
    debit, credit = total[:, DEBIT], total[:, CREDIT]
    spent = state.family("debit")
    return _stack(
        credit[:, _DAYS_30] - debit[:, _DAYS_30],
        _ratio(3.0 * debit[:, _DAYS_30], debit[:, _DAYS_90], 1.0),
        _ratio(3.0 * credit[:, _DAYS_30], credit[:, _DAYS_90], 1.0),
        np.clip(_ratio(spent[:, 1], spent[:, 0], 0.0), 0.0, 1.0),
        count[:, DEBIT, _DAYS_90] + count[:, CREDIT, _DAYS_90],
        debit[:, _DAYS_90] + credit[:, _DAYS_90],
    )


def _days_since(state: _State, time_ms: Int64s, default: float) -> Floats:
    days = np.maximum(state.as_of_ms - time_ms, 0) / DAY_MS
    return np.where(time_ms > 0, days, default)


def _recency(state: _State) -> Floats:
    last_transaction_ms, last_interaction_ms, first_event_ms = (
        state.records[name].astype(np.int64) * SECOND_MS
        for name in ("last_transaction_s", "last_interaction_s", "first_event_s")
    )
    return _stack(
        _days_since(state, last_transaction_ms, NEVER_DAYS),
        _days_since(state, last_interaction_ms, NEVER_DAYS),
        _days_since(state, first_event_ms, 0.0),
    )


def _salary(state: _State) -> Floats:
    return _stack(
        state.records["salary_minor"],
        _days_since(state, state.records["salary_ms"], NEVER_DAYS),
        _salary_regularity(state),
        state.records["salary_ms"] > 0,
    )


def _salary_regularity(state: _State) -> Floats:
    """Return how regular the salary is, 0 (no cycle, or fewer than two salaries) to 1.

    R² = (C² + S²) / n² of the phases is biased upwards for few salaries, to 1 for a single one; the
    estimate here is the unbiased (n R² - 1) / (n - 1), with the decayed count as n (our deviation).

    References
    ----------
    Mardia and Jupp (2000), "Directional statistics", sec. 2.3.1 and 4.8.1
    """
    n, *vectors = state.family("salary").T
    week = vectors[0] ** 2 + vectors[1] ** 2
    month = vectors[2] ** 2 + vectors[3] ** 2
    squared = _ratio(np.maximum(week, month), n**2, 0.0)
    unbiased = _ratio(n * squared - 1.0, n - 1.0, 0.0)
    return np.asarray(np.sqrt(np.clip(unbiased, 0.0, 1.0)))


def _balance(state: _State) -> Floats:
    fast, slow = state.family("balance_fast"), state.family("balance_slow")
    usual = _ratio(slow[:, 0], slow[:, 1], 0.0)
    lately = np.where(fast[:, 1] > 0, _ratio(fast[:, 0], fast[:, 1], 0.0), usual)
    return _stack(state.records["balance_minor"], usual, lately - usual, state.records["balance_ms"] > 0)


def _experience(state: _State) -> Floats:
    answers = state.family("satisfaction")
    mean = np.clip(_ratio(answers[:, 0], answers[:, 1], DEFAULT_SATISFACTION), 1.0, 5.0)
    kinds = state.family("kind")
    effort = np.zeros(len(kinds))
    for kind, weight in _ENGAGEMENT.items():
        effort += weight * kinds[:, INTERACTION_KINDS.index(kind)]
    engagement = 1.0 - np.exp2(effort / -_ENGAGEMENT_HALF)
    return _stack(state.family("complaints")[:, 0], mean, answers[:, 1] > 0, engagement)


def _offers(state: _State) -> Floats:
    by_channel = [state.family(f"offers_{step}_channel") for step in OFFER_STEPS]
    by_product = [state.family(f"offers_{step}_product") for step in OFFER_STEPS]
    totals = _stack(*(np.ascontiguousarray(block).sum(axis=1) for block in by_channel))
    return np.concatenate([totals, *by_channel, *by_product], axis=1)


def _profile(state: _State) -> Floats:
    records = state.records
    score, income = records["credit_score"], records["income_minor"]
    has_birth, has_joined = records["birth_day"] > 0, records["joined_day"] > 0
    status = records["employment_status"][:, None] == np.arange(1, len(EMPLOYMENT_STATUSES) + 1)
    products = np.arange(records.dtype["affinity"].shape[0])
    holds = records["holdings"][:, None] >> products & 1
    numbers = _stack(
        np.where(has_birth, _years_since(state, "birth_day"), DEFAULT_AGE_YEARS),
        has_birth,
        np.where(has_joined, _years_since(state, "joined_day"), 0.0),
        np.maximum(income - 1, 0),
        income > 0,
        np.where(score > 0, score - 1.0, DEFAULT_CREDIT_SCORE),
        score > 0,
        np.maximum(records["credit_limit_minor"] - 1, 0),
        holds.sum(axis=1),
    )
    return np.concatenate([numbers, status, holds], axis=1)


def _years_since(state: _State, name: str) -> Floats:
    day = state.records[name].astype(np.int64) + NO_DAY
    return np.asarray(np.maximum(state.as_of_ms // DAY_MS - day, 0) / YEAR_DAYS)


def _traits(state: _State) -> Floats:
    records = state.records
    numbers = _stack(
        segment_of(records),
        records["lifetime_value_minor"],
        records["churn_probability"] * PROBABILITY_UNIT,
        (records["traits_flags"] & (HAS_LIFETIME_VALUE | HAS_CHURN_PROBABILITY)) > 0,
    )
    return np.concatenate([numbers, records["affinity"] * PROBABILITY_UNIT], axis=1)


_BLOCKS: Final[dict[str, Callable[[_State], Floats]]] = {
    "money": _money,
    "flow": _flow,
    "recency": _recency,
    "salary": _salary,
    "balance": _balance,
    "spend": lambda state: state.family("spend"),
    "channel": lambda state: state.family("channel"),
    "interaction": lambda state: state.family("kind"),
    "interest": lambda state: state.family("interest"),
    "experience": _experience,
    "offers": _offers,
    "profile": _profile,
    "traits": _traits,
}
