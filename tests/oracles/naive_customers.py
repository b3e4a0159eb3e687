"""Every feature of a bank's customers from its whole table, by the definitions of docs/features.md alone.

For banks of which only transactions, one profile a customer and the offers made are known (the ANZ data):
what nobody ever said has the default of the page. Knows nothing of the service; pandas over the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
YEAR_DAYS, MONTH_DAYS = 365.2425, 365.2425 / 12
HOPS: Final = {
    "1h": (HOUR_MS, 5 * MINUTE_MS),
    "24h": (24 * HOUR_MS, 2 * HOUR_MS),
    "7d": (7 * DAY_MS, 12 * HOUR_MS),
    "30d": (30 * DAY_MS, 60 * HOUR_MS),
    "90d": (90 * DAY_MS, 180 * HOUR_MS),
    "365d": (365 * DAY_MS, 30 * DAY_MS),
}
"""Window → its length, and the hop by which its tail moves."""

CHANNELS: Final = ("app", "web", "email", "sms", "push", "branch", "call_centre")
MERCHANT_GROUPS: Final = (
    *("groceries", "dining", "transport", "travel", "clothing", "home"),
    *("electronics", "health", "utilities", "leisure", "education", "other"),
)
INTERACTION_KINDS: Final = (
    *("login", "page_view", "search", "product_view", "calculator_use", "quote_request"),
    *("chat", "call", "visit", "complaint", "email_open", "email_click"),
)

Features = dict[str, float]


def anz_transactions(file: Path) -> pd.DataFrame:
    """Return the ANZ table with what the features need, in file order."""
    raw = pd.read_csv(file)
    times = pd.to_datetime(raw["extraction"], utc=True)
    return pd.DataFrame(
        {
            "customer": raw["customer_id"],
            "time_ms": times.astype("datetime64[ms, UTC]").astype("int64"),
            "amount_minor": (raw["amount"] * 100).round().astype("int64"),
            "balance_minor": (raw["balance"] * 100).round().astype("int64"),
            "is_credit": raw["movement"] == "credit",
            "is_salary": raw["txn_description"] == "PAY/SALARY",
            "age_years": raw["age"],
        }
    )


def anz_features(history: pd.DataFrame, offers: pd.DataFrame, product_ids: Iterable[str]) -> Features:
    """Return every feature of one customer as of their last transaction.

    Parameters
    ----------
    history : their rows of `anz_transactions`
    offers : the offers that were made to them: time_ms, channel, product (the first one)
    """
    products = tuple(product_ids)
    as_of_ms = int(history["time_ms"].max())
    return (
        money(history, as_of_ms)
        | habits(history, as_of_ms)
        | salary(history[history["is_salary"]], as_of_ms)
        | balance(history, as_of_ms)
        | offers_made(offers, as_of_ms, products)
        | profile(history, as_of_ms)
        | never_said(products)
    )


def money(history: pd.DataFrame, as_of_ms: int) -> Features:
    """Return amounts in windows, and what windows say about each other."""
    found: Features = {}
    for direction in ("debit", "credit"):
        side = history[history["is_credit"] == (direction == "credit")]
        for window, (length_ms, hop_ms) in HOPS.items():
            inside = side["time_ms"] // hop_ms >= (as_of_ms - length_ms) // hop_ms
            amounts = side.loc[inside, "amount_minor"]
            found[f"{direction}_sum_{window}"] = float(amounts.sum())
            found[f"{direction}_count_{window}"] = float(len(amounts))
            found[f"{direction}_mean_{window}"] = float(amounts.mean()) if len(amounts) else 0.0
            found[f"{direction}_max_{window}"] = float(amounts.max()) if len(amounts) else 0.0
    for direction in ("debit", "credit"):
        lately, before = found[f"{direction}_sum_30d"] / 30, found[f"{direction}_sum_90d"] / 90
        found[f"{direction}_trend"] = lately / before if before else 1.0
    return found | {
        "net_flow_30d": found["credit_sum_30d"] - found["debit_sum_30d"],
        "frequency_90d": found["debit_count_90d"] + found["credit_count_90d"],
        "monetary_90d": found["debit_sum_90d"] + found["credit_sum_90d"],
    }


def habits(history: pd.DataFrame, as_of_ms: int) -> Features:
    """Return recency; the ANZ data know neither cash withdrawals nor merchant categories."""
    return {
        "days_since_transaction": (as_of_ms - int(history["time_ms"].max())) / DAY_MS,
        "days_observed": (as_of_ms - int(history["time_ms"].min())) / DAY_MS,
        "cash_share": 0.0,
    } | {f"spend_{group}": 0.0 for group in MERCHANT_GROUPS}


def salary(salaries: pd.DataFrame, as_of_ms: int) -> Features:
    """Return size, recency and regularity of the salary."""
    if salaries.empty:
        return {
            "salary_last": 0.0,
            "days_since_salary": 730.0,
            "salary_regularity": 0.0,
            "salary_is_known": 0.0,
        }
    last_ms = int(salaries["time_ms"].max())
    return {
        "salary_last": float(salaries.loc[salaries["time_ms"] == last_ms, "amount_minor"].max()),
        "days_since_salary": (as_of_ms - last_ms) / DAY_MS,
        "salary_regularity": regularity(salaries["time_ms"], as_of_ms),
        "salary_is_known": 1.0,
    }


def regularity(time_ms: pd.Series, as_of_ms: int) -> float:
    """Return √((n·R² − 1) / (n − 1)) of the better of a week's and a month's cycle."""
    weights = decayed(time_ms, as_of_ms, half_life_days=90)
    n = float(weights.sum())
    lengths = []
    for cycle_ms in (7 * DAY_MS, round(MONTH_DAYS * DAY_MS)):
        phase = 2 * np.pi * (time_ms % cycle_ms) / cycle_ms
        lengths.append(abs(complex((weights * np.exp(1j * phase)).sum())) / n)
    return float(np.sqrt(np.clip((n * max(lengths) ** 2 - 1) / (n - 1), 0, 1))) if n > 1 else 0.0


def balance(history: pd.DataFrame, as_of_ms: int) -> Features:
    """Return the last balance, the usual one, and whether it fills or empties."""
    last = history.loc[history["time_ms"] == history["time_ms"].max(), "balance_minor"].max()
    means = {}
    for half_life_days in (7, 90):
        weights = decayed(history["time_ms"], as_of_ms, half_life_days=half_life_days)
        means[half_life_days] = float((weights * history["balance_minor"]).sum() / weights.sum())
    return {
        "balance_last": float(last),
        "balance_mean": means[90],
        "balance_trend": means[7] - means[90],
        "balance_is_known": 1.0,
    }


def offers_made(offers: pd.DataFrame, as_of_ms: int, products: Iterable[str]) -> Features:
    """Return the decayed counts of offers made; nobody answers in a replay, so all other steps are 0."""
    weights = decayed(offers["time_ms"], as_of_ms, half_life_days=90)
    found = {"offers_made": float(weights.sum())}
    members: Mapping[str, Iterable[str]] = {"channel": CHANNELS, "product": products}
    for column, names in members.items():
        for name in names:
            found[f"offers_made_{name}"] = float(weights[offers[column] == name].sum())
            found |= {f"offers_{step}_{name}": 0.0 for step in ("seen", "accepted", "refused")}
    return found | {f"offers_{step}": 0.0 for step in ("seen", "accepted", "refused")}


def decayed(time_ms: pd.Series, as_of_ms: int, *, half_life_days: int) -> pd.Series:
    """Return 2^(−age / half-life) of each time."""
    weights: pd.Series = 2.0 ** (-(as_of_ms - time_ms) / (half_life_days * DAY_MS))
    return weights


def profile(history: pd.DataFrame, as_of_ms: int) -> Features:
    """Return what the mapping makes of the first row: an age in the middle of its year, an employee."""
    first = history.iloc[0]
    birth_day = round(int(first["time_ms"]) / DAY_MS - (float(first["age_years"]) + 0.5) * YEAR_DAYS)
    employments = ("employed", "self_employed", "unemployed", "student", "retired", "other")
    return {
        "age_years": (as_of_ms // DAY_MS - birth_day) / YEAR_DAYS,
        "age_is_known": 1.0,
        **{f"employment_{status}": float(status == "employed") for status in employments},
    }


def never_said(products: Iterable[str]) -> Features:
    """Return the defaults of everything that the data say nothing about."""
    said_of_products = {
        f"{name}_{product}": 0.0 for product in products for name in ("interest", "holds", "affinity")
    }
    zero = (
        *(f"channel_{channel}" for channel in CHANNELS),
        *(f"interaction_{kind}" for kind in INTERACTION_KINDS),
        *("complaints", "satisfaction_is_known", "engagement_score"),
        *("tenure_years", "income_minor", "income_is_known", "credit_score_is_known"),
        *("credit_limit_minor", "holdings_count"),
        *("lifetime_value_minor", "churn_probability", "traits_are_known"),
    )
    other = {"days_since_interaction": 730.0, "satisfaction": 3.0, "credit_score": 600.0, "segment": -1.0}
    return said_of_products | dict.fromkeys(zero, 0.0) | other
