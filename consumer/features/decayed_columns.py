"""The decayed sums of a record: which families there are, where each begins, how fast it forgets.

All of them lie side by side in one field, `decayed`, so that moving a landmark is one multiplication.

Rules of this file: names and places only; what an event adds is in `contributions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.features.decay import HALF_LIFE_DAYS
from consumer.features.merchant_groups import MERCHANT_GROUPS
from consumer.vocabulary.words import CHANNELS, INTERACTION_KINDS

OFFER_STEPS: Final = ("made", "seen", "accepted", "refused")

SALARY_CYCLES_DAYS: Final = (7.0, 30.436875)
"""A week, and the mean Gregorian month (365.2425 / 12)."""


@dataclass(frozen=True, slots=True)
class Family:
    """Decayed sums of one kind. `members` None stands for one member a product."""

    name: str
    half_life_days: int
    members: tuple[str, ...] | None


def _offer_families() -> tuple[Family, ...]:
    by_channel = (Family(f"offers_{step}_channel", 90, CHANNELS) for step in OFFER_STEPS)
    by_product = (Family(f"offers_{step}_product", 90, None) for step in OFFER_STEPS)
    return (*by_channel, *by_product)


FAMILIES: Final = (
    Family("spend", 30, MERCHANT_GROUPS),
    Family("debit", 30, ("all", "cash")),
    Family("balance_fast", 7, ("sum", "weight")),
    Family("balance_slow", 90, ("sum", "weight")),
    Family("salary", 90, ("weight", "cos_week", "sin_week", "cos_month", "sin_month")),
    Family("channel", 30, CHANNELS),
    Family("kind", 30, INTERACTION_KINDS),
    Family("interest", 30, None),
    Family("complaints", 90, ("all",)),
    Family("satisfaction", 90, ("sum", "weight")),
    *_offer_families(),
)


@dataclass(frozen=True, slots=True)
class DecayedColumns:
    """Places of the families in `decayed`, for a number of products."""

    start: dict[str, int]
    end: dict[str, int]
    group: NDArray[np.intp]

    def block(self, family: str) -> slice:
        """Return the places of a family."""
        return slice(self.start[family], self.end[family])


@cache
def decayed_columns(n_products: int) -> DecayedColumns:
    """Return the places of every family.

    Examples
    --------
    >>> decayed_columns(12).block("debit")
    slice(12, 14, None)
    """
    lengths = [n_products if family.members is None else len(family.members) for family in FAMILIES]
    ends = np.cumsum(lengths).tolist()
    groups = [HALF_LIFE_DAYS.index(family.half_life_days) for family in FAMILIES]
    return DecayedColumns(
        start={family.name: end - n for family, end, n in zip(FAMILIES, ends, lengths, strict=True)},
        end={family.name: end for family, end in zip(FAMILIES, ends, strict=True)},
        group=np.repeat(np.array(groups, dtype=np.intp), lengths),
    )


def member_names(product_ids: Sequence[str]) -> tuple[str, ...]:
    """Return `family/half-life/member` of each decayed sum: the name under which it survives a migration."""
    return tuple(
        f"{family.name}/{family.half_life_days}d/{member}"
        for family in FAMILIES
        for member in (product_ids if family.members is None else family.members)
    )
