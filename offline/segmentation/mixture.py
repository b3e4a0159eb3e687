"""Gaussian mixture: segments of different width and direction, and a likelihood to choose k by.

Rules of this file: deterministic for a seed; fitted on the sample, applied to everybody; fitted in
standard units whatever the scale, since full covariances make units immaterial and only the guard
against flat components (`reg_covar`) depends on them.

Theory: each segment is a normal distribution with its own covariance; EM climbs the likelihood; BIC =
parameters x ln n - 2 ln L, lower is better (Schwarz 1978). Flags and small counts are not normal: a
component may shrink onto one value and make the BIC fall for ever, so it never decides alone.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Final

from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from offline.segmentation.plan import Floats, Int64s, Scale
from offline.segmentation.scaling import Scaling, fit_scaling

STARTED_ROWS: Final = 2_000
"""Up to so many customers the mixture gets several starts."""

STARTS: Final = 5
ITERATIONS_MAX: Final = 300
ITERATIONS_MAX_SAMPLED: Final = 100
"""A large table's mixture is a comparison, and components of a continuum creep for hundreds of rounds."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """A fitted mixture.

    Parameters
    ----------
    model : scikit-learn's, in standard units
    units : from the given matrix to standard units
    bic : on the sample that it was fitted on, lower is better
    is_converged : EM came to rest within its iterations
    """

    model: GaussianMixture
    units: Scaling
    bic: float
    is_converged: bool

    def labels(self, scaled: Floats) -> Int64s:
        """Return the likeliest component of each customer, shape (n_customers,)."""
        found: Int64s = self.model.predict(self.units.scaled(scaled))
        return found


def fit_mixture(sample: Floats, k: int, seed: int) -> Mixture:
    """Return a mixture of `k` normal distributions with full covariances.

    Parameters
    ----------
    sample : shape (n_sample, n_features), no feature constant
    k : number of components
    seed : of the starts
    """
    units = fit_scaling(sample, Scale.STANDARD)
    standard = units.scaled(sample)
    starts = STARTS if len(sample) <= STARTED_ROWS else 1
    rounds = ITERATIONS_MAX if len(sample) <= STARTED_ROWS else ITERATIONS_MAX_SAMPLED
    model = GaussianMixture(k, n_init=starts, max_iter=rounds, random_state=seed)
    with warnings.catch_warnings():
        # Said by `is_converged`; the k-means of its start may also find fewer groups than components.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(standard)
    return Mixture(model, units, float(model.bic(standard)), bool(model.converged_))
