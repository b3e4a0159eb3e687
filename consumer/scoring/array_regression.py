"""River's logistic regression with its weights in an array: the same model, the same numbers, no dicts.

River reads an example as a dict of names and keeps its weights in another. Ours always has the same inputs in
the same order, so building and walking dicts of 115 names was a third of what a test and a lesson cost.
River's optimizers take arrays as well: here inputs and weights are arrays, and everything else (loss,
optimizer, intercept, the order of the steps in `_fit`) is River's own code.

Law: after any lessons, all weights have the bits that River's own class gives them (test_scoring_laws.py).
So a sum of products runs in the order of the inputs, as River's does, and not in the blocks of a BLAS, which
would also differ from one processor to the next.

Rules of this file: the only place with private names of River, since 0.26 has no other way to set weights or
to give a gradient: `_weights`, `_raw_dot_one` and `_fit`. River's methods that need names (`learn_one`,
mini-batches) are not served.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import linear_model

Floats = NDArray[np.float64]


class ArrayRegression(linear_model.LogisticRegression):
    """River's `LogisticRegression` over arrays of shape (F,); made by `array_regression`."""

    _weights: Any

    @property
    def weights(self) -> Floats:
        """The current weights, a copy in order of the inputs."""
        return np.array(self._weights)

    def learn_answered(self, inputs: Floats, label: int, *, weight: float, log_odds: float) -> None:
        """Learn one example whose log-odds were just asked for, so that they are not computed again.

        Parameters
        ----------
        inputs : shape (F,), scaled
        label : 0 or 1
        weight : importance weight; a negative one takes an example back
        log_odds : what the model says of `inputs` now
        """
        gradient = partial(self._gradient_at, log_odds)
        self._fit(inputs, label, weight, get_grad=gradient)  # type: ignore[no-untyped-call]

    def log_odds_one(self, inputs: Floats) -> float:
        """Return the log-odds of one example; changes nothing."""
        return float(np.add.accumulate(self._weights * inputs)[-1]) + float(self.intercept)

    def _gradient_at(
        self, log_odds: float, inputs: Floats, label: int, weight: float
    ) -> tuple[Floats, float]:
        """Return the gradients for weights and intercept, as River's `_eval_gradient_one` does without a penalty.

        River's clip at 1e12 is left out: with weights of at most 100 a gradient is never above 100.
        """
        slope: float = self.loss.gradient(label, log_odds) * weight
        return inputs * slope, slope

    def _raw_dot_one(self, x: Any) -> float:
        """Return the log-odds, for River's `predict_proba_one`."""
        return self.log_odds_one(x)


def array_regression(weights: Sequence[float], steps: int, **settings: Any) -> ArrayRegression:
    """Return the model that goes on from weights after a number of steps.

    Parameters
    ----------
    weights : in order of the inputs; copied
    steps : examples that the optimizer has seen
    settings : of River's `LogisticRegression`; penalties and initializers are not served

    Examples
    --------
    >>> model = array_regression([0.5, 1.0], 0, intercept_init=-1.0)
    >>> model.log_odds_one(np.array([2.0, 3.0]))
    3.0
    """
    model = ArrayRegression(**settings)
    model._weights = np.array(weights, dtype=np.float64)
    model.optimizer.n_iterations = steps
    return model
