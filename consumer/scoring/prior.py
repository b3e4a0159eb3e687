"""Rates to start from: what is believed about a product before its own examples say more.

A product's rate is drawn towards its group's, the group's towards the rate of all products, and that
towards a fixed guess; each level counts for a fixed number of examples (a Beta prior in its mean and
strength). A model's own log-odds are trusted in the same measure: with n examples by n / (n + n0). Where the
seed knows what a segment accepts, the prior of its customers moves by that, in log-odds.

Rules of this file: pure; rates stay inside (0, 1).

References: Gelman, Hill (2006), "Data Analysis Using Regression and Multilevel Models", ch. 12, eq. 12.1
(partial pooling); deviation: strengths are fixed instead of estimated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GLOBAL_RATE = 0.03
"""A typical share of accepted offers in retail banking, before anything is known."""

GLOBAL_STRENGTH = 50.0
GROUP_STRENGTH = 50.0
PRODUCT_STRENGTH = 100.0
"""Examples that the level above counts for."""

TRUST_STRENGTH = 100.0
"""With this many examples a model and its prior count half each."""

SEGMENT_PRIOR = "segment_prior"
"""Name of a seed's log-odds by segment in a model snapshot, beside its calibration map."""

P_MIN = 1e-6
"""Probabilities are clipped to [P_MIN, 1 - P_MIN] where they are made."""


def pooled_rates(positives: Floats, examples: Floats, groups: Sequence[str]) -> Floats:
    """Return each product's acceptance rate, drawn towards its group's and the global rate.

    Parameters
    ----------
    positives, examples : shape (n_products,), counts; weights taken back may leave fractions
    groups : name of each product's group

    Returns
    -------
    shape (n_products,), in (0, 1)

    Examples
    --------
    >>> pooled_rates(np.array([0.0]), np.array([0.0]), ["cards"])
    array([0.03])
    """
    positives = np.clip(positives, 0.0, np.maximum(examples, 0.0))
    examples = np.maximum(examples, 0.0)
    global_rate = (positives.sum() + GLOBAL_STRENGTH * GLOBAL_RATE) / (examples.sum() + GLOBAL_STRENGTH)
    rates = np.empty(len(positives))
    names = np.asarray(groups)
    for group in sorted(set(groups)):
        members = names == group
        group_rate = (positives[members].sum() + GROUP_STRENGTH * global_rate) / (
            examples[members].sum() + GROUP_STRENGTH
        )
        rates[members] = (positives[members] + PRODUCT_STRENGTH * group_rate) / (
            examples[members] + PRODUCT_STRENGTH
        )
    return np.clip(rates, P_MIN, 1.0 - P_MIN)


def trust(examples: Floats) -> Floats:
    """Return the share in [0, 1) that a model's own log-odds count, by its number of examples.

    Examples
    --------
    >>> trust(np.array([0.0, 100.0]))
    array([0. , 0.5])
    """
    known = np.maximum(examples, 0.0)
    share: Floats = known / (known + TRUST_STRENGTH)
    return share


def segment_shifts(priors: Sequence[Sequence[float]], n_segments: int) -> Floats:
    """Return what each segment's prior adds to each model's log-odds.

    Parameters
    ----------
    priors : for each model its log-odds by segment; empty where the seed has none
    n_segments : that have a model input; the last row is for customers in none

    Returns
    -------
    shape (n_segments + 1, P); no rows when no model has any, so that nothing is added at all
    """
    if not any(len(prior) for prior in priors):
        return np.empty((0, len(priors)))
    shifts = np.zeros((n_segments + 1, len(priors)))
    for model, prior in enumerate(priors):
        known = min(len(prior), n_segments)
        shifts[:known, model] = prior[:known]
    return shifts


def log_odds(p: Floats) -> Floats:
    """Return log(p / (1 - p)) of probabilities inside (0, 1)."""
    result: Floats = np.log(p) - np.log1p(-p)
    return result
