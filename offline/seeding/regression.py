"""One acceptance model a product, learned together, in scikit-learn; its weights are carried into River.

A past campaign has few acceptances a product, so one logistic regression learns all products together:
every input (the segment's included) has a weight that all products share and a deviation for each product
that is penalised more (the deviation's column is scaled by `DEVIATION`), and interest in "the offered product
itself" has a weight of its own. What a product ends with is the sum: `carried` says it as one row of weights
a product, which is what an online model begins with.

Rules of this file: `p_accept` is scikit-learn's own probability; the laws compare River's with it.

References: Daumé III (2007), "Frustratingly easy domain adaptation", eq. 1 (shared and own copies of the
inputs).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]  # scipy ships no types
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from consumer.features.catalogue import FeatureCatalogue
from consumer.scoring.scaler import CLIP_SD, SD_MIN

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]

DEVIATION: Final = 0.3
"""A product's own weight is penalised 1 / 0.3² = 11 times as much as the shared one."""

OWN: Final = ("interest", "affinity")
"""Inputs that exist once a product; the offered product's own gets a shared weight."""

ITERATIONS_MAX: Final = 500
TOLERANCE: Final = 1e-6
ROUGH_TOLERANCE: Final = 1e-4
"""For fits that are only compared or calibrated on: log-odds are then right to 0.02, in two thirds of the time."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """Past offers as the regression sees them: m rows, in order of time.

    inputs : shape (m, F), raw (thousandths / 1000); product : shape (m,), column; accepted : shape (m,), 0 or 1
    """

    inputs: Floats
    product: Int64s
    accepted: Int64s

    def __len__(self) -> int:
        """Return the number of offers."""
        return len(self.accepted)

    def rows(self, chosen: slice | Int64s) -> Lessons:
        """Return some of the rows."""
        return Lessons(self.inputs[chosen], self.product[chosen], self.accepted[chosen])


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of every product on scaled inputs, shape (P, F), and intercepts, shape (P,)."""

    weights: Floats
    intercepts: Floats


@dataclass(frozen=True)
class AcceptanceRegression:
    """A fitted scikit-learn scaler and regression over all products.

    own : shape (len(OWN), P), input column of each product's own interest and affinity
    """

    scaler: StandardScaler
    regression: LogisticRegression
    own: Int64s

    def p_accept(self, inputs: Floats, product: Int64s) -> Floats:
        """Return scikit-learn's P(accept given offered).

        Parameters
        ----------
        inputs : shape (m, F), raw; product : shape (m,), column of the offered product
        """
        scaled = _scaled(self.scaler, inputs)
        p: Floats = self.regression.predict_proba(_design(scaled, product, self.own))[:, 1]
        return p

    def log_odds(self, inputs: Floats, product: Int64s) -> Floats:
        """Return scikit-learn's log-odds."""
        scaled = _scaled(self.scaler, inputs)
        odds: Floats = self.regression.decision_function(_design(scaled, product, self.own))
        return odds

    def carried(self) -> Weights:
        """Return the same models as one row of weights and one intercept a product."""
        n_inputs, n_products = len(self.scaler.mean_), self.own.shape[1]
        ends = [n_inputs, n_inputs + len(self.own), n_inputs + len(self.own) + n_products]
        shared, of_own, level, deviation = np.split(self.regression.coef_[0], ends)
        weights = shared + DEVIATION * deviation.reshape(n_products, n_inputs)
        for row, columns in enumerate(self.own):
            weights[np.arange(n_products), columns] += of_own[row]
        return Weights(weights, float(self.regression.intercept_[0]) + level)


def fitted_regression(
    lessons: Lessons, own: Int64s, *, penalty: float, tolerance: float = TOLERANCE
) -> AcceptanceRegression:
    """Return the regression that lessons teach; they hold at least one acceptance and one refusal.

    Parameters
    ----------
    own : as `AcceptanceRegression.own`
    penalty : inverse strength of the ridge (`C` of scikit-learn); tolerance : at which the fit stops
    """
    scaler = fitted_scaler(lessons.inputs)
    design = _design(_scaled(scaler, lessons.inputs), lessons.product, own)
    regression = LogisticRegression(C=penalty, max_iter=ITERATIONS_MAX, tol=tolerance)
    return AcceptanceRegression(scaler, regression.fit(design, lessons.accepted), own)


def fitted_scaler(inputs: Floats) -> StandardScaler:
    """Return scikit-learn's scaler; an input that never varies gets spread 1, others at least `SD_MIN`.

    Otherwise the first change of an input on the stream would look like six standard deviations to every model.
    """
    scaler = StandardScaler().fit(inputs)
    sd = np.sqrt(scaler.var_)
    scaler.scale_ = np.where(inputs.max(axis=0) > inputs.min(axis=0), np.maximum(sd, SD_MIN), 1.0)
    return scaler


def own_columns(features: FeatureCatalogue) -> Int64s:
    """Return the input columns of each product's own interest and affinity, shape (len(OWN), P)."""
    column = {name: place for place, name in enumerate(features.input_names)}
    return np.array([[column[f"{family}_{name}"] for name in features.product_ids] for family in OWN])


def _scaled(scaler: StandardScaler, inputs: Floats) -> Floats:
    clipped: Floats = np.clip(scaler.transform(inputs), -CLIP_SD, CLIP_SD)
    return clipped


def _design(scaled: Floats, product: Int64s, own: Int64s) -> sparse.csr_matrix:
    """Return columns: inputs, own inputs, one a product, inputs by product (scaled down)."""
    rows = np.arange(len(product))
    n_products, n_inputs = own.shape[1], scaled.shape[1]
    of_own = np.stack([scaled[rows, columns[product]] for columns in own], axis=1)
    is_product = sparse.csr_matrix((np.ones(len(rows)), (rows, product)), shape=(len(rows), n_products))
    places = product[:, None] * n_inputs + np.arange(n_inputs)
    by_product = sparse.csr_matrix(
        (DEVIATION * scaled.ravel(), (np.repeat(rows, n_inputs), places.ravel())),
        shape=(len(rows), n_products * n_inputs),
    )
    return sparse.hstack([scaled, of_own, is_product, by_product], format="csr")
