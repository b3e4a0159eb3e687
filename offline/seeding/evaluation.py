"""How good first weights are on offers that they have not seen, and the calibration that goes with them.

In order of time the penalty is chosen on offers between the two marks of `lessons`, model and calibration are
fitted on all before the second mark, and what comes after it is held out to measure both. The bundle's own
model and calibration then rest on all offers.

Calibration needs answers that the model was not fitted on, and many, since few are acceptances: each fifth of the
offers is asked of a model of the other four. On eight simulated banks the expected log loss against the truth was
0.1980 with maps from the last quarter alone, 0.1962 with maps from fifths, 0.1962 without any map.

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
from offline.seeding.regression import ROUGH_TOLERANCE, Lessons, fitted_regression

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]

FOLDS: Final = 5
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
        asked = fitted_regression(early, own, penalty=penalty, tolerance=ROUGH_TOLERANCE)
        p_accept = asked.p_accept(between.inputs, between.product)
        tried[penalty] = log_loss(p_accept, between.accepted)
    best = min(tried, key=lambda penalty: tried[penalty])
    known, held_out = lessons.rows(slice(0, marks[1])), lessons.rows(slice(marks[1], None))
    progress(f"measuring on {len(held_out):,} held-out offers")
    odds = fitted_regression(known, own, penalty=best).log_odds(held_out.inputs, held_out.product)
    known_maps = _out_of_fold_maps(known, own, penalty=best)
    progress(f"calibrating on {len(lessons):,} offers, each asked of a model that has not seen it")
    return Evaluation(
        penalty=best,
        tried=tried,
        maps=_out_of_fold_maps(lessons, own, penalty=best),
        product=held_out.product,
        accepted=held_out.accepted,
        p_accept=known_maps.calibrated(odds, held_out.product),
        uncalibrated=1.0 / (1.0 + np.exp(-odds)),
        rate=product_rates(known, n_products=n_products)[held_out.product],
    )


def _out_of_fold_maps(lessons: Lessons, own: Int64s, *, penalty: float) -> Calibrations:
    """Return the maps that offers teach when each is asked of a model that was not fitted on it."""
    odds = np.empty(len(lessons))
    fold = folds_of(lessons.accepted)
    for number in range(FOLDS):
        mine = np.flatnonzero(fold == number)
        others = lessons.rows(np.flatnonzero(fold != number))
        asked = fitted_regression(others, own, penalty=penalty, tolerance=ROUGH_TOLERANCE)
        odds[mine] = asked.log_odds(lessons.inputs[mine], lessons.product[mine])
    return fitted_calibrations(odds, lessons.accepted, lessons.product, n_products=own.shape[1])


def folds_of(accepted: Int64s) -> Int64s:
    """Return the fold of each offer: acceptances and refusals are dealt out in turn, so all folds have both.

    Examples
    --------
    >>> folds_of(np.array([0, 1, 0, 1])).tolist()
    [0, 0, 1, 1]
    """
    fold = np.empty(len(accepted), dtype=np.int64)
    for label in (0, 1):
        rows = np.flatnonzero(accepted == label)
        fold[rows] = np.arange(len(rows)) % FOLDS
    return fold
