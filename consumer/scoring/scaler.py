"""Scaling of model inputs: every input on the same footing, and none without bound.

One linear map an input, `(x - mean) / sd`, clipped to ±6. It comes with the seed and then stays, so that
a weight keeps its meaning; without a seed it is learned from the first examples and then frozen.

Rules of this file: arrays in, arrays out, elementwise only (a row's bits never depend on its neighbours);
the result is finite for every whole-number input.

References: running mean and variance by Welford (1962), Technometrics 4(3), eq. 3-4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CLIP_SD = 6.0
"""Beyond six standard deviations an input says "extreme", and no more: one outlier must not move a model."""

SD_MIN = 0.05
"""An indicator set for one customer in 400 has this spread; dividing by less would shout about noise."""

FREEZE_AFTER = 2_000
"""Examples after which an unseeded scaler stops moving: means are then known to about 2 % of a spread."""

_INITIAL_SPREAD_WEIGHT = 20.0
"""The first examples are mixed with this many pseudo-examples of mean 0 and spread 1."""


@dataclass(frozen=True, slots=True)
class Scaler:
    """Mean and spread of each input; `count` examples were seen, at `FREEZE_AFTER` it stays as it is.

    Parameters
    ----------
    mean, sd : shape (n_inputs,), in units of the input
    count : examples that the running estimate rests on; a seeded scaler starts frozen
    """

    mean: Floats
    sd: Floats
    count: int = FREEZE_AFTER

    @property
    def is_frozen(self) -> bool:
        """Whether examples no longer move the scaler."""
        return self.count >= FREEZE_AFTER

    def to_json(self) -> dict[str, list[float]]:
        """Return the scaler as `ModelSnapshot.scaler` holds it."""
        return {"mean": self.mean.tolist(), "sd": self.sd.tolist(), "count": [float(self.count)]}


def initial_scaler(n_inputs: int) -> Scaler:
    """Return the scaler before any example and without a seed: it passes inputs through and will learn."""
    return Scaler(np.zeros(n_inputs), np.ones(n_inputs), count=0)


def scaler_from_json(document: Mapping[str, Sequence[float]]) -> Scaler:
    """Return the scaler that `Scaler.to_json` wrote; without a count it is frozen."""
    count = int(document.get("count", [FREEZE_AFTER])[0])
    mean = np.asarray(document["mean"], dtype=np.float64)
    return Scaler(mean, np.maximum(np.asarray(document["sd"], dtype=np.float64), SD_MIN), count)


def scaled(inputs: Floats, mean: Floats, sd: Floats) -> Floats:
    """Return inputs in standard deviations from their mean, within ±6.

    Parameters
    ----------
    inputs, mean, sd : shapes that broadcast; `sd` at least `SD_MIN`

    Examples
    --------
    >>> scaled(np.array([3.0, 100.0]), np.array([1.0, 1.0]), np.array([2.0, 2.0]))
    array([1., 6.])
    """
    result: Floats = np.minimum(np.maximum((inputs - mean) / sd, -CLIP_SD), CLIP_SD)
    return result


def learn_scaler(scaler: Scaler, inputs: Floats) -> Scaler:
    """Return the scaler after one more example; a frozen one is returned as it is.

    Parameters
    ----------
    scaler : state before
    inputs : shape (n_inputs,), raw
    """
    if scaler.is_frozen:
        return scaler
    weight = scaler.count + _INITIAL_SPREAD_WEIGHT
    delta = inputs - scaler.mean
    mean = scaler.mean + delta / (weight + 1.0)
    variance = (scaler.sd * scaler.sd * weight + delta * (inputs - mean)) / (weight + 1.0)
    return Scaler(mean, np.maximum(np.sqrt(variance), SD_MIN), scaler.count + 1)
