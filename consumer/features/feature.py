"""One row of the feature catalogue.

Rules of this file: a feature's name says its unit or window last; its text is what a customer adviser
reads, its `why` what a modeller reads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

Transform = Literal["identity", "log1p", "log1p_money", "signed_log1p_money"]
"""Raw value → model input; money is taken in hundreds of minor units, so that cents weigh little."""

COUNT: Final = "log1p"
MONEY: Final = "log1p_money"
SIGNED_MONEY: Final = "signed_log1p_money"
MARKS_DEFAULT: Final = "marks the default"

NEVER_DAYS: Final = 730.0
"""Days since an event that never was: twice the longest window, beyond anything remembered."""

DEFAULT_AGE_YEARS: Final = 40.0
DEFAULT_CREDIT_SCORE: Final = 600.0
DEFAULT_SATISFACTION: Final = 3.0
"""The middle of what there is, so that a missing value says nothing but through its indicator."""


@dataclass(frozen=True, slots=True)
class Feature:
    """What a number is, where it comes from and why it is kept.

    Parameters
    ----------
    name : unique; for products and channels ends with their id
    unit : minor, count, days, years, ratio, score, probability, flag, id
    source : topic roles of the events it comes from
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
    source: str = field(kw_only=True)
    aggregation: str = field(kw_only=True)
    window: str = field(default="", kw_only=True)
    default: float = field(default=0.0, kw_only=True)
    transform: Transform = field(default="identity", kw_only=True)
    in_model: bool = field(default=True, kw_only=True)
    why: str = field(kw_only=True)
    text: str = field(kw_only=True)


Features = tuple[Feature, ...]


def spoken(name: str) -> str:
    """Return an id as words: `call_centre` is "call centre"."""
    return name.replace("_", " ")
