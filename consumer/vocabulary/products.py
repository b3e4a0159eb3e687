"""Products that a bank sells and offers that propose them: the words, not the rules.

The rules (who may have what, when, how often) live in the policy; this file only holds what other
stages need to agree on: names, their order, and their economic facts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from consumer.vocabulary.ids import stable_hash64
from consumer.vocabulary.words import OfferKind

MAX_PRODUCTS = 63
"""Holdings are one bit a product in a signed 64-bit column."""


def catalogue_key(name: str) -> int:
    """Return the 16-bit key of a product, offer or model id in stored rows; never 0.

    Stored rows outlive the policy that they were made under, so they hold keys, never column numbers.
    The policy load refuses two ids with one key.

    Examples
    --------
    >>> catalogue_key("mortgage") == catalogue_key("mortgage") != catalogue_key("car_loan")
    True
    """
    return stable_hash64(name) % 65_535 + 1


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
        """Key of the offer in the contact ring and in open decisions."""
        return catalogue_key(self.offer_id)


@dataclass(frozen=True, slots=True)
class OfferCatalogue:
    """All products and offers, in policy-file order; the order is the column order everywhere."""

    products: tuple[Product, ...]
    offers: tuple[Offer, ...]
    product_index: dict[str, int] = field(init=False)
    offer_index: dict[str, int] = field(init=False)
    _names_by_key: dict[int, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Index the names once."""
        object.__setattr__(self, "product_index", {p.product_id: i for i, p in enumerate(self.products)})
        object.__setattr__(self, "offer_index", {o.offer_id: i for i, o in enumerate(self.offers)})
        names = (*self.product_index, *self.offer_index)
        object.__setattr__(self, "_names_by_key", {catalogue_key(name): name for name in names})

    def name_of_key(self, key: int) -> str | None:
        """Return the product, offer or model id with this `catalogue_key`; None when the policy dropped it."""
        return self._names_by_key.get(key)

    def columns_of_products(self, keys: NDArray[np.uint16]) -> NDArray[np.int64]:
        """Return the column of each product, shape (n,), -1 where the policy dropped it."""
        names = map(self.name_of_key, keys.tolist())
        columns = [-1 if name is None else self.product_index.get(name, -1) for name in names]
        return np.array(columns, dtype=np.int64)

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
