"""Engagement score: the weighted sum of a customer's contacts over the channels.

    score = Σ weight · contacts      on raw counts; every weight is 1 by default

The sum counts contacts and says nothing of their kind: a caller with problems scores as high as a regular
visitor, so it is read together with the channels.

Rules of this file: pure; a customer without a value in one of the channels has no score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from consumer.vocabulary.errors import ConfigurationError
from offline.tables.table import Table

ENGAGEMENT_SCORE: Final = "Engagement_Score"


def parsed_weights(text: str) -> dict[str, float]:
    """Return the weights of `COLUMN=WEIGHT,…` from a command line; a column alone weighs 1.

    Raises
    ------
    ConfigurationError : a part has another form

    Examples
    --------
    >>> parsed_weights("calls=0.5,visits")
    {'calls': 0.5, 'visits': 1.0}
    """
    weights = {}
    for part in text.split(","):
        column, sign, weight = part.rpartition("=")
        try:
            weights[(column if sign else part).strip()] = float(weight) if sign else 1.0
        except ValueError as error:
            raise ConfigurationError(
                f"engagement {text!r}: {part!r} is not of the form COLUMN=WEIGHT"
            ) from error
    return weights


def engagement_weights(table: Table, chosen: Mapping[str, float] | None = None) -> dict[str, float]:
    """Return channel → weight: as chosen, else as mapped, else 1 for each contact channel; empty without any.

    Raises
    ------
    ConfigurationError : a channel is no numeric column of the table, or a weight is no finite number
    """
    wanted = chosen or table.mapping.engagement or dict.fromkeys(table.names("contact_channel"), 1.0)
    numeric = set(table.names(numeric_only=True))
    weights = {}
    for channel, weight in wanted.items():
        name = table.name_of(channel)
        if name not in numeric:
            raise ConfigurationError(f"engagement: column {name!r} holds no numbers of contacts")
        if not np.isfinite(weight):
            raise ConfigurationError(f"engagement: the weight {weight} of {name!r} is no finite number")
        weights[name] = float(weight)
    return weights


def engagement_score(frame: pd.DataFrame, weights: Mapping[str, float]) -> pd.Series:
    """Return the score of each customer.

    Examples
    --------
    >>> frame = pd.DataFrame({"visits": [1, 0], "calls": [2, 9]})
    >>> engagement_score(frame, {"visits": 1.0, "calls": 0.5}).tolist()
    [2.0, 4.5]
    """
    score = pd.Series(0.0, index=frame.index, name=ENGAGEMENT_SCORE)
    for channel, weight in weights.items():
        score += weight * frame[channel]
    whole = not score.hasnans and bool((score % 1 == 0).all())
    return score.astype("int64") if whole else score


def definition(weights: Mapping[str, float]) -> str:
    """Return the score as a formula in words.

    Examples
    --------
    >>> definition({"visits": 1.0, "calls": 0.5})
    'visits + 0.5 × calls'
    """
    return " + ".join(name if weight == 1.0 else f"{weight:g} × {name}" for name, weight in weights.items())
