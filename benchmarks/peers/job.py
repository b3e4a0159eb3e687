"""The job that every peer does with an event: 31 features of the customer, 12 River models, 2 % offers.

The job is the scorer's, cut down to what a hand-written service has: no gates, no rules, no contact policy,
no decision record. Each peer brings its own way to read, to keep state and to write.

Rules of this file: River and the standard library only, since it runs in each peer's own environment; state
is one flat dict of numbers, which every engine can store as it likes.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from river.compose import Pipeline
from river.linear_model import LogisticRegression
from river.preprocessing import StandardScaler

State = dict[str, float]

DAY_MS: Final = 86_400_000.0
HALF_LIVES_DAYS: Final = (1.0, 7.0, 30.0)
GROUPS: Final = ("5411", "5812", "5541", "4111", "5732")
CHANNELS: Final = ("app", "web")
KINDS: Final = ("login", "page_view", "search", "email_open", "product_view")
SUMS: Final = (
    *(
        f"{what}_{side}_{days:.0f}d"
        for side in ("credit", "debit")
        for what in ("n", "sum")
        for days in HALF_LIVES_DAYS
    ),
    *(f"spend_{group}" for group in GROUPS),
    *(f"channel_{channel}" for channel in CHANNELS),
    *(f"kind_{kind}" for kind in KINDS),
)
"""Decayed sums; those of no named half-life have the longest."""

HALF_LIFE_MS: Final = {
    name: next((days for days in HALF_LIVES_DAYS if name.endswith(f"_{days:.0f}d")), HALF_LIVES_DAYS[-1])
    * DAY_MS
    for name in SUMS
}
FEATURES: Final = (
    *SUMS,
    *("max_credit", "max_debit", "balance_last", "balance_mean"),
    *("days_since_event", "days_since_credit", "cash_share"),
)
N_MODELS: Final = 12
OFFERS_IN: Final = 50
"""One event in fifty makes an offer."""

LESSONS: Final = 500


def fold(state: State, event: dict[str, Any]) -> State:
    """Return the customer's state after an event; the state given is changed."""
    at_ms = float(event["event_time_ms"])
    gap_ms = max(at_ms - state.get("last_ms", at_ms), 0.0)
    for name in SUMS:
        state[name] = state.get(name, 0.0) * 0.5 ** (gap_ms / HALF_LIFE_MS[name])
    state["days_since_event"], state["last_ms"] = gap_ms / DAY_MS, at_ms
    if "direction" in event:
        _fold_transaction(state, event, at_ms)
    else:
        for name in (f"channel_{event['channel']}", f"kind_{event['kind']}"):
            if name in HALF_LIFE_MS:
                state[name] += 1.0
    return state


def _fold_transaction(state: State, event: dict[str, Any], at_ms: float) -> None:
    side, amount = event["direction"], float(event["amount_minor"])
    for days in HALF_LIVES_DAYS:
        state[f"n_{side}_{days:.0f}d"] += 1.0
        state[f"sum_{side}_{days:.0f}d"] += amount
    state[f"max_{side}"] = max(state.get(f"max_{side}", 0.0), amount)
    balance = float(event.get("balance_after_minor", 0))
    state["balance_last"] = balance
    state["balance_mean"] = 0.9 * state.get("balance_mean", balance) + 0.1 * balance
    if side == "credit":
        state["credit_ms"] = at_ms
    if (group := f"spend_{event.get('merchant_category')}") in HALF_LIFE_MS:
        state[group] += amount
    is_cash = event["kind"] in {"cash_withdrawal", "cash_deposit"}
    state["cash_share"] = 0.95 * state.get("cash_share", 0.0) + 0.05 * is_cash


def features_of(state: State) -> State:
    """Return the 31 features as the models take them."""
    credit_ms = state.get("credit_ms")
    state["days_since_credit"] = 999.0 if credit_ms is None else (state["last_ms"] - credit_ms) / DAY_MS
    return {name: state.get(name, 0.0) for name in FEATURES}


@dataclass(frozen=True, slots=True)
class Models:
    """One River pipeline for each product, taught a little so that no weight is zero."""

    pipelines: Sequence[Pipeline]

    def best(self, features: State) -> tuple[int, float]:
        """Return the product with the highest probability, and it."""
        chances = [pipeline.predict_proba_one(features)[True] for pipeline in self.pipelines]
        place = max(range(len(chances)), key=chances.__getitem__)
        return place, chances[place]


def taught_models() -> Models:
    """Return the models after some lessons of varied numbers."""
    draw = random.Random(1)
    pipelines = [Pipeline(StandardScaler(), LogisticRegression()) for _ in range(N_MODELS)]
    for _ in range(LESSONS):
        features = {name: draw.lognormvariate(2.0, 1.5) for name in FEATURES}
        for pipeline in pipelines:
            pipeline.learn_one(features, draw.random() < 0.1)
    return Models(pipelines)


def offer_of(event: dict[str, Any], best: tuple[int, float]) -> bytes | None:
    """Return the offer that the event leads to, as JSON; one event in fifty leads to one."""
    if zlib.crc32(event["event_id"].encode()) % OFFERS_IN:
        return None
    place, p_accept = best
    offer = {"customer_id": event["customer_id"], "event_id": event["event_id"]}
    return json.dumps({**offer, "product": place, "p_accept": p_accept}).encode()
