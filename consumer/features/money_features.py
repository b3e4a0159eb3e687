"""Features of money: amounts in windows, flow, recency, salary and balance.

Rules of this file: data only; each function is a block of the table, in the order of `values`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from consumer.features.feature import (
    COUNT,
    MARKS_DEFAULT,
    MONEY,
    NEVER_DAYS,
    SIGNED_MONEY,
    Feature,
    Features,
    Transform,
)
from consumer.features.tiles import WINDOWS

_transactional = partial(Feature, source="transactions")
_last = partial(_transactional, aggregation="last value")
_ratio = partial(_transactional, aggregation="ratio of sums")
_sum = partial(_transactional, aggregation="sum", window="90d", in_model=False)
_elapsed = partial(Feature, unit="days", aggregation="time since", transform=COUNT)


@dataclass(frozen=True, slots=True)
class _Aggregate:
    """How the amounts of a window become a number, and for which windows the models see it."""

    name: str
    unit: str
    transform: Transform
    modelled: tuple[str, ...]
    words: str


_AGGREGATES: Final = (
    _Aggregate("sum", "minor", MONEY, ("7d", "30d", "90d"), "total of"),
    _Aggregate("count", "count", COUNT, ("24h", "30d"), "number of"),
    _Aggregate("mean", "minor", MONEY, (), "mean of"),
    _Aggregate("max", "minor", MONEY, ("90d",), "largest of"),
)
_WINDOW_WORDS: Final = {"1h": "hour", "24h": "24 hours"} | {
    f"{days}d": f"{days} days" for days in (7, 30, 90, 365)
}


def _windowed(direction: str, aggregate: _Aggregate, window: str) -> Feature:
    in_model = window in aggregate.modelled
    return _transactional(
        f"{direction}_{aggregate.name}_{window}",
        aggregate.unit,
        aggregation=aggregate.name,
        window=window,
        transform=aggregate.transform,
        in_model=in_model,
        why="size and rhythm of money" if in_model else "for rules and pages; models see its neighbours",
        text=f"{aggregate.words} {direction}s of the last {_WINDOW_WORDS[window]}",
    )


def money(_products: Sequence[str]) -> Features:
    """Return count, sum, mean and maximum of debits and credits in each window."""
    return tuple(
        _windowed(direction, aggregate, window)
        for direction in ("debit", "credit")
        for aggregate in _AGGREGATES
        for window in WINDOWS
    )


def flow(_products: Sequence[str]) -> Features:
    """Return what windows say about each other."""
    trend = partial(_ratio, unit="ratio", window="30d / 90d", default=1.0)
    return (
        _sum(
            "net_flow_30d",
            "minor",
            window="30d",
            transform=SIGNED_MONEY,
            why="sum of others",
            text="credits less debits of 30 days",
        ),
        trend("debit_trend", why="spends more than before?", text="spending of 30 days against 90 days"),
        trend("credit_trend", why="earns more than before?", text="income of 30 days against 90 days"),
        _ratio(
            "cash_share",
            "ratio",
            window="half-life 30d",
            why="cash habits resist digital products",
            text="share of cash in spending",
        ),
        _sum("frequency_90d", "count", transform=COUNT, why="F of RFM; sum of others", text="transactions"),
        _sum("monetary_90d", "minor", transform=MONEY, why="M of RFM; sum of others", text="turnover"),
    )


def recency(_products: Sequence[str]) -> Features:
    """Return how long ago things happened."""
    return (
        _elapsed(
            "days_since_transaction",
            source="transactions",
            default=NEVER_DAYS,
            why="R of RFM",
            text="days since the last transaction",
        ),
        _elapsed(
            "days_since_interaction",
            source="interactions",
            default=NEVER_DAYS,
            why="is the customer listening?",
            text="days since the last interaction",
        ),
        _elapsed(
            "days_observed",
            source="transactions, interactions, outcomes",
            why="a short history makes windows small",
            text="days since the first event",
        ),
    )


def salary(_products: Sequence[str]) -> Features:
    """Return what salaries say."""
    return (
        _last("salary_last", "minor", transform=MONEY, why="what can be afforded", text="last salary"),
        _elapsed(
            "days_since_salary",
            source="transactions",
            default=NEVER_DAYS,
            why="money has just come, or not",
            text="days since the last salary",
        ),
        _transactional(
            "salary_regularity",
            "ratio",
            aggregation="length of the mean phase vector of a week or a month, the longer one",
            window="half-life 90d",
            why="steady income",
            text="regularity of the salary",
        ),
        _last("salary_is_known", "flag", why=MARKS_DEFAULT, text="a salary comes to this account"),
    )


def balance(_products: Sequence[str]) -> Features:
    """Return what balances say."""
    money = partial(_transactional, unit="minor", transform=SIGNED_MONEY)
    return (
        money("balance_last", aggregation="last value", why="what is there now", text="balance"),
        money(
            "balance_mean",
            aggregation="decayed mean over transactions",
            window="half-life 90d",
            why="what is usually there",
            text="usual balance",
        ),
        money(
            "balance_trend",
            aggregation="fast decayed mean less slow decayed mean",
            window="half-lives 7d, 90d",
            why="filling or emptying",
            text="balance against the usual",
        ),
        _last("balance_is_known", "flag", why=MARKS_DEFAULT, text="the balance is known"),
    )
