"""Reasons of a score, in the words of the feature catalogue.

Rules of this file: the numbers come from `CompiledModels.explain`; here they only get their words.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from consumer.scoring.compiled import CompiledModels
from consumer.vocabulary.messages import Reason

TEXT_MAX = 200
"""Length limit of `Reason.text`."""

_EFFECTS = {True: "raises the chance", False: "lowers the chance"}


def reasons(
    models: CompiledModels,
    inputs_milli: NDArray[np.int64],
    model: int,
    *,
    descriptions: Mapping[str, str],
    k: int = 3,
) -> list[Reason]:
    """Return the k strongest reasons of one score, strongest first.

    Parameters
    ----------
    models : the set that made the score
    inputs_milli : shape (F,), the row that was scored
    model : column of the model
    descriptions : input name → words; an input without words is called by its name
    k : number of reasons
    """
    return [
        Reason(
            feature=name,
            text=f"{descriptions.get(name, name)}: {_EFFECTS[added > 0.0]}"[:TEXT_MAX],
            contribution=added,
        )
        for name, added in models.explain(inputs_milli, model, k)
    ]
