"""Calibration of the seed: answers say how far the log-odds of a model that has not seen them can be believed.

One map `slope * log_odds + offset` a product: the slope is the same for all (too few answers a product to know
two numbers each), the offset deviates from the common one as far as the product's own answers insist.

Rules of this file: only offers that the model was not fitted on; pure.

References: Platt (1999), "Probabilistic outputs for support vector machines", eq. 1; with a ridge towards
(1, 0) as in `consumer/scoring/calibration.py`, which goes on from here example by example.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import optimize  # type: ignore[import-untyped]  # scipy ships no types

from consumer.scoring.calibration import OFFSET_MAX, SLOPE_MAX, SLOPE_MIN

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]

SLOPE_RIDGE: Final = 25.0
"""The slope is believed to be 1 give or take 0.2, before any answer: a ridge regression is nearly calibrated, and
with a few dozen acceptances a freer map learns their luck."""

OFFSET_RIDGE: Final = 20.0
PRODUCT_RIDGE: Final = 60.0
"""The common offset is believed to be 0 give or take 0.22, a product's the common one give or take 0.13."""


@dataclass(frozen=True, slots=True)
class Calibrations:
    """The map of each product: one slope, and offsets of shape (P,)."""

    slope: float
    offsets: Floats

    def calibrated(self, log_odds: Floats, product: Int64s) -> Floats:
        """Return the probabilities after the map."""
        p: Floats = 1.0 / (1.0 + np.exp(-(self.slope * log_odds + self.offsets[product])))
        return p


def fitted_calibrations(
    log_odds: Floats, accepted: Int64s, product: Int64s, *, n_products: int
) -> Calibrations:
    """Return the maps under which answers are most likely, and the maps not far from the identity.

    Parameters
    ----------
    log_odds, accepted, product : shape (m,); without any offers the maps change nothing
    """

    def loss(numbers: Floats) -> tuple[float, Floats]:
        slope, offset, own = numbers[0], numbers[1], numbers[2:]
        odds = slope * log_odds + offset + own[product]
        error = 1.0 / (1.0 + np.exp(-odds)) - accepted
        ridges = np.concatenate([[SLOPE_RIDGE, OFFSET_RIDGE], np.full(n_products, PRODUCT_RIDGE)])
        away = numbers - _identity(n_products)
        value = np.logaddexp(0.0, odds).sum() - odds[accepted == 1].sum() + 0.5 * (ridges * away**2).sum()
        of_product = np.bincount(product, error, minlength=n_products)
        slopes = np.concatenate([[(error * log_odds).sum(), error.sum()], of_product]) + ridges * away
        return float(value), slopes

    half = OFFSET_MAX / 2.0
    bounds = [(SLOPE_MIN, SLOPE_MAX), (-half, half), *[(-half, half)] * n_products]
    found = optimize.minimize(loss, _identity(n_products), jac=True, method="L-BFGS-B", bounds=bounds)
    return Calibrations(float(found.x[0]), np.asarray(found.x[1] + found.x[2:], dtype=np.float64))


def _identity(n_products: int) -> Floats:
    return np.concatenate([[1.0], np.zeros(1 + n_products)])
