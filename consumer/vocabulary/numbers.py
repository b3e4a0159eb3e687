"""Plain numbers out of the open maps of a model snapshot (name → number or list of numbers).

Rules of this file: pure; a missing name is its default, a list where one number belongs is a defect.
"""

from __future__ import annotations

from collections.abc import Mapping

from consumer.vocabulary.errors import Defect

Numbers = Mapping[str, float | list[float]]


def number(document: Numbers, name: str, default: float = 0.0) -> float:
    """Return one number.

    Examples
    --------
    >>> number({"slope": 1.5}, "slope"), number({}, "slope", 1.0)
    (1.5, 1.0)
    """
    value = document.get(name, default)
    if isinstance(value, list):
        raise Defect(f"The snapshot holds a list of {len(value)} numbers where {name} is one number.")
    return float(value)


def number_list(document: Numbers, name: str) -> list[float]:
    """Return a list of numbers, empty when there is none.

    Examples
    --------
    >>> number_list({"blocks": [0.5, 0.25]}, "blocks")
    [0.5, 0.25]
    """
    value = document.get(name, [])
    return list(value) if isinstance(value, list) else [float(value)]
