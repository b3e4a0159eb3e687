"""How good first weights are on offers that they have not seen, and the calibration learned from those.

In order of time the penalty is chosen on offers between the two marks of `lessons`, the model is fitted on all
before the second mark, and what comes after it is held out. The map of the bundle rests on all held-out
answers; to measure what it is worth, each half of them is mapped by what the other half taught.

Rules of this file: nothing is measured on offers that it was fitted on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from offline.seeding.calibration import Calibrations, fitted_calibrations
from offline.seeding.lessons import HELD_OUT_SHARE, PENALTY_SHARE
from offline.seeding.measures import Measures, log_loss, measured
from offline.seeding.priors import product_rates
from offline.seeding.regression import Lessons, fitted_regression

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]

PENALTIES: Final = (0.003, 0.01, 0.03, 0.1)
"""Inverse penalties that are tried (`C` of scikit-learn, on scaled inputs)."""


@dataclass(frozen=True)
class Evaluation:
    """What held-out offers say.

    product, accepted : shape (m,), of the held-out offers; p_accept, uncalibrated, rate : shape (m,), what was
    said of them by the model, by the model before calibration, by the product's past rate alone
    maps : of the bundle; tried : penalty → log loss
    """

    penalty: float
    tried: dict[float, float]
    maps: Calibrations
    product: Int64s
    accepted: Int64s
    p_accept: Floats
    uncalibrated: Floats
    rate: Floats

    def overall(self) -> Measures:
        """Return the measures of the calibrated model over all products."""
        return measured(self.p_accept, self.accepted)

    def of_product(self, product: int) -> Measures | None:
        """Return the measures of one product, None without held-out offers of it."""
        rows = np.flatnonzero(self.product == product)
        return measured(self.p_accept[rows], self.accepted[rows]) if len(rows) else None

    def counted(self, product: int) -> int:
        """Return the number of held-out offers of a product."""
        return int((self.product == product).sum())


def evaluated(lessons: Lessons, own: Int64s, *, progress: Callable[[str], None]) -> Evaluation:
    """Return what held-out offers say of the regression with the best penalty.

    Parameters
    ----------
    lessons : in order of time; own : as `AcceptanceRegression.own`
    progress : told what is being done
    """
    n_products = own.shape[1]
    marks = [int(len(lessons) * share) for share in (PENALTY_SHARE, HELD_OUT_SHARE)]
    early, between = lessons.rows(slice(0, marks[0])), lessons.rows(slice(marks[0], marks[1]))
    tried = {}
    progress(f"choosing the penalty on {len(between):,} offers")
    for penalty in PENALTIES:
        p_accept = fitted_regression(early, own, penalty=penalty).p_accept(between.inputs, between.product)
        tried[penalty] = log_loss(p_accept, between.accepted)
    best = min(tried, key=lambda penalty: tried[penalty])
    known, held_out = lessons.rows(slice(0, marks[1])), lessons.rows(slice(marks[1], None))
    progress(f"measuring on {len(held_out):,} held-out offers")
    odds = fitted_regression(known, own, penalty=best).log_odds(held_out.inputs, held_out.product)
    return Evaluation(
        penalty=best,
        tried=tried,
        maps=fitted_calibrations(odds, held_out.accepted, held_out.product, n_products=n_products),
        product=held_out.product,
        accepted=held_out.accepted,
        p_accept=_mapped_by_the_other_half(odds, held_out, n_products=n_products),
        uncalibrated=1.0 / (1.0 + np.exp(-odds)),
        rate=product_rates(known, n_products=n_products)[held_out.product],
    )


def _mapped_by_the_other_half(odds: Floats, held_out: Lessons, *, n_products: int) -> Floats:
    p_accept = np.empty(len(odds))
    is_even = np.arange(len(odds)) % 2 == 0
    for mine in (is_even, ~is_even):
        maps = fitted_calibrations(
            odds[~mine], held_out.accepted[~mine], held_out.product[~mine], n_products=n_products
        )
        p_accept[mine] = maps.calibrated(odds[mine], held_out.product[mine])
    return p_accept
