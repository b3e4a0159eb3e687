"""Features of the person: profile and traits.

Rules of this file: data only; each function is a block of the table, in the order of `values`. What is
protected (gender and the like) never reaches the record, so it cannot become a feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from consumer.features.feature import (
    COUNT,
    DEFAULT_AGE_YEARS,
    DEFAULT_CREDIT_SCORE,
    MARKS_DEFAULT,
    MONEY,
    SIGNED_MONEY,
    Feature,
    Features,
    spoken,
)
from consumer.vocabulary.words import EMPLOYMENT_STATUSES

_profiled = partial(Feature, source="customers", aggregation="last value")
_trait = partial(Feature, source="traits", aggregation="last value")


def profile(products: Sequence[str]) -> Features:
    """Return what the profile says."""
    return (
        _profiled("age_years", "years", default=DEFAULT_AGE_YEARS, why="stage of life", text="age"),
        _profiled("age_is_known", "flag", why=MARKS_DEFAULT, text="age is known"),
        _profiled("tenure_years", "years", transform=COUNT, why="trust grows", text="years with the bank"),
        _profiled("income_minor", "minor", transform=MONEY, why="what can be afforded", text="yearly income"),
        _profiled("income_is_known", "flag", why=MARKS_DEFAULT, text="income is known"),
        _profiled(
            "credit_score",
            "score",
            default=DEFAULT_CREDIT_SCORE,
            why="what credit is possible",
            text="credit score",
        ),
        _profiled("credit_score_is_known", "flag", why=MARKS_DEFAULT, text="credit score is known"),
        _profiled(
            "credit_limit_minor",
            "minor",
            transform=MONEY,
            in_model=False,
            why="for rules; models see score and income",
            text="credit limit",
        ),
        _profiled(
            "holdings_count",
            "count",
            transform=COUNT,
            in_model=False,
            why="sum of others",
            text="products held",
        ),
        *(_employment(status) for status in EMPLOYMENT_STATUSES),
        *(
            _profiled(
                f"holds_{product}",
                "flag",
                why="what is held shapes what comes next",
                text=f"holds {spoken(product)}",
            )
            for product in products
        ),
    )


def _employment(status: str) -> Feature:
    is_other = status == "other"
    return _profiled(
        f"employment_{status}",
        "flag",
        in_model=not is_other,
        why="what none of the others says" if is_other else "stage of life",
        text=f"employment: {spoken(status)}",
    )


def traits(products: Sequence[str]) -> Features:
    """Return what the laboratory says."""
    return (
        _trait(
            "segment",
            "id",
            default=-1.0,
            in_model=False,
            why="a name, not a quantity; models see segment_is_0 to segment_is_9",
            text="segment",
        ),
        _trait(
            "lifetime_value_minor",
            "minor",
            transform=SIGNED_MONEY,
            why="worth of the relation",
            text="lifetime value",
        ),
        _trait("churn_probability", "probability", why="about to leave?", text="risk of leaving"),
        _trait(
            "traits_are_known", "flag", why="marks the defaults", text="the laboratory knows the customer"
        ),
        *(
            _trait(
                f"affinity_{product}",
                "probability",
                why="what similar customers took",
                text=f"affinity to {spoken(product)}",
            )
            for product in products
        ),
    )
