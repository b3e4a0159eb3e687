"""Numbers as people read them.

Rules of this file: pure, no imports of the project: every part of the laboratory may use it.
"""

from __future__ import annotations

from typing import Final

MISSING: Final = "–"
WHOLE_FROM: Final = 1e5
"""From here on digits after the point say nothing any more."""

WHOLE_SPOKEN_FROM: Final = 1_000
POWER_FROM: Final = 1e15
"""From here on nobody reads the digits."""


def shown_number(value: float, specification: str | None = None) -> str:
    """Return a number for people: thousands separators, six significant digits unless a format says otherwise.

    Examples
    --------
    >>> shown_number(34574.242424), shown_number(660), shown_number(0.608860), shown_number(5_649_550.5)
    ('34,574.2', '660', '0.60886', '5,649,550')
    """
    if value != value:  # noqa: PLR0124  # only NaN differs from itself
        return MISSING
    if specification is not None:
        return format(value, specification)
    if abs(value) >= POWER_FROM:
        return f"{value:.4g}"
    is_whole = abs(value) < float("inf") and float(value).is_integer()
    return f"{value:,.0f}" if is_whole or abs(value) >= WHOLE_FROM else f"{value:,.6g}"


def spoken_number(value: float) -> str:
    """Return a number for a sentence: four significant digits, whole from a thousand on.

    Examples
    --------
    >>> spoken_number(34574.242424), spoken_number(2.606060), spoken_number(18000), spoken_number(-0.07857)
    ('34,574', '2.606', '18,000', '-0.07857')
    """
    return f"{value:,.0f}" if POWER_FROM > abs(value) >= WHOLE_SPOKEN_FROM else f"{value:.4g}"
