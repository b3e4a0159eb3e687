"""How good probabilities are: log loss, AUC, calibration error, and the bins of a reliability figure.

Rules of this file: pure; a measure that the data cannot give (no acceptance, no refusal) is None, not a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from consumer.scoring.prior import P_MIN

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]

BINS: Final = 8
"""Bins of equally many offers; a campaign of 1,000 held-out offers then has 125 in each."""

BIN_OFFERS_MIN: Final = 20


@dataclass(frozen=True, slots=True)
class Measures:
    """Measures over some offers; `auc` is None when all were accepted or all refused."""

    offers: int
    accepted: int
    log_loss: float
    auc: float | None
    ece: float

    def to_numbers(self, prefix: str = "") -> dict[str, float]:
        """Return the measures by name, without those that there are none of."""
        numbers = {"log_loss": self.log_loss, "auc": self.auc, "ece": self.ece}
        return {prefix + name: value for name, value in numbers.items() if value is not None}


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Offers of similar probability: what was said on average, and what came of it."""

    offers: int
    p_accept: float
    accepted_share: float


def measured(p_accept: Floats, accepted: Int64s) -> Measures:
    """Return the measures of probabilities against answers, both of shape (m,) with m > 0."""
    has_both = 0 < accepted.sum() < len(accepted)
    bins = reliability(p_accept, accepted)
    return Measures(
        offers=len(accepted),
        accepted=int(accepted.sum()),
        log_loss=log_loss(p_accept, accepted),
        auc=float(roc_auc_score(accepted, p_accept)) if has_both else None,
        ece=sum(each.offers * abs(each.p_accept - each.accepted_share) for each in bins) / len(accepted),
    )


def log_loss(p_accept: Floats, accepted: Int64s) -> float:
    """Return the mean log loss.

    Examples
    --------
    >>> round(log_loss(np.array([0.5, 0.5]), np.array([0, 1])), 4)
    0.6931
    """
    p = np.clip(p_accept, P_MIN, 1.0 - P_MIN)
    return float(-np.log(np.where(accepted == 1, p, 1.0 - p)).mean())


def reliability(p_accept: Floats, accepted: Int64s) -> list[ReliabilityBin]:
    """Return up to `BINS` bins of equally many offers, in order of probability."""
    n_bins = int(np.clip(len(accepted) // BIN_OFFERS_MIN, 1, BINS))
    order = np.argsort(p_accept, kind="stable")
    return [
        ReliabilityBin(len(rows), float(p_accept[rows].mean()), float(accepted[rows].mean()))
        for rows in np.array_split(order, n_bins)
    ]
