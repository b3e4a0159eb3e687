"""Prior rates: what each product, and each segment, accepted in the past.

A segment's rate for a product is drawn towards what product and segment together let expect, in log-odds, and
that towards the product's own rate; few offers move little. The bundle carries the difference from the product's
rate, since that rate moves on with the stream.

Rules of this file: pure; every rate inside (0, 1).

References: Gelman, Hill (2006), "Data Analysis Using Regression and Multilevel Models", ch. 12 (partial
pooling); deviation: strengths are fixed (`consumer/scoring/prior.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consumer.scoring.prior import GLOBAL_RATE, GLOBAL_STRENGTH, PRODUCT_STRENGTH, log_odds
from offline.seeding.regression import Lessons

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Priors:
    """Past offers and acceptances by product and segment.

    offered, accepted : shape (P, S); shifts : shape (P, S), log-odds that a segment adds to the product's rate
    """

    offered: Floats
    accepted: Floats
    shifts: Floats


def product_rates(lessons: Lessons, *, n_products: int) -> Floats:
    """Return each product's rate of acceptance, drawn a little towards a typical one.

    Returns
    -------
    shape (P,)
    """
    offered = np.bincount(lessons.product, minlength=n_products)
    accepted = np.bincount(lessons.product, lessons.accepted, minlength=n_products)
    rates: Floats = (accepted + GLOBAL_RATE * GLOBAL_STRENGTH) / (offered + GLOBAL_STRENGTH)
    return rates


def segment_priors(lessons: Lessons, segment: Int64s, rates: Floats, *, n_segments: int) -> Priors:
    """Return what each segment's prior adds to each product's.

    Parameters
    ----------
    segment : shape (m,), of each offer's customer at that time
    rates : shape (P,), from `product_rates`
    """
    cell = lessons.product * n_segments + segment
    shape, size = (len(rates), n_segments), len(rates) * n_segments
    offered = np.bincount(cell, minlength=size).reshape(shape).astype(np.float64)
    accepted: Floats = np.bincount(cell, lessons.accepted, minlength=size).reshape(shape).astype(np.float64)
    expected = (offered * rates[:, None]).sum(axis=0)
    mean_rate = rates.mean()
    # How much more than its mix of products lets expect a segment accepts, with a pull towards "no more".
    of_segment = (accepted.sum(axis=0) + PRODUCT_STRENGTH * mean_rate) / (
        expected + PRODUCT_STRENGTH * mean_rate
    )
    guess = np.clip(rates[:, None] * of_segment, 1e-4, 1.0 - 1e-4)
    cells = (accepted + PRODUCT_STRENGTH * guess) / (offered + PRODUCT_STRENGTH)
    return Priors(offered, accepted, log_odds(cells) - log_odds(rates)[:, None])
