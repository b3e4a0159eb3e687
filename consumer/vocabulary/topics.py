"""The ten topics, by role. A role is stable and short; the topic's name carries the bank's prefix.

Roles appear in decision ids, positions and dead letters, so they survive a change of prefix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

INPUT_ROLES: Final = ("customers", "traits", "transactions", "interactions", "outcomes")
"""In the order in which records of the same time are merged: a profile comes before what needs it."""

OUTPUT_ROLES: Final = ("offers", "decisions", "examples", "models", "dead_letter")

COMPACTED_ROLES: Final = frozenset({"customers", "traits", "models"})

_NAMES: Final = {
    "customers": "bank.customers",
    "traits": "bank.traits",
    "transactions": "bank.transactions",
    "interactions": "bank.interactions",
    "outcomes": "campaign.outcomes",
    "offers": "nbo.offers",
    "decisions": "nbo.decisions",
    "examples": "nbo.examples",
    "models": "nbo.models",
    "dead_letter": "nbo.dead-letter",
}


@dataclass(frozen=True, slots=True)
class Topics:
    """Topic names under one prefix.

    Examples
    --------
    >>> Topics("test1.").name("transactions")
    'test1.bank.transactions'
    >>> Topics("test1.").role("test1.nbo.offers")
    'offers'
    """

    prefix: str = ""

    def name(self, role: str) -> str:
        """Return the topic's name for a role."""
        return self.prefix + _NAMES[role]

    def role(self, name: str) -> str:
        """Return the role of a topic's name; `KeyError` when it is none of ours."""
        return {self.prefix + plain: role for role, plain in _NAMES.items()}[name]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input topics, in `INPUT_ROLES` order."""
        return tuple(self.name(role) for role in INPUT_ROLES)

    @property
    def all(self) -> tuple[str, ...]:
        """Names of all ten topics."""
        return tuple(self.name(role) for role in (*INPUT_ROLES, *OUTPUT_ROLES))
