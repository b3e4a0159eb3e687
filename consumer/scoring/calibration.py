"""Online calibration: turn a model's log-odds into probabilities that come true.

A map of two numbers, `slope * log_odds + offset`, learned from each prediction that the model made
*before* it learned the answer, so it corrects overconfidence that training cannot see. It is pulled
towards the identity, and it moves ever more slowly, because it has only two numbers to learn.

Rules of this file: pure; frozen state in, new state out.

References: Platt (1999), "Probabilistic outputs for support vector machines", eq. 1; here by stochastic
gradient with a ridge towards (1, 0) instead of Newton steps on a held-out set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from consumer.vocabulary.numbers import Numbers, number

RATE = 0.02
"""First step; falls with the square root of the examples seen."""

RATE_HALVES_AFTER = 200.0
RIDGE = 0.02
"""Pull towards the identity for each step: two numbers need few examples, but they need some."""

SLOPE_MIN, SLOPE_MAX = 0.2, 2.0
OFFSET_MAX = 2.0
LOG_ODDS_MAX = 12.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """The map of one model; the default changes nothing."""

    slope: float = 1.0
    offset: float = 0.0
    count: float = 0.0

    def to_json(self) -> dict[str, float]:
        """Return the state as `ModelSnapshot.calibration` holds it."""
        return {"slope": self.slope, "offset": self.offset, "count": self.count}


def calibration_from_json(document: Numbers) -> Calibration:
    """Return the state that `Calibration.to_json` wrote; missing numbers are those of the identity."""
    return Calibration(
        slope=number(document, "slope", 1.0),
        offset=number(document, "offset"),
        count=number(document, "count"),
    )


def learn_calibration(state: Calibration, log_odds: float, *, label: int, weight: float) -> Calibration:
    """Return the map after one more answered prediction.

    Parameters
    ----------
    state : map before
    log_odds : what the model said before it learned this example
    label : 0 or 1
    weight : importance weight; a negative one takes an example back
    """
    log_odds = min(max(log_odds, -LOG_ODDS_MAX), LOG_ODDS_MAX)
    mapped = state.slope * log_odds + state.offset
    error = weight * (1.0 / (1.0 + math.exp(-mapped)) - label)
    rate = RATE / math.sqrt(1.0 + state.count / RATE_HALVES_AFTER)
    slope = state.slope - rate * (error * log_odds / LOG_ODDS_MAX + RIDGE * (state.slope - 1.0))
    offset = state.offset - rate * (error + RIDGE * state.offset)
    return Calibration(
        min(max(slope, SLOPE_MIN), SLOPE_MAX),
        min(max(offset, -OFFSET_MAX), OFFSET_MAX),
        state.count + 1.0,
    )
