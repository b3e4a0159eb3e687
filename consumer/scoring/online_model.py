"""The model of one product: River's logistic regression over scaled inputs, and all that belongs to it.

One `OnlineModel` owns a scaler, a River model, a calibration map and its evidence; it changes in
`learn_one` and nowhere else, in one thread, and `snapshot` / `restore` are a tested round trip.

    inputs (F,) -> scaled, within +-6 -> River LogisticRegression -> log-odds -> calibration

River keeps a NaN for ever, so inputs are whole thousandths and scaling is clipped (scaler.py).

Rules of this file: the only place that calls the model (River's, over arrays: array_regression.py). The
scaled inputs and the log-odds of an example are made once, for its test and for learning it.

References: Robbins, Monro (1951), "A stochastic approximation method", for the falling rate; deviation: it
never falls below `RATE_MIN`, so that the model keeps following a bank that changes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from river import optim

from consumer.scoring.array_regression import ArrayRegression, array_regression
from consumer.scoring.calibration import Calibration, learn_calibration
from consumer.scoring.prior import GLOBAL_RATE
from consumer.scoring.scaler import Scaler, initial_scaler, learn_scaler, scaled
from consumer.vocabulary.errors import Defect

Floats = NDArray[np.float64]

RATE_FIRST = 0.003
"""With 115 scaled inputs a step moves the log-odds of its own example by about 115 x 0.003 = 0.35. Measured
on 24,000 offers of the simulated bank, from seeds and with importance weights: log loss 0.1701 at 0.003,
0.1720 at 0.005, 0.1697 at 0.002; without seeds a faster rate is better (0.1794, 0.1759, 0.1823)."""

RATE_HALVES_AFTER = 200.0
RATE_MIN = 0.0005
INTERCEPT_FACTOR = 5.0
"""The intercept learns this much faster: it has only one input, and the base rate is what is wrong first."""

RESTART_STEPS = 200
"""After a drift the rate is what it was after this many examples."""

ODDS_MAX = 30.0
"""River's own limit: beyond it a probability is 0 or 1 to thirteen digits."""


class FallingRate(optim.base.Scheduler):
    """Learning rate of step t: first / sqrt(1 + t / `RATE_HALVES_AFTER`), never below the minimum."""

    def __init__(self, first: float, minimum: float) -> None:
        self.first = first
        self.minimum = minimum

    def get(self, t: int) -> float:
        """Return the rate of step `t`."""
        return max(self.minimum, self.first / math.sqrt(1.0 + t / RATE_HALVES_AFTER))


@dataclass(frozen=True, slots=True)
class Evidence:
    """How many answers a model rests on; an answer taken back is taken off again.

    examples, positives : from the stream; seed_examples, seed_positives : what the seed counts for
    weight_sum, weight_square_sum : of the importance weights, for the effective sample size
    purchase_answers, purchases : among accepted offers, those whose purchase is settled, and bought
    """

    examples: float = 0.0
    positives: float = 0.0
    seed_examples: float = 0.0
    seed_positives: float = 0.0
    weight_sum: float = 0.0
    weight_square_sum: float = 0.0
    purchase_answers: float = 0.0
    purchases: float = 0.0

    def after(self, label: int, weight: float) -> Evidence:
        """Return the evidence with one more example, or one less if its weight is negative."""
        sign = math.copysign(1.0, weight)
        return replace(
            self,
            examples=self.examples + sign,
            positives=self.positives + sign * label,
            weight_sum=self.weight_sum + weight,
            weight_square_sum=self.weight_square_sum + sign * weight * weight,
        )

    def after_purchase(self, label: int, weight: float) -> Evidence:
        """Return the evidence with one more accepted offer that was bought or not, or one less."""
        sign = math.copysign(1.0, weight)
        return replace(
            self,
            purchase_answers=self.purchase_answers + sign,
            purchases=self.purchases + sign * label,
        )


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model said before it learned the answer: log-odds, and the calibrated probability."""

    log_odds: float
    p_accept: float


@dataclass(frozen=True, slots=True)
class ModelState:
    """Everything that an `OnlineModel` is, as plain values; weights are in order of the input names.

    segment_prior : log-odds that each segment's prior adds, from the seed; learning leaves it as it is, and it
        counts as long as the model's own evidence is small (prior.py)
    """

    weights: Sequence[float]
    intercept: float
    steps: int
    scaler: Scaler
    calibration: Calibration = field(default_factory=Calibration)
    evidence: Evidence = field(default_factory=Evidence)
    segment_prior: Sequence[float] = ()


def initial_state(n_inputs: int) -> ModelState:
    """Return the state of a model that knows nothing: everybody accepts at the global rate."""
    base = math.log(GLOBAL_RATE / (1.0 - GLOBAL_RATE))
    return ModelState([0.0] * n_inputs, base, 0, initial_scaler(n_inputs))


@dataclass(slots=True)
class OnlineModel:
    """One product's model, learning from one example at a time.

    Examples
    --------
    >>> model = OnlineModel(("balance",), initial_state(1))
    >>> before = model.predict_one(np.array([1.0]))
    >>> _ = model.learn_one(np.array([1.0]), 1, weight=1.0)
    >>> model.predict_one(np.array([1.0])) > before
    True
    """

    input_names: tuple[str, ...]
    start: InitVar[ModelState]
    scaler: Scaler = field(init=False)
    calibration: Calibration = field(init=False)
    evidence: Evidence = field(init=False)
    segment_prior: Sequence[float] = field(init=False)
    _river: ArrayRegression = field(init=False, repr=False)

    def __post_init__(self, start: ModelState) -> None:
        """Build River's model from the state that it starts from."""
        if len(start.weights) != len(self.input_names):
            raise Defect(f"a model of {len(self.input_names)} inputs is given {len(start.weights)} weights")
        self.scaler, self.calibration = start.scaler, start.calibration
        self.evidence, self.segment_prior = start.evidence, start.segment_prior
        self._river = _river_model(start)

    def log_odds_one(self, inputs: Floats) -> float:
        """Return the model's log-odds for one row, before calibration; changes nothing.

        Parameters
        ----------
        inputs : shape (F,), raw (thousandths / 1000)
        """
        return self._river.log_odds_one(self._scaled(inputs))

    def predict_one(self, inputs: Floats) -> float:
        """Return River's P(accept given offered), before calibration; changes nothing."""
        own = self._scaled(inputs)
        return float(self._river.predict_proba_one(own)[True])  # type: ignore[no-untyped-call]

    def learn_one(self, inputs: Floats, label: int, *, weight: float) -> Prediction:
        """Learn one example; return what the model said of it before.

        Parameters
        ----------
        inputs : shape (F,), raw
        label : 0 or 1
        weight : importance weight; a negative one takes an example back
        """
        own = self._scaled(inputs)
        log_odds = self._river.log_odds_one(own)
        said = Prediction(log_odds, _calibrated(self.calibration, log_odds))
        self._river.learn_answered(own, label, weight=weight, log_odds=log_odds)
        if weight > 0.0:
            self.scaler = learn_scaler(self.scaler, inputs)
        self.calibration = learn_calibration(self.calibration, log_odds, label=label, weight=weight)
        self.evidence = self.evidence.after(label, weight)
        return said

    def note_purchase(self, label: int, *, weight: float) -> None:
        """Count what became of an accepted offer; the model of acceptance does not change."""
        self.evidence = self.evidence.after_purchase(label, weight)

    def quicken(self) -> None:
        """Let the learning rate rise again: the world has changed (drift)."""
        optimizer = self._river.optimizer
        optimizer.n_iterations = min(optimizer.n_iterations, RESTART_STEPS)

    def snapshot(self) -> ModelState:
        """Return the state as plain values; `OnlineModel(names, snapshot)` continues bit for bit alike."""
        return ModelState(
            weights=self._river.weights.tolist(),
            intercept=float(self._river.intercept),
            steps=int(self._river.optimizer.n_iterations),
            scaler=self.scaler,
            calibration=self.calibration,
            evidence=self.evidence,
            segment_prior=self.segment_prior,
        )

    def _scaled(self, inputs: Floats) -> Floats:
        return scaled(inputs, self.scaler.mean, self.scaler.sd)


def _calibrated(calibration: Calibration, log_odds: float) -> float:
    mapped = calibration.slope * log_odds + calibration.offset
    return 1.0 / (1.0 + math.exp(-min(max(mapped, -ODDS_MAX), ODDS_MAX)))


def _river_model(state: ModelState) -> ArrayRegression:
    return array_regression(
        state.weights,
        state.steps,
        optimizer=optim.SGD(FallingRate(RATE_FIRST, RATE_MIN)),
        intercept_init=state.intercept,
        intercept_lr=FallingRate(RATE_FIRST * INTERCEPT_FACTOR, RATE_MIN * INTERCEPT_FACTOR),
    )
