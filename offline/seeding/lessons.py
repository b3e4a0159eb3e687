"""Past offers as lessons, and whether there are enough of them.

Rules of this file: bad or too little history is one sentence that says what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.features.catalogue import FeatureCatalogue
from consumer.features.model_input import MILLI, model_inputs_milli
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.products import OfferCatalogue
from offline.history.past_files import PastOffer
from offline.seeding.past_features import PastFeatures
from offline.seeding.regression import Lessons

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]

OFFERS_MIN: Final = 200
"""With fewer past offers, or fewer than 20 acceptances, weights would be noise."""

ACCEPTED_MIN: Final = 20
EARLY_MIN: Final = 5
"""Acceptances, and refusals, among the first offers: one for each fold of the calibration."""

PENALTY_SHARE: Final = 0.5625
HELD_OUT_SHARE: Final = 0.75
"""In order of time: penalties are fitted up to the first mark and compared up to the second; what comes after
the second is held out and measures."""


def check_offers(history_dir: Path, offers: Sequence[PastOffer]) -> None:
    """Refuse a past campaign that nothing can be learned from.

    Raises
    ------
    ConfigurationError : too few offers or acceptances, or an answer that is neither yes nor no
    """
    for offer in offers:
        if offer.accepted not in {0, 1}:
            raise ConfigurationError(
                f"The past campaign in {history_dir}: the offer of {offer.product_id} to {offer.customer_id} at "
                f"{offer.offered_at_ms} has accepted={offer.accepted}, which is neither 0 nor 1."
            )
    accepted = sum(offer.accepted for offer in offers)
    if len(offers) < OFFERS_MIN or accepted < ACCEPTED_MIN:
        raise ConfigurationError(
            f"The past campaign in {history_dir} has {len(offers)} offers and {accepted} acceptances: "
            f"first weights need at least {OFFERS_MIN} and {ACCEPTED_MIN}."
        )
    early = [offer.accepted for offer in offers[: int(len(offers) * PENALTY_SHARE)]]
    if not EARLY_MIN <= sum(early) <= len(early) - EARLY_MIN:
        raise ConfigurationError(
            f"The past campaign in {history_dir}: of its first {len(early)} offers {sum(early)} were accepted; "
            f"first weights need at least {EARLY_MIN} that were, and {EARLY_MIN} that were not."
        )


def agreed_offers(past: PastFeatures) -> PastFeatures:
    """Return the past without the offers to customers who do not agree to profiling any more."""
    agreed = {
        name for name, agrees in zip(past.customer_ids, past.may_be_profiled.tolist(), strict=True) if agrees
    }
    kept = [place for place, offer in enumerate(past.offers) if offer.customer_id in agreed]
    return replace(past, offers=[past.offers[place] for place in kept], values=past.values[kept])


def lessons_of(
    past: PastFeatures, catalogue: OfferCatalogue, features: FeatureCatalogue, segment: Int64s
) -> Lessons:
    """Return past offers with the inputs that a model would have seen.

    Parameters
    ----------
    segment : shape (m,), of each offer's customer at that time, -1 for none
    """
    return Lessons(
        inputs=raw_inputs(features, past.values, segment),
        product=np.array([catalogue.product_index[offer.product_id] for offer in past.offers]),
        accepted=np.array([offer.accepted for offer in past.offers]),
    )


def raw_inputs(features: FeatureCatalogue, values: Floats, segment: Int64s) -> Floats:
    """Return model inputs as the online models are given them: thousandths / 1000."""
    return model_inputs_milli(features, values, segment) / MILLI
