"""Features of habit: spending, channels, interactions, interest, experience and offers.

Rules of this file: data only; each function is a block of the table, in the order of `values`. All of
them are decayed sums: a habit fades, it does not end with a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from consumer.features.decayed_columns import OFFER_STEPS
from consumer.features.feature import (
    COUNT,
    DEFAULT_SATISFACTION,
    MARKS_DEFAULT,
    MONEY,
    Feature,
    Features,
    spoken,
)
from consumer.features.merchant_groups import MERCHANT_GROUPS
from consumer.vocabulary.words import CHANNELS, INTERACTION_KINDS

_habit = partial(Feature, aggregation="decayed sum", window="half-life 30d", transform=COUNT)
_attitude = partial(Feature, aggregation="decayed sum", window="half-life 90d", transform=COUNT)
_experienced = partial(_attitude, source="interactions, outcomes")


def spend(_products: Sequence[str]) -> Features:
    """Return spending by merchant group."""
    return tuple(
        _habit(
            f"spend_{group}",
            "minor",
            source="transactions",
            transform=MONEY,
            why="what money goes to shows a need",
            text=f"spending on {group}",
        )
        for group in MERCHANT_GROUPS
    )


def channel(_products: Sequence[str]) -> Features:
    """Return interactions by channel."""
    return tuple(
        _habit(
            f"channel_{channel}",
            "count",
            source="interactions",
            in_model=False,
            why="chooses the channel of an offer; models see the kinds",
            text=f"contacts by {spoken(channel)}",
        )
        for channel in CHANNELS
    )


_UNSEEN_KINDS: Final = {
    "login": "says little alone; part of engagement_score",
    "page_view": "says little alone; part of engagement_score",
    "email_open": "says little alone; part of engagement_score",
    "complaint": "part of complaints",
}


def interaction(_products: Sequence[str]) -> Features:
    """Return interactions by kind."""
    return tuple(
        _habit(
            f"interaction_{kind}",
            "count",
            source="interactions",
            in_model=kind not in _UNSEEN_KINDS,
            why=_UNSEEN_KINDS.get(kind, "intent shows before a purchase"),
            text=f"{spoken(kind)} events lately",
        )
        for kind in INTERACTION_KINDS
    )


def interest(products: Sequence[str]) -> Features:
    """Return interest in each product."""
    return tuple(
        _habit(
            f"interest_{product}",
            "score",
            source="interactions",
            aggregation="decayed sum of product view 1, calculator 2, quote 4",
            why="the strongest sign of a need",
            text=f"interest in {spoken(product)}",
        )
        for product in products
    )


def experience(_products: Sequence[str]) -> Features:
    """Return how the customer feels about the bank."""
    return (
        _experienced(
            "complaints", "count", why="an angry customer is in no mood to buy", text="complaints lately"
        ),
        _experienced(
            "satisfaction",
            "score",
            aggregation="decayed mean",
            default=DEFAULT_SATISFACTION,
            transform="identity",
            why="mood",
            text="satisfaction (1 to 5)",
        ),
        _experienced(
            "satisfaction_is_known",
            "flag",
            aggregation="any",
            transform="identity",
            why=MARKS_DEFAULT,
            text="satisfaction is known",
        ),
        _habit(
            "engagement_score",
            "score",
            source="interactions",
            aggregation="1 - 2 ** -(decayed weighted sum / 8)",
            transform="identity",
            why="how alive the relation is",
            text="engagement with the bank",
        ),
    )


def offers(products: Sequence[str]) -> Features:
    """Return what became of offers: in all, by channel, by product."""
    offered = partial(_attitude, unit="count", source="decisions, outcomes")
    for_channel = partial(offered, in_model=False, why="chooses the channel; models see the total")
    for_product = partial(offered, in_model=False, why="for rules and pages; models see the total")
    totals = (
        offered(f"offers_{step}", why="fatigue and openness", text=f"offers {step} lately")
        for step in OFFER_STEPS
    )
    by_channel = (
        for_channel(f"offers_{step}_{channel}", text=f"offers {step} by {spoken(channel)}")
        for step in OFFER_STEPS
        for channel in CHANNELS
    )
    by_product = (
        for_product(f"offers_{step}_{product}", text=f"offers of {spoken(product)} {step}")
        for step in OFFER_STEPS
        for product in products
    )
    return (*totals, *by_channel, *by_product)
