"""How exclusions are noted: of several reasons the one with the lowest code stays.

So the reason does not depend on the order in which the checks run, and reads the same for everybody:
first what the customer is, then what the offer asks, then how often and when.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consumer.vocabulary.reasons import Exclusion

UInt8s = NDArray[np.uint8]
Bools = NDArray[np.bool_]


def note(excluded: UInt8s, is_failing: Bools, reason: Exclusion) -> None:
    """Write `reason` into `excluded` wherever a check fails and no lower code stands; in place.

    Examples
    --------
    >>> excluded = np.array([0, 5, 44], np.uint8)
    >>> note(excluded, np.array([True, True, True]), Exclusion.NO_CHANNEL)
    >>> excluded
    array([40,  5, 40], dtype=uint8)
    """
    # Subtracting 1 turns "none" (0) into the largest byte, so one comparison asks for both cases.
    np.copyto(excluded, np.uint8(reason), where=is_failing & (excluded - np.uint8(1) >= np.uint8(reason)))


def note_all(excluded: UInt8s, reasons: UInt8s) -> None:
    """Write each of `reasons` (0 = none) into `excluded` where no lower code stands; in place.

    Examples
    --------
    >>> excluded = np.array([0, 5, 44, 44], np.uint8)
    >>> note_all(excluded, np.array([40, 40, 40, 0], np.uint8))
    >>> excluded
    array([40,  5, 40, 44], dtype=uint8)
    """
    one = np.uint8(1)
    excluded[:] = np.minimum(excluded - one, reasons - one) + one
