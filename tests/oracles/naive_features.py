"""Features the slow way: from the whole history of a customer, straight from their definitions.

Knows nothing of tiles, rings, landmarks, waves or records; whatever the fold keeps must come to the same.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
WINDOWS = {
    "1h": (HOUR_MS, 5 * MINUTE_MS),
    "24h": (24 * HOUR_MS, 2 * HOUR_MS),
    "7d": (7 * DAY_MS, 12 * HOUR_MS),
    "30d": (30 * DAY_MS, 60 * HOUR_MS),
    "90d": (90 * DAY_MS, 180 * HOUR_MS),
    "365d": (365 * DAY_MS, 720 * HOUR_MS),
}


def in_window(time_ms: pd.Series, as_of_ms: int, window: str) -> pd.Series:
    """Return which times a window holds: exact at the head, whole hops at the tail."""
    length_ms, hop_ms = WINDOWS[window]
    return time_ms // hop_ms >= (as_of_ms - length_ms) // hop_ms


def window_features(transactions: pd.DataFrame, as_of_ms: int) -> dict[str, float]:
    """Return count, sum, mean and maximum of each direction and window.

    Parameters
    ----------
    transactions : columns time_ms, amount_minor, is_credit; any order
    """
    features: dict[str, float] = {}
    for direction, is_credit in (("debit", False), ("credit", True)):
        side = transactions[transactions["is_credit"] == is_credit]
        for window in WINDOWS:
            amounts = side.loc[in_window(side["time_ms"], as_of_ms, window), "amount_minor"]
            features[f"{direction}_sum_{window}"] = float(amounts.sum())
            features[f"{direction}_count_{window}"] = float(len(amounts))
            features[f"{direction}_mean_{window}"] = float(amounts.mean()) if len(amounts) else 0.0
            features[f"{direction}_max_{window}"] = float(np.float32(amounts.max())) if len(amounts) else 0.0
    return features


def decayed_sum(time_ms: pd.Series, amounts: pd.Series | float, as_of_ms: int, half_life_days: int) -> float:
    """Return Σ amount * 2 ** -(age / half-life)."""
    return float((amounts * 2.0 ** (-(as_of_ms - time_ms) / (half_life_days * DAY_MS))).sum())


def account_features(transactions: pd.DataFrame, as_of_ms: int) -> dict[str, float]:
    """Return the features of flow, salary and balance.

    Parameters
    ----------
    transactions : columns time_ms, amount_minor, is_credit, is_salary, balance_minor; any order
    """
    windows = window_features(transactions, as_of_ms)
    salaries = transactions[transactions["is_salary"]]
    latest = transactions[transactions["time_ms"] == transactions["time_ms"].max()]
    last_salary = salaries[salaries["time_ms"] == salaries["time_ms"].max()]
    time_ms, balance = transactions["time_ms"], transactions["balance_minor"].astype(float)

    def mean_balance(half_life_days: int) -> float:
        weight = decayed_sum(time_ms, 1.0 + 0.0 * balance, as_of_ms, half_life_days)
        return decayed_sum(time_ms, balance, as_of_ms, half_life_days) / weight

    return windows | {
        "net_flow_30d": windows["credit_sum_30d"] - windows["debit_sum_30d"],
        "frequency_90d": windows["credit_count_90d"] + windows["debit_count_90d"],
        "monetary_90d": windows["credit_sum_90d"] + windows["debit_sum_90d"],
        "debit_trend": (windows["debit_sum_30d"] / 30) / (windows["debit_sum_90d"] / 90),
        "credit_trend": (windows["credit_sum_30d"] / 30) / (windows["credit_sum_90d"] / 90),
        "days_since_transaction": (as_of_ms - time_ms.max()) / DAY_MS,
        "days_observed": (as_of_ms - time_ms.min()) / DAY_MS,
        "salary_last": float(last_salary["amount_minor"].max()),
        "days_since_salary": (as_of_ms - salaries["time_ms"].max()) / DAY_MS,
        "salary_regularity": salary_regularity(salaries["time_ms"], as_of_ms),
        "salary_is_known": 1.0,
        "balance_last": float(latest["balance_minor"].max()),
        "balance_mean": mean_balance(90),
        "balance_trend": mean_balance(7) - mean_balance(90),
        "balance_is_known": 1.0,
    }


def salary_regularity(time_ms: pd.Series, as_of_ms: int) -> float:
    """Return the bias-corrected length of the mean phase vector, of the better of two cycles."""
    n = decayed_sum(time_ms, 1.0 + 0.0 * time_ms, as_of_ms, 90)
    squares = []
    for cycle_ms in (7 * DAY_MS, int(30.436875 * DAY_MS)):
        angle = 2 * np.pi * (time_ms % cycle_ms) / cycle_ms
        x, y = (decayed_sum(time_ms, part(angle), as_of_ms, 90) for part in (np.cos, np.sin))
        squares.append((x**2 + y**2) / n**2)
    return float(np.sqrt(np.clip((n * max(squares) - 1) / (n - 1), 0, 1))) if n > 1 else 0.0
