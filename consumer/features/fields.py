"""Every field of the customer record: what is remembered of a customer, and nothing else.

Rules of this file: zero means "nothing is known", so numbers that may be missing are stored plus one
(said beside each), dates as days since `NO_DAY`; a time of 0
is never, in ms where it settles which value is the last, in seconds where it only feeds an age. Wide families name their members, so that they survive a change of the products.

    time               as_of_ms, first_event_s, last_transaction_s, last_interaction_s
    money              tile_count, tile_sum, tile_max (162 = 2 directions × 81 slots), balance, salary
    habits             decayed (spend, channels, kinds, interest, offers, ...)
    duplicates         recent_low, recent_high, recent_next, too_old_count
    contacts           contact_s, contact_offer, contact_channel, refused_s, last_decision_s
    profile            birth_day ... profile_flags
    traits             segment ... traits_flags
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from consumer.features.decayed_columns import member_names
from consumer.features.event_columns import CONSENT_BITS
from consumer.features.layout import Field
from consumer.features.tiles import RINGS

RECENT_EVENTS: Final = 12
CONTACTS: Final = 16


def _numbered(what: str, count: int) -> tuple[str, ...]:
    return tuple(f"{what}{i}" for i in range(count))


def _tile_names() -> tuple[str, ...]:
    """Return direction/window@hop/slot: tiles of a changed window or hop are not carried over."""
    return tuple(
        f"{direction}/{ring.window}@{ring.hop_ms}/{slot}"
        for direction in ("debit", "credit")
        for ring in RINGS
        for slot in range(ring.length)
    )


def profile_fields(product_ids: Sequence[str]) -> tuple[Field, ...]:
    """Return what is kept of `bank.customers`; all that is left after an objection to profiling."""
    return (
        Field("profile_ms", "<i8"),
        Field("opted_out_ms", "<i8"),
        Field("income_minor", "<i8"),  # plus one
        Field("credit_limit_minor", "<i8"),  # plus one
        Field("holdings", "<i8", tuple(product_ids), has_bits=True),
        Field("birth_day", "<u4"),  # days since NO_DAY
        Field("joined_day", "<u4"),  # days since NO_DAY
        Field("occupation", "<u4"),
        Field("region", "<u4"),
        Field("credit_score", "<u2"),
        Field("consents", "<u2", CONSENT_BITS, has_bits=True),
        Field("employment_status", "<u1"),  # code plus one
        Field("kyc_status", "<u1"),  # code plus one
        Field("aml_status", "<u1"),  # code plus one
        Field("profile_flags", "<u1", ("is_known", "is_vulnerable", "is_deceased"), has_bits=True),
    )


PROFILE_FIELD_NAMES: Final = tuple(field.name for field in profile_fields(()))
RECENT_EVENT_FIELD_NAMES: Final = ("recent_low", "recent_high", "recent_next")


def record_fields(product_ids: Sequence[str]) -> tuple[Field, ...]:
    """Return the fields of a customer record for these products."""
    products = tuple(product_ids)
    return (
        Field("as_of_ms", "<i8"),
        Field("first_event_s", "<u4"),
        Field("last_transaction_s", "<u4"),
        Field("last_interaction_s", "<u4"),
        Field("balance_ms", "<i8"),
        Field("balance_minor", "<i8"),
        Field("salary_ms", "<i8"),
        Field("salary_minor", "<i8"),
        *profile_fields(products),
        Field("traits_ms", "<i8"),
        Field("lifetime_value_minor", "<f8"),
        Field("churn_probability", "<u2"),  # in ten-thousandths
        Field("affinity", "<u2", products),  # in ten-thousandths
        Field("segment", "<u1"),  # plus one
        Field("traits_flags", "<u1", ("has_lifetime_value", "has_churn_probability"), has_bits=True),
        Field("decayed", "<f4", member_names(products)),
        Field("tile_sum", "<i8", _tile_names()),
        Field("tile_max", "<f4", _tile_names()),
        Field("tile_count", "<u2", _tile_names()),
        Field("recent_low", "<u4", _numbered("key", RECENT_EVENTS)),
        Field("recent_high", "<u2", _numbered("key", RECENT_EVENTS)),
        Field("recent_next", "<u1"),
        Field("too_old_count", "<u4"),
        Field("contact_s", "<u4", _numbered("contact", CONTACTS)),
        Field("contact_offer", "<u2", _numbered("contact", CONTACTS)),
        Field("contact_channel", "<u1", _numbered("contact", CONTACTS)),
        Field("refused_s", "<u4", products),
        Field("last_decision_s", "<u4"),
    )
