"""River's own logistic regression over dicts, learning as a model of ours does: what the array form must equal."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import linear_model, optim

from consumer.scoring.online_model import INTERCEPT_FACTOR, RATE_FIRST, RATE_MIN, FallingRate, ModelState
from consumer.scoring.scaler import Scaler, learn_scaler, scaled


class RiversOwn:
    """The model as River has it: an example is a dict of names, asked and learned by public methods only."""

    def __init__(self, state: ModelState) -> None:
        self.names = [f"input_{place}" for place in range(len(state.weights))]
        self.scaler: Scaler = state.scaler
        self.river: Any = linear_model.LogisticRegression(
            optimizer=optim.SGD(FallingRate(RATE_FIRST, RATE_MIN)),
            intercept_init=state.intercept,
            intercept_lr=FallingRate(RATE_FIRST * INTERCEPT_FACTOR, RATE_MIN * INTERCEPT_FACTOR),
        )

    def predict_one(self, inputs: NDArray[np.float64]) -> float:
        return float(self.river.predict_proba_one(self._named(inputs))[True])

    def learn_one(self, inputs: NDArray[np.float64], label: int, *, weight: float) -> None:
        self.river.learn_one(self._named(inputs), bool(label), weight)
        if weight > 0.0:
            self.scaler = learn_scaler(self.scaler, inputs)

    def weights(self) -> list[float]:
        known: dict[str, float] = self.river.weights
        return [known.get(name, 0.0) for name in self.names]

    def _named(self, inputs: NDArray[np.float64]) -> dict[str, float]:
        values = scaled(inputs, self.scaler.mean, self.scaler.sd).tolist()
        return dict(zip(self.names, values, strict=True))
