"""Published decisions as recovery needs them: where they were made, and which offer went out.

Rules of this file: data only, and little of it: all of a partition's range is held in memory while the
partition is rebuilt, about 100 bytes a decision and 600 more where an offer went out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consumer.vocabulary.topics import INPUT_ROLES


@dataclass(frozen=True, slots=True)
class PastOffer:
    """The offer of a past decision.

    segment : of the customer, -1 unknown
    fingerprint, inputs_milli : of the model input; empty where nobody might look at the customer
    """

    offer_id: str
    channel: str
    segment: int
    p_accept: float
    logging_propensity: float
    fingerprint: str
    inputs_milli: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class PastDecision:
    """A decision that was made; `offer` is None where nothing was sent."""

    role: str
    partition: int
    offset: int
    offer: PastOffer | None


@dataclass(frozen=True, slots=True)
class PublishedDecisions:
    """What the topic of decisions holds; `is_complete` when nothing of what was asked for can be missing."""

    decisions: Sequence[PastDecision]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class PastDecisions:
    """What was decided on one input partition.

    made : (role code, offset) → decision
    until : role → offset; decisions of events before it are visible to readers
    is_complete : the log holds every decision of the range, so what is not in it was not decided
    """

    made: Mapping[tuple[int, int], PastDecision]
    until: Mapping[str, int]
    is_complete: bool

    def covers(self, role: int, offset: int) -> bool:
        """Return whether an event's decision would be visible already."""
        return offset < self.until.get(INPUT_ROLES[role], 0)
