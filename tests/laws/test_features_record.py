"""Laws of the stored form: nothing is lost, older layouts are read by name, damage is noticed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.features.catalogue import catalogue_for
from consumer.features.fold import fold
from consumer.features.layout import Records
from consumer.features.record import empty_records, head_of, pack, unpack
from consumer.features.tile_words import Form
from consumer.features.tiles import clear_hidden_maxima
from consumer.features.values import feature_values
from consumer.vocabulary.errors import Defect
from tests.oracles.event_histories import N_CUSTOMERS, PRODUCTS, histories
from tests.oracles.event_lists import Event, columns_of, interaction, outcome, profile, transaction

CATALOGUE = catalogue_for(PRODUCTS)
LAYOUT = CATALOGUE.layout


def folded(history: list[Event]) -> Records:
    records = empty_records(LAYOUT, N_CUSTOMERS)
    fold(CATALOGUE, records, columns_of(history, len(PRODUCTS)))
    return records


@given(st.integers(1, 5), st.integers(0, 10**6), st.sampled_from([0.0, 0.01, 0.3, 1.0]))
def test_what_is_packed_is_unpacked_the_same_whatever_the_bytes(n: int, seed: int, density: float) -> None:
    generator = np.random.default_rng(seed)
    size = n * LAYOUT.dtype.itemsize
    noise = generator.integers(0, 256, size, dtype=np.uint8) * (generator.random(size) < density)
    records = np.frombuffer(noise.tobytes(), dtype=LAYOUT.dtype).copy()
    records["tile_max"] = np.abs(np.nan_to_num(records["tile_max"], posinf=1.0, neginf=1.0))
    records["as_of_ms"] = np.abs(records["as_of_ms"] >> 1)
    again = unpack({}, LAYOUT, pack(LAYOUT, records))
    assert again.tobytes() == records.tobytes()


@given(histories())
def test_clearing_hidden_maxima_changes_no_feature(history: list[Event]) -> None:
    records = folded(history)
    before = feature_values(CATALOGUE, records)
    clear_hidden_maxima(records)
    assert np.array_equal(before, feature_values(CATALOGUE, records))


@given(histories())
def test_the_maxima_that_are_left_rise_from_new_to_old(history: list[Event]) -> None:
    records = folded(history)
    clear_hidden_maxima(records)
    for record in records:
        for direction in np.split(record["tile_max"], 2):
            assert np.count_nonzero(direction) == len(set(direction[direction > 0].tolist()))
    once = records.copy()
    clear_hidden_maxima(records)
    assert np.array_equal(records, once)


def test_one_maximum_is_left_of_equal_amounts() -> None:
    day = 86_400_000
    records = folded([transaction(1_700_000_000_000 + i * day, 500, key=i + 1) for i in range(90)])
    pack(LAYOUT, records)
    assert np.count_nonzero(records["tile_max"]) == 1


@given(histories(), st.integers(0, N_CUSTOMERS))
def test_a_missing_value_is_a_customer_of_whom_nothing_is_known(history: list[Event], missing: int) -> None:
    values: list[bytes | None] = list(pack(LAYOUT, folded(history)))
    values.insert(missing, None)
    records = unpack({}, LAYOUT, values)
    assert records[missing] == empty_records(LAYOUT, 1)[0]
    assert pack(LAYOUT, np.delete(records, missing)) == values[:missing] + values[missing + 1 :]


@settings(max_examples=50)
@given(histories(), st.permutations([*PRODUCTS, "car_loan"]))
def test_a_record_of_an_older_layout_keeps_every_feature_that_has_kept_its_name(
    history: list[Event], products: list[str]
) -> None:
    newer = catalogue_for(products)
    records = folded(history)
    stored = pack(LAYOUT, records)
    migrated = unpack({LAYOUT.fingerprint: LAYOUT}, newer.layout, stored)
    before, after = feature_values(CATALOGUE, records), feature_values(newer, migrated)
    for name in CATALOGUE.names:
        old, new = before[:, CATALOGUE.index[name]], after[:, newer.index[name]]
        assert np.array_equal(old, new), name
    assert not migrated["affinity"][:, newer.product_ids.index("car_loan")].any()


def test_a_product_that_is_gone_takes_its_numbers_with_it() -> None:
    day = 1_700_000_000_000
    history = [
        profile(day, key=1, holdings=0b111),
        interaction(day, "product_view", key=2, product=1),
        outcome(day, "rejected", key=3, product=2),
    ]
    smaller = catalogue_for(("credit_card_gold", "savings_account"))
    [record, *_] = unpack({LAYOUT.fingerprint: LAYOUT}, smaller.layout, pack(LAYOUT, folded(history)))
    assert record["holdings"] == 0b11
    assert record["refused_s"].tolist() == [day // 1000, 0]
    assert not record["decayed"][smaller.columns.block("interest")].any()


def test_records_of_several_layouts_are_read_in_one_batch() -> None:
    history = [transaction(1_700_000_000_000, 500, key=1)]
    newer = catalogue_for(("mortgage", "savings_account"))
    current = empty_records(newer.layout, 1)
    current["balance_minor"] = 7
    values = [None, pack(LAYOUT, folded(history))[0], pack(newer.layout, current)[0]]
    records = unpack({LAYOUT.fingerprint: LAYOUT}, newer.layout, values)
    assert records["tile_sum"].sum(axis=1).tolist() == [0, 500, 0]
    assert records["balance_minor"].tolist() == [0, 0, 7]


def test_a_record_of_a_layout_that_nobody_remembers_is_a_defect() -> None:
    stored = pack(LAYOUT, empty_records(LAYOUT, 1))
    with pytest.raises(Defect, match=f"unknown layout: it begins with {stored[0][:8].hex()}"):
        unpack({}, catalogue_for(("mortgage",)).layout, stored)


@pytest.mark.parametrize("turned", [0, 0xFFFFFFFF])
def test_a_record_of_a_former_form_is_a_defect(turned: int) -> None:
    head = (int(LAYOUT.fingerprint[:8], 16) ^ turned).to_bytes(4)
    [stored, *_] = pack(LAYOUT, folded([transaction(1_700_000_000_000, 500, key=1)]))
    with pytest.raises(Defect, match=f"of before version 0.1.0, .*: it begins with {head.hex()}"):
        unpack({}, LAYOUT, [stored, head + stored[4:]])


@pytest.mark.parametrize(
    ("amount_minor", "count", "head"),
    [
        (2**24 - 1, 1, "narrow"),
        (2**24, 1, "wide"),
        (10**15, 3, "wide"),
        (1, 127, "narrow"),
        (1, 128, "wide"),
        (1, 256, "wide"),
        (7 * 10**12, 65_535, "wide"),
    ],
)
def test_a_tile_too_large_for_one_word_makes_its_record_wide(
    amount_minor: int, count: int, head: Form
) -> None:
    records = empty_records(LAYOUT, 3)
    records["as_of_ms"] = 1_700_000_000_000
    records["tile_sum"][1, 7], records["tile_count"][1, 7] = amount_minor, count
    stored = pack(LAYOUT, records)
    assert [value[:4] for value in stored] == [head_of(LAYOUT, form) for form in ("narrow", head, "narrow")]
    assert np.array_equal(unpack({}, LAYOUT, stored), records)


@pytest.mark.parametrize("largest", [0, 1, 499, 500, 501, 2**24 - 1, 2**24])
@pytest.mark.parametrize("amount_minor", [0, 500, 2**24 - 1, 2**24])
def test_a_largest_amount_comes_back_whether_it_is_its_tile_s_sum_or_not(
    amount_minor: int, largest: int
) -> None:
    records = empty_records(LAYOUT, 2)
    records["tile_sum"][:, 7], records["tile_count"][:, 7] = amount_minor, 2
    records["tile_max"][0, 7] = largest
    assert np.array_equal(unpack({}, LAYOUT, pack(LAYOUT, records)), records)


def test_a_largest_amount_that_is_its_tile_s_sum_costs_nothing() -> None:
    records = empty_records(LAYOUT, 3)
    records["tile_sum"][:, 7], records["tile_count"][:, 7] = 500, 1
    records["tile_max"][:, 7] = 0, 500, 499
    without, same, other = map(len, pack(LAYOUT, records))
    assert without == same == other - 5


def test_a_time_as_old_as_the_record_costs_nothing() -> None:
    day_ms = 86_400_000
    records = empty_records(LAYOUT, 2)
    records["as_of_ms"] = 1_700_000_000_000
    records["balance_ms"] = 1_700_000_000_000, 1_700_000_000_000 - 200 * day_ms
    records["last_transaction_s"] = 1_700_000_000, 1_700_000_000 - 200 * day_ms // 1000
    fresh, old = map(len, pack(LAYOUT, records))
    assert fresh < old


def test_more_records_than_are_packed_at_a_time_keep_their_order() -> None:
    records = empty_records(LAYOUT, 1_001)
    records["as_of_ms"] = np.arange(1_001) + 1
    records["tile_sum"][::7, 3] = 2**40
    values: list[bytes | None] = list(pack(LAYOUT, records))
    assert np.array_equal(unpack({}, LAYOUT, values), records)
    values[500] = None
    assert unpack({}, LAYOUT, values)["as_of_ms"].tolist() == [*range(1, 501), 0, *range(502, 1_002)]


@pytest.mark.parametrize("damage", [slice(0, 8), slice(0, 20), slice(0, -4), slice(0, -1)])
def test_a_damaged_record_is_a_defect(damage: slice) -> None:
    [stored, *_] = pack(LAYOUT, folded([transaction(1_700_000_000_000, 500, key=1)]))
    with pytest.raises(Defect, match=r"cut short|does not match|beyond its end"):
        unpack({}, LAYOUT, [stored[damage]])


def test_no_records_are_packed_and_unpacked_as_none() -> None:
    assert pack(LAYOUT, empty_records(LAYOUT, 0)) == []
    assert len(unpack({}, LAYOUT, [])) == 0
