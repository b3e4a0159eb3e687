"""Feature values → model inputs, as whole thousandths.

Inputs are integers so that a decision record holds them exactly and a replay scores bit for bit the
same numbers; a thousandth is far below what a logistic regression over scaled inputs can resolve.
Scaling and clipping belong to the models (`scoring`), which know the spread of each input.

Rules of this file: pure, element by element; finite in, bounded out.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from consumer.features.catalogue import N_SEGMENTS, FeatureCatalogue
from consumer.features.event_columns import Floats, Int64s
from consumer.features.feature import Transform

MILLI: Final = 1000.0
_MONEY_UNIT: Final = 100.0


def model_inputs_milli(catalogue: FeatureCatalogue, values: Floats, segment: Int64s) -> Int64s:
    """Return the model inputs in thousandths, in `catalogue.input_names` order.

    Parameters
    ----------
    values : shape (n, n_features), from `feature_values`
    segment : shape (n,), -1 or a number beyond the one-hots sets none of them

    Returns
    -------
    shape (n, F), int64
    """
    n_features = len(catalogue.model_features)
    inputs = np.empty((len(values), n_features + N_SEGMENTS), dtype=np.int64)
    for transform, (features, places) in _columns(catalogue).items():
        transformed = _transformed(np.take(values, features, axis=1), transform)
        inputs[:, places] = np.rint(transformed * MILLI)
    inputs[:, n_features:] = (segment[:, None] == np.arange(N_SEGMENTS)) * int(MILLI)
    return inputs


def _transformed(values: Floats, transform: Transform) -> Floats:
    if transform == "identity":
        return values
    if transform == "log1p":
        return np.asarray(np.log1p(values))
    return np.copysign(np.log1p(np.abs(values) / _MONEY_UNIT), values)


@cache
def _columns(catalogue: FeatureCatalogue) -> dict[Transform, tuple[list[int], list[int]]]:
    """Return for each transform the columns of its features and the places of its inputs."""
    columns: dict[Transform, tuple[list[int], list[int]]] = {}
    for place, feature in enumerate(catalogue.model_features):
        features, places = columns.setdefault(feature.transform, ([], []))
        features.append(catalogue.index[feature.name])
        places.append(place)
    return columns
