"""Every named feature of a set of customers, as of each record's `as_of_ms`.

Rules of this file: raw units; one function a block of the feature table, which fills the block's columns
in its order; missing values are the catalogue's defaults, so the result is always finite. Element by element or along an
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
from consumer.features.event_columns import NO_DAY, Floats, Int64s
from consumer.features.feature import (
    DEFAULT_AGE_YEARS,
    DEFAULT_CREDIT_SCORE,
    DEFAULT_SATISFACTION,
    NEVER_DAYS,
)
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


Fill = Callable[[_State, Floats], None]
"""Writes the features of one block into its columns, shape (n, features of the block)."""


def feature_values(catalogue: FeatureCatalogue, records: Records) -> Floats:
    """Return every feature of every record, shape (n, n_features), finite, in catalogue order."""
    state = _State(
        records=records,
        as_of_ms=np.ascontiguousarray(records["as_of_ms"]),
        totals=tiles.window_totals(records),
        decayed=decay.values_of(records, catalogue.columns.group),
        columns=catalogue.columns,
    )
    values = np.empty((len(records), len(catalogue.features)))
    for name, place in catalogue.block_places.items():
        _BLOCKS[name](state, values[:, place])
    return values


def _ratio(numerator: Floats, denominator: Floats, default: float) -> Floats:
    """Return numerator / denominator, `default` where the denominator is 0."""
    ratio = np.full(denominator.shape, default)
    np.divide(numerator, denominator, out=ratio, where=denominator > 0)
    return ratio


def _money(state: _State, out: Floats) -> None:
    totals = state.totals
    n, n_windows = len(out), len(WINDOWS)
    by_aggregate = out.reshape(n, 2, 4, n_windows)
    by_aggregate[:, :, 0] = totals.sum_minor
    by_aggregate[:, :, 1] = totals.count
    by_aggregate[:, :, 2] = _ratio(by_aggregate[:, :, 0], by_aggregate[:, :, 1], 0.0)
    by_aggregate[:, :, 3] = totals.max_minor


def _flow(state: _State, out: Floats) -> None:
    total, count = state.totals.sum_minor.astype(np.float64), state.totals.count
    debit, credit = total[:, DEBIT], total[:, CREDIT]
    spent = state.family("debit")
    out[:, 0] = credit[:, _DAYS_30] - debit[:, _DAYS_30]
    out[:, 1] = _ratio(3.0 * debit[:, _DAYS_30], debit[:, _DAYS_90], 1.0)
    out[:, 2] = _ratio(3.0 * credit[:, _DAYS_30], credit[:, _DAYS_90], 1.0)
    out[:, 3] = np.clip(_ratio(spent[:, 1], spent[:, 0], 0.0), 0.0, 1.0)
    out[:, 4] = count[:, DEBIT, _DAYS_90] + count[:, CREDIT, _DAYS_90]
    out[:, 5] = debit[:, _DAYS_90] + credit[:, _DAYS_90]


def _days_since(state: _State, time_ms: Int64s, default: float) -> Floats:
    days = np.maximum(state.as_of_ms - time_ms, 0) / DAY_MS
    return np.where(time_ms > 0, days, default)


def _recency(state: _State, out: Floats) -> None:
    for column, (name, default) in enumerate(_SINCE.items()):
        time_ms = state.records[name].astype(np.int64) * SECOND_MS
        out[:, column] = _days_since(state, time_ms, default)


_SINCE: Final = {
    "last_transaction_s": NEVER_DAYS,
    "last_interaction_s": NEVER_DAYS,
    "first_event_s": 0.0,
}


def _salary(state: _State, out: Floats) -> None:
    at_ms = state.records["salary_ms"]
    out[:, 0] = state.records["salary_minor"]
    out[:, 1] = _days_since(state, at_ms, NEVER_DAYS)
    out[:, 2] = _salary_regularity(state)
    out[:, 3] = at_ms > 0


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


def _balance(state: _State, out: Floats) -> None:
    fast, slow = state.family("balance_fast"), state.family("balance_slow")
    usual = _ratio(slow[:, 0], slow[:, 1], 0.0)
    lately = np.where(fast[:, 1] > 0, _ratio(fast[:, 0], fast[:, 1], 0.0), usual)
    out[:, 0] = state.records["balance_minor"]
    out[:, 1] = usual
    out[:, 2] = lately - usual
    out[:, 3] = state.records["balance_ms"] > 0


def _experience(state: _State, out: Floats) -> None:
    answers = state.family("satisfaction")
    kinds = state.family("kind")
    effort = np.zeros(len(kinds))
    for kind, weight in _ENGAGEMENT.items():
        effort += weight * kinds[:, INTERACTION_KINDS.index(kind)]
    out[:, 0] = state.family("complaints")[:, 0]
    out[:, 1] = np.clip(_ratio(answers[:, 0], answers[:, 1], DEFAULT_SATISFACTION), 1.0, 5.0)
    out[:, 2] = answers[:, 1] > 0
    out[:, 3] = 1.0 - np.exp2(effort / -_ENGAGEMENT_HALF)


def _offers(state: _State, out: Floats) -> None:
    column = len(OFFER_STEPS)
    for kind in ("channel", "product"):
        for place, step in enumerate(OFFER_STEPS):
            block = state.family(f"offers_{step}_{kind}")
            out[:, column : column + block.shape[1]] = block
            column += block.shape[1]
            if kind == "channel":
                out[:, place] = np.ascontiguousarray(block).sum(axis=1)


def _profile(state: _State, out: Floats) -> None:
    records = state.records
    score, income = records["credit_score"], records["income_minor"]
    has_birth, has_joined = records["birth_day"] > 0, records["joined_day"] > 0
    n_words = len(EMPLOYMENT_STATUSES)
    products = np.arange(records.dtype["affinity"].shape[0])
    holds = records["holdings"][:, None] >> products & 1
    out[:, 0] = np.where(has_birth, _years_since(state, "birth_day"), DEFAULT_AGE_YEARS)
    out[:, 1] = has_birth
    out[:, 2] = np.where(has_joined, _years_since(state, "joined_day"), 0.0)
    out[:, 3] = np.maximum(income - 1, 0)
    out[:, 4] = income > 0
    out[:, 5] = np.where(score > 0, score - 1.0, DEFAULT_CREDIT_SCORE)
    out[:, 6] = score > 0
    out[:, 7] = np.maximum(records["credit_limit_minor"] - 1, 0)
    out[:, 8] = holds.sum(axis=1)
    out[:, 9 : 9 + n_words] = records["employment_status"][:, None] == np.arange(1, n_words + 1)
    out[:, 9 + n_words :] = holds


def _years_since(state: _State, name: str) -> Floats:
    day = state.records[name].astype(np.int64) + NO_DAY
    return np.asarray(np.maximum(state.as_of_ms // DAY_MS - day, 0) / YEAR_DAYS)


def _traits(state: _State, out: Floats) -> None:
    records = state.records
    out[:, 0] = segment_of(records)
    out[:, 1] = records["lifetime_value_minor"]
    out[:, 2] = records["churn_probability"] * PROBABILITY_UNIT
    out[:, 3] = (records["traits_flags"] & (HAS_LIFETIME_VALUE | HAS_CHURN_PROBABILITY)) > 0
    out[:, 4:] = records["affinity"] * PROBABILITY_UNIT


def _family(name: str) -> Fill:
    """Return the block that is a family of decayed sums as it is."""

    def fill(state: _State, out: Floats) -> None:
        out[:] = state.family(name)

    return fill


_BLOCKS: Final[dict[str, Fill]] = {
    "money": _money,
    "flow": _flow,
    "recency": _recency,
    "salary": _salary,
    "balance": _balance,
    "spend": _family("spend"),
    "channel": _family("channel"),
    "interaction": _family("kind"),
    "interest": _family("interest"),
    "experience": _experience,
    "offers": _offers,
    "profile": _profile,
    "traits": _traits,
}
