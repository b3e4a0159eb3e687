"""Test, then train: how good a model's predictions were before it saw the answers.

One histogram of the predicted log-odds, positives and all examples a bin, gives the area under the ROC
curve and the expected calibration error; with the log loss they are one small state a model. Old examples
fade with a half-life in examples, so the numbers describe the model of today.

Rules of this file: pure; frozen state in, new state out; an example that is taken back (negative weight)
is not a test and is left out by the caller.

References: Dawid (1984), "Statistical theory: the prequential approach"; Gama, Sebastião, Rodrigues (2013),
"On evaluating stream learning algorithms", eq. 5 (fading factors); Naeini et al. (2015), eq. 2 (ECE).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from consumer.vocabulary.numbers import Numbers, number, number_list

Floats = NDArray[np.float64]

N_BINS = 40
ODDS_MAX = 8.0
"""Log-odds from -8 to 8 (0.03 % to 99.97 %) in bins of 0.4; what is beyond falls into the last ones."""

HALF_LIFE = 2_000.0
"""Examples after which a test counts half."""

FADE = 0.5 ** (1.0 / HALF_LIFE)
P_MIN = 1e-6


@dataclass(frozen=True, slots=True)
class Prequential:
    """Faded sums of the tests of one model.

    count, log_loss : number of tests and sum of their log loss, both faded
    tests : number of tests ever, not faded
    bins : shape (3, N_BINS), by predicted log-odds, faded: number of examples, of positives, sum of p_accept
    """

    count: float = 0.0
    log_loss: float = 0.0
    tests: int = 0
    bins: Floats = field(default_factory=lambda: np.zeros((3, N_BINS)))

    def to_json(self) -> dict[str, float | list[float]]:
        """Return the state as plain numbers, the names marked as the test's."""
        examples, positives, p_sums = self.bins.tolist()
        return {
            "test_count": self.count,
            "test_log_loss": self.log_loss,
            "tests": float(self.tests),
            "test_examples": examples,
            "test_positives": positives,
            "test_p_sums": p_sums,
        }


def prequential_from_json(document: Numbers) -> Prequential:
    """Return the state that `Prequential.to_json` wrote; an empty one when the document has none."""
    if "tests" not in document:
        return Prequential()
    return Prequential(
        count=number(document, "test_count"),
        log_loss=number(document, "test_log_loss"),
        tests=int(number(document, "tests")),
        bins=np.array(
            [number_list(document, name) for name in ("test_examples", "test_positives", "test_p_sums")]
        ),
    )


def log_loss(p_accept: float, label: int) -> float:
    """Return -log of the probability that was given to what happened.

    Examples
    --------
    >>> round(log_loss(0.5, 1), 3)
    0.693
    """
    p = min(max(p_accept, P_MIN), 1.0 - P_MIN)
    return -math.log(p if label else 1.0 - p)


def answered(state: Prequential, p_accept: float, label: int) -> Prequential:
    """Return the state after one more prediction met its answer.

    Parameters
    ----------
    state : before
    p_accept : what was predicted before learning
    label : 0 or 1
    """
    p = min(max(p_accept, P_MIN), 1.0 - P_MIN)
    place = _bin(math.log(p / (1.0 - p)))
    bins = state.bins * FADE
    bins[0, place] += 1.0
    bins[1, place] += label
    bins[2, place] += p
    return Prequential(
        count=state.count * FADE + 1.0,
        log_loss=state.log_loss * FADE + log_loss(p, label),
        tests=state.tests + 1,
        bins=bins,
    )


def metrics_of(state: Prequential) -> dict[str, float]:
    """Return log loss, AUC, ECE and number of tests; only the number before the first test.

    AUC is left out while one of the two labels has not been seen. Ties inside a bin count half, so AUC is
    right to the width of a bin.
    """
    if state.count <= 0.0:
        return {"tests": 0.0}
    examples, positives, p_sums = state.bins
    metrics = {
        "tests": float(state.tests),
        "log_loss": state.log_loss / state.count,
        "calibration_error": float(np.abs(p_sums - positives).sum() / examples.sum()),
        "rate": float(positives.sum() / examples.sum()),
    }
    auc = _auc(positives, examples - positives)
    return metrics if auc is None else {**metrics, "auc": auc}


def _bin(odds: float) -> int:
    return min(max(int((odds + ODDS_MAX) / (2.0 * ODDS_MAX) * N_BINS), 0), N_BINS - 1)


def _auc(positives: Floats, negatives: Floats) -> float | None:
    """Return P(a positive was scored above a negative), ties half (Mann, Whitney 1947)."""
    pairs = positives.sum() * negatives.sum()
    if pairs <= 0.0:
        return None
    below = np.cumsum(negatives) - negatives
    return float((positives * (below + 0.5 * negatives)).sum() / pairs)
