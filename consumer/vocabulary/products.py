"""Products that a bank sells and offers that propose them: the words, not the rules.

The rules (who may have what, when, how often) live in the policy; this file only holds what other
stages need to agree on: names, their order, and their economic facts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from consumer.vocabulary.ids import stable_hash64
from consumer.vocabulary.words import OfferKind

MAX_PRODUCTS = 63
"""Holdings are one bit a product in a signed 64-bit column."""


@dataclass(frozen=True, slots=True)
class Product:
    """What is bought. `margin_minor` is the expected yearly margin in minor units."""

    product_id: str
    name: str
    group: str
    margin_minor: int
    attribution_window_days: int = 30


@dataclass(frozen=True, slots=True)
class Creative:
    """How an offer is rendered on one channel."""

    creative_id: str
    headline: str
    talking_points: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """What is proposed: one product or a bundle, on the channels that have a creative.

    `creatives` maps channel → creative; a channel without one cannot carry the offer.
    `products[0]` is the product whose model scores the offer.
    """

    offer_id: str
    kind: OfferKind
    products: tuple[str, ...]
    creatives: dict[str, Creative]
    validity_days: int = 14

    @property
    def offer_key(self) -> int:
        """16-bit key of the offer in the contact ring (policy load refuses a collision; never 0)."""
        return stable_hash64(self.offer_id) % 65_535 + 1


@dataclass(frozen=True, slots=True)
class OfferCatalogue:
    """All products and offers, in policy-file order; the order is the column order everywhere."""

    products: tuple[Product, ...]
    offers: tuple[Offer, ...]
    product_index: dict[str, int] = field(init=False)
    offer_index: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Index the names once."""
        object.__setattr__(self, "product_index", {p.product_id: i for i, p in enumerate(self.products)})
        object.__setattr__(self, "offer_index", {o.offer_id: i for i, o in enumerate(self.offers)})

    @property
    def product_ids(self) -> tuple[str, ...]:
        """Product ids in column order."""
        return tuple(product.product_id for product in self.products)

    @property
    def model_ids(self) -> tuple[str, ...]:
        """Ids of the models, in column order of every score: each product, then each bundle offer."""
        bundles = tuple(offer.offer_id for offer in self.offers if len(offer.products) > 1)
        return (*self.product_ids, *bundles)

    def model_of_offer(self, offer: Offer) -> int:
        """Return the column of the model that scores an offer: its product's, or the bundle's own."""
        name = offer.offer_id if len(offer.products) > 1 else offer.products[0]
        return self.model_ids.index(name)
