"""What is true about the products in the simulated world: who needs them and what they earn.

Hidden from the consumer: nothing there may import this. A product that the table does not know
gets facts derived from its name, so that any product list makes a bank.

Theory: the latent need of customer c for product p is a log-odds
    need = base + taste + coefficients · traits + life events + season + drift,
of which the traits are partly visible in the profile, the life events leave traces in the stream,
and the taste is seen by nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from consumer.vocabulary.ids import stable_hash64
from producer_sim.draws import Floats

TRAITS: Final = ("age", "age_squared", "income", "credit_score", "digital", "family", "saver")
"""Columns of the trait matrix, each scaled to about mean 0 and deviation 1."""


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """The hidden facts of one product.

    Parameters
    ----------
    held_share : share of customers who hold it at the start
    margin_minor : mean revenue of a purchase
    purchase_share : P(purchase given acceptance); the rest never finish the paperwork
    need : coefficients of `TRAITS`
    income_needed_minor : yearly income below which it is hard to afford
    season_month : month of the year in which the need is highest, 0 for none
    follows : products whose holding raises the need for this one
    decide_days : mean days from seeing the offer to the answer
    """

    product_id: str
    held_share: float
    margin_minor: int
    purchase_share: float
    need: tuple[float, ...]
    base: float = -0.6
    income_needed_minor: int = 0
    season_month: int = 0
    follows: tuple[str, ...] = ()
    decide_days: float = 1.0


#                     held  margin  buys        age  age²  income score digit family saver
_TABLE: Final = (
    ProductFacts("current_account_upgrade", 0.10, 6_000, 0.92, (-0.3, -0.1, 0.4, 0.1, 0.4, 0.0, -0.2)),
    ProductFacts("savings_account", 0.45, 4_000, 0.95, (-0.1, 0.0, 0.2, 0.1, 0.1, 0.3, 0.8), season_month=1),
    ProductFacts(
        "term_deposit",
        0.12,
        8_000,
        0.85,
        (0.7, 0.1, 0.3, 0.2, -0.4, -0.2, 0.7),
        -0.8,
        follows=("savings_account",),
    ),
    ProductFacts("credit_card_basic", 0.35, 5_000, 0.85, (-0.5, -0.2, -0.3, 0.2, 0.4, 0.1, -0.3), -0.4),
    ProductFacts(
        "credit_card_gold",
        0.12,
        11_000,
        0.80,
        (0.0, -0.3, 0.6, 0.4, 0.2, 0.0, -0.2),
        -0.7,
        3_000_000,
        follows=("credit_card_basic",),
    ),
    ProductFacts(
        "credit_card_platinum",
        0.04,
        24_000,
        0.75,
        (0.2, -0.3, 1.0, 0.5, 0.2, -0.1, 0.0),
        -1.2,
        6_000_000,
        6,
        follows=("credit_card_gold",),
    ),
    ProductFacts(
        "personal_loan",
        0.10,
        40_000,
        0.65,
        (-0.3, -0.3, -0.1, -0.1, 0.2, 0.3, -0.8),
        -0.9,
        1_500_000,
        12,
        (),
        2.0,
    ),
    ProductFacts(
        "mortgage", 0.18, 180_000, 0.35, (-0.3, -0.7, 0.7, 0.5, 0.0, 0.6, 0.2), -1.6, 3_500_000, 4, (), 4.0
    ),
    ProductFacts(
        "car_loan", 0.12, 50_000, 0.60, (-0.2, -0.4, 0.2, 0.2, 0.0, 0.4, -0.4), -1.1, 2_000_000, 5, (), 2.5
    ),
    ProductFacts(
        "home_insurance",
        0.22,
        12_000,
        0.80,
        (0.3, -0.2, 0.3, 0.1, -0.1, 0.5, 0.3),
        -0.7,
        follows=("mortgage",),
        decide_days=1.5,
    ),
    ProductFacts(
        "life_insurance",
        0.15,
        16_000,
        0.70,
        (0.1, -0.5, 0.3, 0.1, -0.1, 0.9, 0.3),
        -1.0,
        follows=("mortgage",),
        decide_days=2.0,
    ),
    ProductFacts(
        "investment_fund",
        0.12,
        22_000,
        0.75,
        (0.1, -0.2, 0.8, 0.3, 0.3, -0.1, 0.8),
        -1.1,
        2_500_000,
        1,
        (),
        2.0,
    ),
)
_KNOWN: Final = {facts.product_id: facts for facts in _TABLE}


def product_facts(product_id: str) -> ProductFacts:
    """Return the facts of a product, derived from its name when the table does not know it."""
    known = _KNOWN.get(product_id)
    if known is not None:
        return known
    draws = np.random.Generator(np.random.PCG64(stable_hash64(product_id))).random(len(TRAITS) + 2)
    return ProductFacts(
        product_id,
        held_share=0.05 + 0.2 * float(draws[-1]),
        margin_minor=round(3_000 + 40_000 * float(draws[-2]) ** 2),
        purchase_share=0.8,
        need=tuple(float(draw) for draw in draws[: len(TRAITS)] * 1.2 - 0.6),
        base=-0.9,
    )


@dataclass(frozen=True, slots=True, eq=False)
class FactColumns:
    """The facts as columns, in the order of the product list; shapes (products,) unless said."""

    product_ids: tuple[str, ...]
    index: dict[str, int]
    base: Floats
    coefficients: Floats  # (products, traits)
    follows: Floats  # (products, products): row needs more when column is held
    held_share: Floats
    margin_minor: Floats
    purchase_share: Floats
    income_needed_minor: Floats
    season_month: Floats
    decide_days: Floats


def fact_columns(product_ids: tuple[str, ...]) -> FactColumns:
    """Return the facts of a product list as columns."""
    facts = [product_facts(product_id) for product_id in product_ids]
    index = {product_id: i for i, product_id in enumerate(product_ids)}
    follows = np.zeros((len(facts), len(facts)))
    for row, fact in enumerate(facts):
        for name in fact.follows:
            if name in index:
                follows[row, index[name]] = 0.7
    return FactColumns(
        product_ids=product_ids,
        index=index,
        base=np.array([fact.base for fact in facts]),
        coefficients=np.array([fact.need for fact in facts]),
        follows=follows,
        held_share=np.array([fact.held_share for fact in facts]),
        margin_minor=np.array([float(fact.margin_minor) for fact in facts]),
        purchase_share=np.array([fact.purchase_share for fact in facts]),
        income_needed_minor=np.array([float(fact.income_needed_minor) for fact in facts]),
        season_month=np.array([float(fact.season_month) for fact in facts]),
        decide_days=np.array([fact.decide_days for fact in facts]),
    )
