"""What a decision needs to know, and what it says: columns of n decisions.

One row is one decision; a customer stands in at most one row, since the next decision must see the
contact of this one. O = offers, P = models (`OfferCatalogue.model_ids`), in catalogue order.

Rules of this file: data only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from consumer.vocabulary.words import DecisionResult

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]
UInt8s = NDArray[np.uint8]
Int8s = NDArray[np.int8]
Codes = NDArray[Any]
"""Whole numbers of any width, as a record holds them."""

RESULTS: Final[tuple[str, ...]] = get_args(DecisionResult)
"""A result's place is its code in `Choices.result`."""

NO_OFFER: Final = -1
NO_CHANNEL: Final = -1
MARKETING_BIT: Final = 0
PROFILING_BIT: Final = 1
FIRST_CHANNEL_BIT: Final = 2
"""Consent bits: marketing, profiling, then one a channel in `CHANNELS` order."""


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """n decisions in the order in which they are made within each partition.

    customer_ids : n texts, for holdout and arms
    at_ms : time of the triggering event
    is_known, is_deceased, is_vulnerable : from the profile
    consents : bits, see `FIRST_CHANNEL_BIT`
    age_years : at the event time; NaN when the birth date is not known
    kyc_status, aml_status : codes of the words; -1 when not known
    holdings : bit i = product i is held
    fields : what rules may read, each (n,): every feature by name in raw units (NaN = not known, or its
        default with `KNOWN_FLAGS` of rules.py beside it; see `CompiledPolicy.fields_needed`), and
        employment_status (code), region, occupation (low 32 bits of `stable_hash64`), -1 = not known
    contact_s, contact_offer, contact_channel : (n, 16), the contact ring; time 0 = empty slot
    refused_s : (n, products), time of the last refusal in seconds, 0 = never
    trigger_source, trigger_kind : place in `INPUT_ROLES` and code of the kind
    trigger_product : product column of the triggering event, -1 for none
    trigger_channel : channel code of a triggering interaction (the customer is there now), else -1
    p_accept : (n, P), calibrated
    evidence : (P,), examples behind each model
    channel_preference : (n, 7) in [0, 1], how readily the customer answers on each channel
    draw : (n,), uniform in [0, 1), of the decision id
    budget_group : (n,), row of `budget_left` that a decision counts against
    budget_left : (groups, O), offers that may still be made today on that partition (`budgets.py`)
    """

    customer_ids: Sequence[str]
    at_ms: Int64s
    is_known: Bools
    consents: Codes
    is_deceased: Bools
    age_years: Floats
    kyc_status: Codes
    aml_status: Codes
    is_vulnerable: Bools
    holdings: Codes
    fields: Mapping[str, Codes]
    contact_s: Codes
    contact_offer: Codes
    contact_channel: Codes
    refused_s: Codes
    trigger_source: Codes
    trigger_kind: Codes
    trigger_product: Codes
    trigger_channel: Codes
    p_accept: Floats
    evidence: Floats
    channel_preference: Floats
    draw: Floats
    budget_group: Int64s
    budget_left: Int64s

    def __len__(self) -> int:
        """Return the number of decisions."""
        return len(self.at_ms)


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """What was decided, and everything that an audit needs to follow it.

    excluded : (n, O), `Exclusion` codes, 0 = candidate
    p_accept, context_weight, value, lever, priority : (n, O); priority is their product, as the
        decision's arm used them; meaningful for candidates only
    channel : (n, O), code in `CHANNELS`, -1 where none is open
    logging_propensity : (n, O + 1), last column = no offer; each row sums to 1; 0 for excluded offers
    gamma : (n,), SquareCB's learning rate; 0 in the arm that chooses uniformly
    chosen : (n,), offer column, -1 = no offer
    arm : (n,), place in `ARMS`
    result : (n,), place in `RESULTS`; a holdout's `chosen` is kept but must not be sent
    budget_reserved : (groups, O), offers that these decisions take from the budgets
    """

    excluded: UInt8s
    p_accept: Floats
    context_weight: Floats
    value: Floats
    lever: Floats
    priority: Floats
    channel: Int8s
    logging_propensity: Floats
    gamma: Floats
    chosen: Int64s
    arm: UInt8s
    result: UInt8s
    budget_reserved: Int64s

    @property
    def is_sent(self) -> Bools:
        """Where an offer goes out: chosen and not held out."""
        sent: Bools = self.result == RESULTS.index("offered")
        return sent
