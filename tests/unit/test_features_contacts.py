"""Contacts: noted by decisions, released when the offer never arrived."""

from __future__ import annotations

import numpy as np
import pytest

from consumer.features.catalogue import catalogue_for
from consumer.features.contacts import note_contact, note_decision, release_contact
from consumer.features.fields import CONTACTS
from consumer.features.layout import Records
from consumer.features.record import empty_records
from consumer.features.values import feature_values
from consumer.vocabulary.time import DAY_MS

CATALOGUE = catalogue_for(("savings_account", "mortgage"))
NOW_MS = 1_700_000_000_123


def records_at(as_of_ms: int, n: int = 1) -> Records:
    records = empty_records(CATALOGUE.layout, n)
    records["as_of_ms"] = as_of_ms
    return records


def note(records: Records, at_ms: int, *, offer_key: int = 7, channel: int = 2, product: int = 1) -> None:
    note_contact(
        records,
        np.array([0]),
        offer_key=np.array([offer_key]),
        channel=np.array([channel]),
        product=np.array([product]),
        at_ms=np.array([at_ms]),
    )


def release(records: Records, at_ms: int, *, offer_key: int = 7) -> None:
    release_contact(
        records,
        np.array([0]),
        offer_key=np.array([offer_key]),
        channel=np.array([2]),
        product=np.array([1]),
        at_ms=np.array([at_ms]),
    )


def feature(records: Records, name: str) -> float:
    return float(feature_values(CATALOGUE, records)[0, CATALOGUE.index[name]])


def test_a_contact_is_kept_with_its_offer_channel_and_second() -> None:
    records = records_at(NOW_MS)
    note(records, NOW_MS)
    assert records["contact_s"][0].max() == NOW_MS // 1000
    assert records["contact_offer"][0].max() == 7
    assert records["contact_channel"][0].max() == 2
    assert feature(records, "offers_made_email") == pytest.approx(1.0, rel=1e-6)
    assert feature(records, "offers_made_mortgage") == pytest.approx(1.0, rel=1e-6)


def test_the_oldest_contact_is_the_one_that_gives_way() -> None:
    records = records_at(NOW_MS)
    for age in range(CONTACTS + 3, 0, -1):
        note(records, NOW_MS - age * DAY_MS, offer_key=age)
    assert set(records["contact_offer"][0].tolist()) == set(range(1, CONTACTS + 1))


def test_a_release_takes_back_that_very_contact_and_its_count() -> None:
    records = records_at(NOW_MS)
    note(records, NOW_MS - DAY_MS)
    once = records.copy()
    note(records, NOW_MS)
    release(records, NOW_MS)
    for name in ("contact_s", "contact_offer", "contact_channel"):
        assert np.array_equal(records[name], once[name])
    assert feature(records, "offers_made") == pytest.approx(feature(once, "offers_made"), rel=1e-6)


@pytest.mark.parametrize(("at_ms", "offer_key"), [(NOW_MS, 8), (NOW_MS + 1_000, 7)])
def test_a_release_of_another_contact_changes_nothing(at_ms: int, offer_key: int) -> None:
    records = records_at(NOW_MS)
    note(records, NOW_MS)
    before = records.copy()
    release(records, at_ms, offer_key=offer_key)
    assert np.array_equal(records, before)


def test_a_contact_is_released_once() -> None:
    records = records_at(NOW_MS)
    note(records, NOW_MS)
    note(records, NOW_MS - DAY_MS, offer_key=9)
    release(records, NOW_MS)
    released = records.copy()
    release(records, NOW_MS)
    assert np.array_equal(records, released)


def test_the_last_decision_is_the_latest_one() -> None:
    records = records_at(NOW_MS, n=2)
    note_decision(records, np.array([1]), np.array([NOW_MS]))
    note_decision(records, np.array([1]), np.array([NOW_MS - DAY_MS]))
    assert records["last_decision_s"].tolist() == [0, NOW_MS // 1000]
