"""From structs to columns: one list per field and role, then arrays, then all roles in order of arrival.

Rules of this file: the per-event work is list comprehensions and C calls (`map`, `np.fromiter`), never a
loop body; every column is full, with its neutral value where a role has no such field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consumer.decoded import NO_DECISION
from consumer.features.event_columns import (
    CONSENT_BITS,
    NO_DAY,
    EventColumns,
    Int64s,
    ProfileColumns,
    TraitsColumns,
    UInt64s,
)
from consumer.vocabulary.ids import KEY_MULTIPLIERS, KEY_SHIFTS, MAX_ID_BYTES, stable_hash64
from consumer.vocabulary.products import OfferCatalogue
from consumer.vocabulary.time import epoch_day
from consumer.vocabulary.topics import INPUT_ROLES
from consumer.vocabulary.words import (
    AML_STATUSES,
    CHANNELS,
    EMPLOYMENT_STATUSES,
    INTERACTION_KINDS,
    KYC_STATUSES,
    OUTCOME_KINDS,
    TRANSACTION_KINDS,
    code_of,
)

Array = NDArray[Any]

_NEUTRAL: Final[Mapping[str, tuple[type[np.generic], int]]] = {
    "event_time_ms": (np.int64, 0),
    "event_key": (np.uint64, 0),
    "source": (np.uint8, 0),
    "kind": (np.uint8, 0),
    "channel": (np.uint8, 0),
    "is_credit": (np.bool_, 0),
    "amount_minor": (np.int64, 0),
    "merchant_category": (np.int64, -1),
    "balance_minor": (np.int64, 0),
    "has_balance": (np.bool_, 0),
    "product": (np.int64, -1),
    "satisfaction": (np.uint8, 0),
    "detail": (np.int64, -1),
    "decision_role": (np.int64, NO_DECISION),
    "decision_partition": (np.int64, NO_DECISION),
    "decision_offset": (np.int64, NO_DECISION),
}
"""Type and neutral value of each column, first those of `EventColumns`, then the facts beside it."""

_TRANSACTION_KIND = code_of(TRANSACTION_KINDS)
_INTERACTION_KIND = code_of(INTERACTION_KINDS)
_OUTCOME_KIND = code_of(OUTCOME_KINDS)
_CHANNEL = code_of(CHANNELS)
_EMPLOYMENT = code_of(EMPLOYMENT_STATUSES)
_KYC = code_of(KYC_STATUSES)
_AML = code_of(AML_STATUSES)
_ROLE = code_of(INPUT_ROLES)
_DECISION_ID: Final = re.compile(rf"({'|'.join(INPUT_ROLES)})-(0|[1-9][0-9]{{0,9}})-(0|[1-9][0-9]{{0,17}})")
_NO_DECISION_PARTS: Final = (NO_DECISION, NO_DECISION, NO_DECISION)
_TEXTS_REMEMBERED: Final = 4_096
"""Occupations and regions are few; a bank with more of them hashes some again."""


@dataclass(frozen=True, slots=True)
class Block:
    """The accepted events of one role: arrival numbers, ids, and the columns that the role has."""

    arrival: Int64s
    customer_ids: list[str]
    event_ids: list[str]
    columns: Mapping[str, Array]
    details: Mapping[str, Array]


def block_of(role: str, documents: Sequence[Any], arrival: Int64s, catalogue: OfferCatalogue) -> Block:
    """Return the columns of one role's documents, whose products are all known."""
    event_ids = [document.event_id for document in documents]
    details: Mapping[str, Array] = {}
    match role:
        case "transactions":
            own = _transaction_columns(documents)
        case "interactions":
            own = _interaction_columns(documents, catalogue.product_index)
        case "outcomes":
            own = _outcome_columns(documents)
        case "customers":
            own, details = _detail_rows(documents), _profile_columns(documents, catalogue.product_index)
        case _:
            own, details = _detail_rows(documents), _traits_columns(documents, catalogue.product_index)
    shared: dict[str, Array] = {
        "event_time_ms": _int64s([document.event_time_ms for document in documents]),
        "event_key": event_keys(event_ids, _ROLE[role]),
        "source": np.full(len(documents), _ROLE[role], np.uint8),
    }
    customer_ids = [document.customer_id for document in documents]
    return Block(arrival, customer_ids, event_ids, {**shared, **own}, details)


def event_keys(event_ids: Sequence[str], source: int = 0) -> UInt64s:
    """Return `event_key` of each id of a topic, all at once.

    Examples
    --------
    >>> from consumer.vocabulary.ids import event_key
    >>> event_keys(["e-1", "e-2"]).tolist() == [event_key("e-1"), event_key("e-2")]
    True
    """
    words = np.array(event_ids, f"S{MAX_ID_BYTES}").view("<u8").reshape(-1, MAX_ID_BYTES // 8)
    first, second = map(np.uint64, KEY_MULTIPLIERS)
    first_shift, second_shift = map(np.uint64, KEY_SHIFTS)
    keys = np.zeros(len(event_ids), np.uint64)
    for word in np.ascontiguousarray(words.T):
        keys = (keys ^ word) * first
        keys ^= keys >> first_shift
    keys ^= np.uint64(source)
    keys *= second
    keys ^= keys >> second_shift
    keys[keys == 0] = 1
    return keys


def _transaction_columns(documents: Sequence[Any]) -> dict[str, Array]:
    balances = [document.balance_after_minor for document in documents]
    categories = [document.merchant_category for document in documents]
    return {
        "kind": _codes(_TRANSACTION_KIND, [document.kind for document in documents]),
        "is_credit": np.array([document.direction == "credit" for document in documents], np.bool_),
        "amount_minor": _int64s([document.amount_minor for document in documents]),
        "merchant_category": _int64s([-1 if text is None else int(text) for text in categories]),
        "balance_minor": _int64s([balance or 0 for balance in balances]),
        "has_balance": np.array([balance is not None for balance in balances], np.bool_),
    }


def _interaction_columns(documents: Sequence[Any], product_index: Mapping[str, int]) -> dict[str, Array]:
    products = [document.product_id for document in documents]
    return {
        "kind": _codes(_INTERACTION_KIND, [document.kind for document in documents]),
        "channel": _codes(_CHANNEL, [document.channel for document in documents]),
        "product": _int64s([-1 if name is None else product_index[name] for name in products]),
        "satisfaction": np.array([document.satisfaction or 0 for document in documents], np.uint8),
    }


def _outcome_columns(documents: Sequence[Any]) -> dict[str, Array]:
    parts = np.array([decision_parts(document.decision_id) for document in documents], np.int64)
    role, partition, offset = parts.reshape(-1, 3).T
    return {
        "kind": _codes(_OUTCOME_KIND, [document.kind for document in documents]),
        "satisfaction": np.array([document.satisfaction or 0 for document in documents], np.uint8),
        "decision_role": role,
        "decision_partition": partition,
        "decision_offset": offset,
    }


def decision_parts(decision_id: str) -> tuple[int, int, int]:
    """Return (role number, partition, offset) of a decision id, `NO_DECISION` thrice if it is none of ours.

    Examples
    --------
    >>> decision_parts("transactions-3-1289")
    (2, 3, 1289)
    >>> decision_parts("someone-else-7")
    (-1, -1, -1)
    """
    found = _DECISION_ID.fullmatch(decision_id)
    if found is None:
        return _NO_DECISION_PARTS
    role, partition, offset = found.groups()
    return _ROLE[role], int(partition), int(offset)


def _detail_rows(documents: Sequence[Any]) -> dict[str, Array]:
    return {"detail": np.arange(len(documents), dtype=np.int64)}


def _profile_columns(documents: Sequence[Any], product_index: Mapping[str, int]) -> dict[str, Array]:
    return {
        "birth_day": _days([document.birth_date for document in documents]),
        "income_minor": _or_missing([document.income_minor for document in documents]),
        "occupation": _int64s([text_code(document.occupation) for document in documents]),
        "employment_status": _words(_EMPLOYMENT, [document.employment_status for document in documents]),
        "credit_score": _or_missing([document.credit_score for document in documents]),
        "region": _int64s([text_code(document.region) for document in documents]),
        "joined_day": _days([document.joined_on for document in documents]),
        "holdings": _int64s([_holding_bits(document.holdings, product_index) for document in documents]),
        "credit_limit_minor": _or_missing([document.credit_limit_minor for document in documents]),
        "consents": _int64s([_consent_bits(document.consents) for document in documents]),
        "kyc_status": _words(_KYC, [document.kyc_status for document in documents]),
        "aml_status": _words(_AML, [document.aml_status for document in documents]),
        "is_vulnerable": np.array([document.vulnerable for document in documents], np.bool_),
        "is_deceased": np.array([document.deceased for document in documents], np.bool_),
    }


def _traits_columns(documents: Sequence[Any], product_index: Mapping[str, int]) -> dict[str, Array]:
    affinity = np.full((len(documents), len(product_index)), np.nan)
    for row, document in enumerate(documents):
        for name, share in document.affinity.items():
            affinity[row, product_index[name]] = share
    return {
        "segment": _or_missing([document.segment for document in documents]),
        "lifetime_value_minor": _or_nan([document.lifetime_value_minor for document in documents]),
        "churn_probability": _or_nan([document.churn_probability for document in documents]),
        "affinity": affinity,
    }


@lru_cache(_TEXTS_REMEMBERED)
def text_code(text: str | None) -> int:
    """Return the low 32 bits of `stable_hash64` of a text, never 0; -1 for none.

    Examples
    --------
    >>> text_code(None), text_code("NSW") == stable_hash64("NSW") & 0xFFFFFFFF
    (-1, True)
    """
    return -1 if text is None else stable_hash64(text) & 0xFFFFFFFF or 1


def _holding_bits(holdings: Iterable[str], product_index: Mapping[str, int]) -> int:
    bits = 0
    for name in holdings:
        bits |= 1 << product_index[name]
    return bits


def _consent_bits(consents: Any) -> int:
    return sum(1 << bit for bit, name in enumerate(CONSENT_BITS) if getattr(consents, name))


def _int64s(values: Sequence[int]) -> Int64s:
    return np.fromiter(values, np.int64, len(values))


def _codes(codes: Mapping[str, int], words: Sequence[str]) -> Array:
    return np.fromiter(map(codes.__getitem__, words), np.uint8, len(words))


def _words(codes: Mapping[str, int], words: Sequence[str | None]) -> Int64s:
    return _int64s([-1 if word is None else codes[word] for word in words])


def _or_missing(values: Sequence[int | None]) -> Int64s:
    return _int64s([-1 if value is None else value for value in values])


def _or_nan(values: Sequence[float | None]) -> Array:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _days(values: Sequence[Any]) -> Int64s:
    return _int64s([NO_DAY if day is None else epoch_day(day) for day in values])


@dataclass(frozen=True, slots=True)
class Merged:
    """All roles in order of arrival: ids, columns by name, and the detail columns of two roles."""

    arrival: Int64s
    customer_ids: NDArray[np.object_]
    event_ids: NDArray[np.object_]
    columns: Mapping[str, Array]
    profiles: ProfileColumns
    traits: TraitsColumns

    def events(self, customer: Int64s) -> EventColumns:
        """Return the event columns, given the row of each event's customer."""
        own = {name: self.columns[name] for name in EventColumns.__slots__ if name in self.columns}
        return EventColumns(customer=customer, profiles=self.profiles, traits=self.traits, **own)


def merge(blocks: Mapping[str, Block], catalogue: OfferCatalogue) -> Merged:
    """Return the blocks of all roles as one, in order of arrival."""
    arrival = np.concatenate([np.zeros(0, np.int64), *(block.arrival for block in blocks.values())])
    order = np.argsort(arrival)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    columns = _merged_columns(list(blocks.values()), place)
    profiles = blocks.get("customers") or block_of("customers", (), arrival[:0], catalogue)
    traits = blocks.get("traits") or block_of("traits", (), arrival[:0], catalogue)
    return Merged(
        arrival=arrival[order],
        customer_ids=_objects([name for block in blocks.values() for name in block.customer_ids])[order],
        event_ids=_objects([name for block in blocks.values() for name in block.event_ids])[order],
        columns=columns,
        profiles=ProfileColumns(**profiles.details),
        traits=TraitsColumns(**traits.details),
    )


def _merged_columns(blocks: Sequence[Block], place: Int64s) -> dict[str, Array]:
    """Return every column, each block's values at their places, the neutral value where it has none."""
    columns = {name: np.full(len(place), neutral, dtype) for name, (dtype, neutral) in _NEUTRAL.items()}
    start = 0
    for block in blocks:
        end = start + len(block.arrival)
        for name, values in block.columns.items():
            columns[name][place[start:end]] = values
        start = end
    return columns


def _objects(values: Sequence[str]) -> NDArray[np.object_]:
    return np.array(values, dtype=np.object_)
