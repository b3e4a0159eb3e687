"""One row of the feature catalogue.

Rules of this file: a feature's name says its unit or window last; its text is what a customer adviser
reads, its `why` what a modeller reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Transform = Literal["identity", "log1p", "log1p_money", "signed_log1p_money"]
"""Raw value → model input; money is taken in hundreds of minor units, so that cents weigh little."""

NEVER_DAYS: Final = 730.0
"""Days since an event that never was: twice the longest window, beyond anything remembered."""


@dataclass(frozen=True, slots=True)
class Feature:
    """What a number is, where it comes from and why it is kept.

    Parameters
    ----------
    name : unique; for products and channels ends with their id
    unit : minor, count, days, years, ratio, score, probability, flag, id
    source : topic role of the events it comes from
    aggregation : how the events become one number
    window : rolling window, half-life, or "" for a last value
    default : value while nothing is known; always finite
    transform : raw value → model input
    in_model : whether the models see it
    why : why it is there, or why the models do not see it
    text : what it says, for people
    """

    name: str
    unit: str
    source: str
    aggregation: str
    window: str
    default: float
    transform: Transform
    in_model: bool
    why: str
    text: str
