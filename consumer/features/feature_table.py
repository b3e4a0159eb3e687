"""The one table that names every feature, block by block.

A block is a set of features that are computed together: `values` has one function for each, with the
columns in the order of the rows. To add a feature: a row in its block and its number in `values`;
everything else follows (fingerprint, model input, explanations, docs/features.md).

Rules of this file: data only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from consumer.features.feature import Features
from consumer.features.habit_features import channel, experience, interaction, interest, offers, spend
from consumer.features.money_features import balance, flow, money, recency, salary
from consumer.features.person_features import profile, traits


@dataclass(frozen=True, slots=True)
class Block:
    """Features that are computed together, given the products."""

    name: str
    features: Callable[[Sequence[str]], Features]


BLOCKS: Final = (
    Block("money", money),
    Block("flow", flow),
    Block("recency", recency),
    Block("salary", salary),
    Block("balance", balance),
    Block("spend", spend),
    Block("channel", channel),
    Block("interaction", interaction),
    Block("interest", interest),
    Block("experience", experience),
    Block("offers", offers),
    Block("profile", profile),
    Block("traits", traits),
)
