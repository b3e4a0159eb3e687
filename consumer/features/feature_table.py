"""The one table that names every feature, block by block.

A block is a set of features that are computed together (`values` has one function for each, in the
same order). To add a feature: a row here, its number in `values`; everything else follows (record
layout, fingerprint, model input, explanations, docs/features.md).

Rules of this file: data only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from consumer.features.decayed_columns import OFFER_STEPS
from consumer.features.feature import NEVER_DAYS, Feature, Transform
from consumer.features.merchant_groups import MERCHANT_GROUPS
from consumer.features.tiles import WINDOWS
from consumer.vocabulary.words import CHANNELS, EMPLOYMENT_STATUSES, INTERACTION_KINDS

Features = tuple[Feature, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Features that are computed together, given the products."""

    name: str
    features: Callable[[Sequence[str]], Features]


def _feature(name: str, unit: str, text: str, why: str, *, transform: Transform = "identity") -> Feature:
    """Return a row whose source, aggregation and window the block fills in."""
    return Feature(name, unit, "", "", "", 0.0, transform, True, why, text)


def _words(name: str) -> str:
    return name.replace("_", " ")


# ---------------------------------------------------------------- money in windows

_AGGREGATES: Final[tuple[tuple[str, str, Transform, tuple[str, ...], str], ...]] = (
    ("sum", "minor", "log1p_money", ("7d", "30d", "90d"), "total"),
    ("count", "count", "log1p", ("24h", "30d"), "number of"),
    ("mean", "minor", "log1p_money", (), "mean of"),
    ("max", "minor", "log1p_money", ("90d",), "largest of"),
)
_DIRECTION_WORDS: Final = {"debit": "debits", "credit": "credits"}
_WINDOW_WORDS: Final = {"1h": "hour", "24h": "24 hours"} | {
    f"{days}d": f"{days} days" for days in (7, 30, 90, 365)
}


def _money(_products: Sequence[str]) -> Features:
    return tuple(
        Feature(
            name=f"{direction}_{aggregate}_{window}",
            unit=unit,
            source="transactions",
            aggregation=aggregate,
            window=window,
            default=0.0,
            transform=transform,
            in_model=window in modelled,
            why="size and rhythm of money" if window in modelled else "for rules and pages; models see its neighbours",
            text=f"{words} {_DIRECTION_WORDS[direction]} of the last {_WINDOW_WORDS[window]}",
        )
        for direction in ("debit", "credit")
        for aggregate, unit, transform, modelled, words in _AGGREGATES
        for window in WINDOWS
    )


# ---------------------------------------------------------------- flow, rhythm, salary, balance


def _flow(_products: Sequence[str]) -> Features:
    rows = (
        (_feature("net_flow_30d", "minor", "credits less debits of 30 days", "sum of others", transform="signed_log1p_money"), "30d", False, 0.0),
        (_feature("debit_trend", "ratio", "spending of 30 days against 90 days", "spends more than before?"), "30d / 90d", True, 1.0),
        (_feature("credit_trend", "ratio", "income of 30 days against 90 days", "earns more than before?"), "30d / 90d", True, 1.0),
        (_feature("cash_share", "ratio", "share of cash in spending", "cash habits resist digital products"), "half-life 30d", True, 0.0),
        (_feature("frequency_90d", "count", "transactions of 90 days", "F of RFM; sum of others", transform="log1p"), "90d", False, 0.0),
        (_feature("monetary_90d", "minor", "turnover of 90 days", "M of RFM; sum of others", transform="log1p_money"), "90d", False, 0.0),
    )
    return tuple(
        replace(row, source="transactions", aggregation="ratio" if row.unit == "ratio" else "sum", window=window, in_model=seen, default=default)
        for row, window, seen, default in rows
    )


def _recency(_products: Sequence[str]) -> Features:
    rows = (
        ("days_since_transaction", "transactions", "days since the last transaction", "R of RFM", NEVER_DAYS),
        ("days_since_interaction", "interactions", "days since the last interaction", "is the customer listening?", NEVER_DAYS),
        ("days_observed", "all", "days since the first event", "a short history makes windows small", 0.0),
    )
    return tuple(
        Feature(name, "days", source, "time since", "", default, "log1p", True, why, text)
        for name, source, text, why, default in rows
    )


def _salary(_products: Sequence[str]) -> Features:
    last, never = "last value", NEVER_DAYS
    regular = "length of the mean phase vector of a week or a month, whichever is longer"
    return (
        Feature("salary_last", "minor", "transactions", last, "", 0.0, "log1p_money", True, "what can be afforded", "last salary"),
        Feature("days_since_salary", "days", "transactions", "time since", "", never, "log1p", True, "money has just come, or not", "days since the last salary"),
        Feature("salary_regularity", "ratio", "transactions", regular, "half-life 90d", 0.0, "identity", True, "steady income", "regularity of the salary"),
        Feature("salary_is_known", "flag", "transactions", last, "", 0.0, "identity", True, "marks the defaults", "a salary comes to this account"),
    )


def _balance(_products: Sequence[str]) -> Features:
    money: Transform = "signed_log1p_money"
    return (
        Feature("balance_last", "minor", "transactions", "last value", "", 0.0, money, True, "what is there now", "balance"),
        Feature("balance_mean", "minor", "transactions", "decayed mean over transactions", "half-life 90d", 0.0, money, True, "what is usually there", "usual balance"),
        Feature("balance_trend", "minor", "transactions", "decayed mean less slower decayed mean", "half-lives 7d, 90d", 0.0, money, True, "filling or emptying", "balance against the usual"),
        Feature("balance_is_known", "flag", "transactions", "last value", "", 0.0, "identity", True, "marks the defaults", "the balance is known"),
    )


# ---------------------------------------------------------------- habits


def _decayed(name: str, unit: str, source: str, half_life_days: int, text: str, why: str, in_model: bool = True) -> Feature:
    transform: Transform = "log1p_money" if unit == "minor" else "log1p"
    return Feature(name, unit, source, "decayed sum", f"half-life {half_life_days}d", 0.0, transform, in_model, why, text)


def _spend(_products: Sequence[str]) -> Features:
    return tuple(
        _decayed(f"spend_{group}", "minor", "transactions", 30, f"spending on {group}", "what money goes to shows a need")
        for group in MERCHANT_GROUPS
    )


def _channel(_products: Sequence[str]) -> Features:
    return tuple(
        _decayed(f"channel_{channel}", "count", "interactions", 30, f"contacts by {_words(channel)}", "chooses the channel of an offer; models see the kinds", False)
        for channel in CHANNELS
    )


_LOW_INTENT: Final = frozenset({"login", "page_view", "email_open"})


def _interaction(_products: Sequence[str]) -> Features:
    def why(kind: str) -> str:
        if kind in _LOW_INTENT:
            return "says little alone; part of engagement_score"
        return "part of complaints" if kind == "complaint" else "intent shows before a purchase"

    return tuple(
        _decayed(
            f"interaction_{kind}", "count", "interactions", 30, f"{_words(kind)} events lately", why(kind),
            kind not in _LOW_INTENT and kind != "complaint",
        )
        for kind in INTERACTION_KINDS
    )


def _interest(products: Sequence[str]) -> Features:
    return tuple(
        replace(
            _decayed(f"interest_{product}", "score", "interactions", 30, f"interest in {_words(product)}", "the strongest sign of a need"),
            aggregation="decayed sum, product view 1, calculator 2, quote 4",
        )
        for product in products
    )


def _experience(_products: Sequence[str]) -> Features:
    both = "interactions, outcomes"
    return (
        _decayed("complaints", "count", both, 90, "complaints lately", "an angry customer is not offered to"),
        Feature("satisfaction", "score", both, "decayed mean", "half-life 90d", 3.0, "identity", True, "mood", "satisfaction (1 to 5)"),
        Feature("satisfaction_is_known", "flag", both, "any", "half-life 90d", 0.0, "identity", True, "marks the default", "satisfaction is known"),
        Feature("engagement_score", "score", "interactions", "1 - 2 ** -(weighted interactions / 8)", "half-life 30d", 0.0, "identity", True, "how alive the relation is", "engagement with the bank"),
    )


def _offers(products: Sequence[str]) -> Features:
    def row(name: str, text: str, in_model: bool, why: str) -> Feature:
        return _decayed(name, "count", "decisions, outcomes", 90, text, why, in_model)

    totals = (row(f"offers_{step}", f"offers {step} lately", True, "fatigue and openness") for step in OFFER_STEPS)
    by_channel = (
        row(f"offers_{step}_{channel}", f"offers {step} by {_words(channel)}", False, "chooses the channel; models see the total")
        for step in OFFER_STEPS
        for channel in CHANNELS
    )
    by_product = (
        row(f"offers_{step}_{product}", f"offers of {_words(product)} {step}", False, "for rules and pages; models see the total")
        for step in OFFER_STEPS
        for product in products
    )
    return (*totals, *by_channel, *by_product)


# ---------------------------------------------------------------- profile and traits


def _profile(products: Sequence[str]) -> Features:
    def row(name: str, unit: str, default: float, transform: Transform, in_model: bool, why: str, text: str) -> Feature:
        return Feature(name, unit, "customers", "last value", "", default, transform, in_model, why, text)

    employment = (
        row(f"employment_{status}", "flag", 0.0, "identity", status != "other", "stage of life" if status != "other" else "what none of the others says", f"employment: {_words(status)}")
        for status in EMPLOYMENT_STATUSES
    )
    holdings = (
        row(f"holds_{product}", "flag", 0.0, "identity", True, "what is held shapes what comes next", f"holds {_words(product)}")
        for product in products
    )
    return (
        row("age_years", "years", 40.0, "identity", True, "stage of life", "age"),
        row("age_is_known", "flag", 0.0, "identity", True, "marks the default", "age is known"),
        row("tenure_years", "years", 0.0, "log1p", True, "trust grows", "years with the bank"),
        row("income_minor", "minor", 0.0, "log1p_money", True, "what can be afforded", "yearly income"),
        row("income_is_known", "flag", 0.0, "identity", True, "marks the default", "income is known"),
        row("credit_score", "score", 600.0, "identity", True, "what credit is possible", "credit score"),
        row("credit_score_is_known", "flag", 0.0, "identity", True, "marks the default", "credit score is known"),
        row("credit_limit_minor", "minor", 0.0, "log1p_money", False, "for rules; models see score and income", "credit limit"),
        row("holdings_count", "count", 0.0, "log1p", False, "sum of others", "products held"),
        *employment,
        *holdings,
    )


def _traits(products: Sequence[str]) -> Features:
    def row(name: str, unit: str, transform: Transform, in_model: bool, why: str, text: str, default: float = 0.0) -> Feature:
        return Feature(name, unit, "traits", "last value", "", default, transform, in_model, why, text)

    affinity = (
        row(f"affinity_{product}", "probability", "identity", True, "what similar customers took", f"affinity to {_words(product)}")
        for product in products
    )
    return (
        row("segment", "id", "identity", False, "a name, not a quantity; models see segment_is_0 to segment_is_9", "segment", -1.0),
        row("lifetime_value_minor", "minor", "signed_log1p_money", True, "worth of the relation", "lifetime value"),
        row("churn_probability", "probability", "identity", True, "about to leave?", "risk of leaving"),
        row("traits_are_known", "flag", "identity", True, "marks the defaults", "the laboratory knows the customer"),
        *affinity,
    )


BLOCKS: Final = (
    Block("money", _money),
    Block("flow", _flow),
    Block("recency", _recency),
    Block("salary", _salary),
    Block("balance", _balance),
    Block("spend", _spend),
    Block("channel", _channel),
    Block("interaction", _interaction),
    Block("interest", _interest),
    Block("experience", _experience),
    Block("offers", _offers),
    Block("profile", _profile),
    Block("traits", _traits),
)
