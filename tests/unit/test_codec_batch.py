"""One batch through the codec: every record becomes an event, an erasure or a dead letter."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from consumer.adapters.codec import decode_batch
from consumer.adapters.columns import decision_parts, text_code
from consumer.features.event_columns import NO_DAY, EventSource
from consumer.vocabulary.ids import event_key
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.products import OfferCatalogue, Product
from consumer.vocabulary.words import INTERACTION_KINDS, TRANSACTION_KINDS

T_MS = 1_700_000_000_000
CATALOGUE = OfferCatalogue(tuple(Product(name, name, "group", 1) for name in ("mortgage", "car_loan")), ())
PLAIN: dict[str, dict[str, Any]] = {
    "customers": {
        "birth_date": "1980-02-03",
        "holdings": ["car_loan"],
        "consents": {"marketing": True, "app": True},
    },
    "traits": {"segment": 3, "affinity": {"car_loan": 0.25}},
    "transactions": {
        "kind": "salary",
        "direction": "credit",
        "amount_minor": 500_000,
        "currency": "AUD",
        "channel": "online",
    },
    "interactions": {"channel": "web", "kind": "product_view", "product_id": "mortgage", "satisfaction": 4},
    "outcomes": {"decision_id": "transactions-1-77", "kind": "viewed"},
}


def raw(
    role: str, customer: str = "c-1", *, partition: int = 0, offset: int = 0, **changes: Any
) -> RawRecord:
    """Return a good record of a role, with some fields changed (`None` value: left out)."""
    document = {"event_id": f"e-{role}-{offset}", "customer_id": customer, "event_time_ms": T_MS + offset}
    document |= PLAIN[role] | changes
    value = json.dumps({name: value for name, value in document.items() if value is not None}).encode()
    return RawRecord(role, partition, offset, customer.encode(), value, T_MS + offset)


def tombstone(role: str, customer: str = "c-1", *, offset: int = 0) -> RawRecord:
    """Return a null value."""
    return RawRecord(role, 0, offset, customer.encode(), None, T_MS + offset)


def test_events_of_all_roles_keep_their_order_of_arrival() -> None:
    roles = ["transactions", "customers", "outcomes", "interactions", "traits", "transactions"]
    batch = decode_batch([raw(role, offset=i) for i, role in enumerate(roles)], CATALOGUE)
    assert [EventSource(code).name for code in batch.events.source] == [
        "TRANSACTION",
        "PROFILE",
        "OUTCOME",
        "INTERACTION",
        "TRAITS",
        "TRANSACTION",
    ]
    assert batch.offset.tolist() == list(range(6))
    assert batch.event_ids.tolist() == [f"e-{role}-{i}" for i, role in enumerate(roles)]
    assert batch.dead_letters == ()


def test_a_transaction_fills_its_columns_and_leaves_the_others_neutral() -> None:
    events = decode_batch(
        [raw("transactions", merchant_category="5411", balance_after_minor=-7)], CATALOGUE
    ).events
    assert TRANSACTION_KINDS[events.kind[0]] == "salary"
    assert (events.is_credit[0], events.amount_minor[0]) == (True, 500_000)
    assert (events.merchant_category[0], events.balance_minor[0], events.has_balance[0]) == (5411, -7, True)
    assert (events.product[0], events.satisfaction[0], events.detail[0], events.channel[0]) == (-1, 0, -1, 0)
    assert events.event_key[0] == event_key("e-transactions-0", EventSource.TRANSACTION)


def test_the_same_event_id_on_two_topics_names_two_events() -> None:
    events = decode_batch(
        [raw("transactions", event_id="1"), raw("interactions", event_id="1")], CATALOGUE
    ).events
    assert len(set(events.event_key.tolist())) == 2


def test_an_interaction_names_its_product_by_column() -> None:
    events = decode_batch([raw("interactions"), raw("interactions", product_id=None)], CATALOGUE).events
    assert INTERACTION_KINDS[events.kind[0]] == "product_view"
    assert events.product.tolist() == [0, -1]
    assert events.satisfaction.tolist() == [4, 4]


def test_a_profile_becomes_a_row_of_profiles() -> None:
    batch = decode_batch([raw("transactions"), raw("customers", offset=1, region="NSW")], CATALOGUE)
    profiles = batch.events.profiles
    assert batch.events.detail.tolist() == [-1, 0]
    assert profiles.holdings.tolist() == [0b10]
    assert profiles.consents.tolist() == [0b101]
    assert (profiles.birth_day[0], profiles.joined_day[0]) == (3685, NO_DAY)
    assert profiles.region[0] == text_code("NSW")


def test_traits_become_a_row_and_missing_numbers_are_nan() -> None:
    traits = decode_batch([raw("traits")], CATALOGUE).events.traits
    assert traits.segment.tolist() == [3]
    assert np.isnan(traits.churn_probability[0])
    np.testing.assert_array_equal(traits.affinity, [[np.nan, 0.25]])


def test_null_traits_clear_the_traits_of_the_customer() -> None:
    batch = decode_batch([tombstone("traits", offset=9)], CATALOGUE)
    assert batch.events.traits.segment.tolist() == [-1]
    assert batch.events.event_time_ms.tolist() == [T_MS + 9]
    assert batch.event_ids.tolist() == ["traits-0-9"]


def test_customers_are_numbered_partition_by_partition_in_order_of_appearance() -> None:
    records = [
        raw("transactions", "b", partition=2, offset=1),
        raw("transactions", "z", partition=1, offset=1),
        raw("interactions", "a", partition=2, offset=1),
        raw("interactions", "b", partition=2, offset=2),
        raw("interactions", "b", partition=1, offset=2),
    ]
    batch = decode_batch(records, CATALOGUE)
    assert batch.customer_ids == ("z", "b", "b", "a")
    assert batch.customer_partition.tolist() == [1, 1, 2, 2]
    assert batch.events.customer.tolist() == [2, 0, 3, 2, 1]


def test_an_erasure_knows_which_events_came_before_it() -> None:
    records = [
        raw("transactions", "c-1", offset=0),
        tombstone("customers", "c-1", offset=1),
        raw("transactions", "c-1", offset=2),
        tombstone("customers", "c-9", offset=3),
    ]
    batch = decode_batch(records, CATALOGUE)
    assert len(batch.events) == 2
    assert [batch.customer_ids[row] for row in batch.erasures.customer] == ["c-1", "c-9"]
    assert batch.erasures.before_event.tolist() == [1, 2]


def test_positions_count_bad_records_and_erasures_too() -> None:
    bad = RawRecord("transactions", 3, 41, b"c", b"{", T_MS)
    batch = decode_batch([raw("interactions", offset=6), bad, tombstone("customers", offset=8)], CATALOGUE)
    assert batch.positions == {("interactions", 0): 7, ("transactions", 3): 42, ("customers", 0): 9}


def test_an_empty_batch_is_a_batch() -> None:
    batch = decode_batch([], CATALOGUE)
    assert (len(batch.events), batch.customer_ids, batch.positions) == (0, (), {})
    assert batch.events.traits.affinity.shape == (0, 2)


@pytest.mark.parametrize(
    "text", ["transactions-1", "transactions-01-5", "offers-1-5", "transactions--1-5", "transactions-1-5 "]
)
def test_a_foreign_decision_id_has_no_parts(text: str) -> None:
    assert decision_parts(text) == (-1, -1, -1)
