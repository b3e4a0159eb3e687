"""Laws of the fold: cuts, order, repetitions and nonsense change nothing that they should not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.features.catalogue import catalogue_for
from consumer.features.event_columns import EventSource
from consumer.features.fields import PROFILE_FIELD_NAMES, RECENT_EVENT_FIELD_NAMES
from consumer.features.fold import Disposition, fold
from consumer.features.layout import Records
from consumer.features.model_input import model_inputs_milli
from consumer.features.profile import objects_to_profiling
from consumer.features.record import empty_records, pack, unpack
from consumer.features.tiles import clear_hidden_maxima
from consumer.features.traits import segment_of
from consumer.features.values import feature_values
from tests.oracles.event_histories import N_CUSTOMERS, PRODUCTS, histories, spending
from tests.oracles.event_lists import Event, columns_of
from tests.oracles.naive_features import window_features

CATALOGUE = catalogue_for(PRODUCTS)
LAYOUT = CATALOGUE.layout


def folded(history: Sequence[Event], records: Records | None = None) -> Records:
    """Return the records after a history, taken as one batch."""
    records = empty_records(LAYOUT, N_CUSTOMERS) if records is None else records
    fold(CATALOGUE, records, columns_of(history, len(PRODUCTS)))
    return records


def all_inputs(records: Records) -> np.ndarray:
    """Return the model inputs of all records."""
    return model_inputs_milli(CATALOGUE, feature_values(CATALOGUE, records), segment_of(records))


@settings(max_examples=150)
@given(histories(can_repeat=True), st.data())
def test_a_batch_gives_bit_for_bit_what_its_parts_give_however_it_is_cut(
    history: list[Event], data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(history)), max_size=5)))
    parts = [history[a:b] for a, b in zip([0, *cuts], [*cuts, len(history)], strict=True)]
    records = empty_records(LAYOUT, N_CUSTOMERS)
    for part in parts:
        records = unpack({}, LAYOUT, pack(LAYOUT, folded(part, records)))
    whole = folded(history)
    assert pack(LAYOUT, whole) == pack(LAYOUT, records)
    assert np.array_equal(feature_values(CATALOGUE, whole), feature_values(CATALOGUE, records))


@settings(max_examples=60)
@given(histories(can_repeat=True))
def test_a_batch_gives_bit_for_bit_what_its_events_give_one_at_a_time(history: list[Event]) -> None:
    records = empty_records(LAYOUT, N_CUSTOMERS)
    for event in history:
        folded([event], records)
    assert np.array_equal(folded(history), records)


@settings(max_examples=60)
@given(histories(can_repeat=True))
def test_a_customer_does_not_depend_on_the_other_customers_of_the_batch(history: list[Event]) -> None:
    together = folded(history)
    for customer in range(N_CUSTOMERS):
        alone = folded([event for event in history if event.customer == customer])
        assert alone[customer] == together[customer]
        values = feature_values(CATALOGUE, alone[customer : customer + 1])
        assert np.array_equal(values[0], feature_values(CATALOGUE, together)[customer])


def without_ties(history: list[Event]) -> list[Event]:
    """Leave out profiles and traits of a time that is taken: of those the later arrival counts."""
    taken: set[tuple[int, int, int]] = set()
    kept = []
    for event in history:
        place = (event.source, event.customer, event.time_ms)
        if event.source > EventSource.TRAITS or place not in taken:
            kept.append(event)
        taken.add(place)
    return kept


@settings(max_examples=150)
@given(histories(max_days=360, can_object=False).map(without_ties), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_change_the_record_but_for_rounding(
    history: list[Event], random: np.random.Generator
) -> None:
    shuffled = list(history)
    random.shuffle(shuffled)
    first, second = folded(history), folded(shuffled)
    clear_hidden_maxima(first)
    clear_hidden_maxima(second)
    for field in LAYOUT.fields:
        if field.name == "decayed":
            scale = np.abs(first["decayed"]).max(initial=1.0)
            np.testing.assert_allclose(first["decayed"], second["decayed"], rtol=1e-5, atol=1e-6 * scale)
        elif field.name not in RECENT_EVENT_FIELD_NAMES:
            np.testing.assert_array_equal(first[field.name], second[field.name], err_msg=field.name)


@given(histories(max_size=12), st.integers(1, 12))
def test_an_event_that_comes_again_changes_nothing(history: list[Event], last: int) -> None:
    records = empty_records(LAYOUT, N_CUSTOMERS)
    first = fold(CATALOGUE, records, columns_of(history, len(PRODUCTS)))
    before = records.copy()
    again = [e for e, d in zip(history, first, strict=True) if d != Disposition.SUPPRESSED][-last:]
    second = fold(CATALOGUE, records, columns_of(again, len(PRODUCTS)))
    assert np.array_equal(records, before)
    assert set(second.tolist()) <= {Disposition.DUPLICATE, Disposition.SUPPRESSED}


@settings(max_examples=100)
@given(spending(), st.integers(1, 20))
def test_windows_equal_their_definition_over_the_whole_history(history: list[Event], batch: int) -> None:
    records = empty_records(LAYOUT, 1)
    accepted: list[Event] = []
    for start in range(0, len(history), batch):
        part = history[start : start + batch]
        dispositions = fold(CATALOGUE, records, columns_of(part, len(PRODUCTS)))
        accepted += [e for e, d in zip(part, dispositions, strict=True) if d == Disposition.APPLIED]
        records = unpack({}, LAYOUT, pack(LAYOUT, records))
        as_of_ms = max(event.time_ms for event in accepted)
        expected = window_features(table_of(accepted), as_of_ms)
        values = feature_values(CATALOGUE, records)[0]
        actual = {name: values[CATALOGUE.index[name]] for name in expected}
        assert actual == pytest.approx(expected, rel=1e-12)


def table_of(history: list[Event]) -> pd.DataFrame:
    rows = [
        (event.time_ms, event.fields["amount_minor"], bool(event.fields["is_credit"])) for event in history
    ]
    return pd.DataFrame(rows, columns=["time_ms", "amount_minor", "is_credit"]).astype({"is_credit": bool})


@given(histories())
def test_every_feature_and_input_is_finite_after_any_history(history: list[Event]) -> None:
    records = folded(history)
    assert np.isfinite(feature_values(CATALOGUE, records)).all()
    assert np.abs(all_inputs(records)).max() < 3_000_000


@given(histories(can_object=True))
def test_an_objection_to_profiling_leaves_nothing_but_the_profile(history: list[Event]) -> None:
    records = folded(history)
    objecting = np.flatnonzero(objects_to_profiling(records, np.arange(N_CUSTOMERS)))
    for field in LAYOUT.fields:
        if field.name not in {*PROFILE_FIELD_NAMES, *RECENT_EVENT_FIELD_NAMES, "as_of_ms"}:
            assert not records[field.name][objecting].any(), field.name
