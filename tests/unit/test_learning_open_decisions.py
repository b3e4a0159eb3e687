"""Open decisions: stored and read back, limited, forgotten."""

from __future__ import annotations

import numpy as np
import pytest

from consumer.learning.attribution import State
from consumer.learning.labels import KEEP_CLOSED_MS
from consumer.learning.open_decisions import (
    ROWS_MAX,
    empty_rows,
    next_due_ms,
    open_decision_dtype,
    pack,
    unpack,
    unpack_all,
    with_limit,
    without_forgotten,
)
from consumer.vocabulary.errors import Defect
from consumer.vocabulary.time import DAY_MS

FINGERPRINT = "0123456789abcdef"
N_INPUTS = 5


def rows_of(n_rows: int) -> np.ndarray:
    rows = empty_rows(N_INPUTS, n_rows)
    rows["offset"] = np.arange(n_rows)
    rows["decided_ms"] = 1_000 + np.arange(n_rows)
    rows["deadline_ms"] = 5_000 + np.arange(n_rows)
    rows["forget_ms"] = 9_000 + np.arange(n_rows)
    rows["inputs_milli"] = np.arange(n_rows * N_INPUTS).reshape(n_rows, N_INPUTS)
    rows["logging_propensity"] = 0.25
    return rows


def test_rows_come_back_as_they_were_stored() -> None:
    rows = rows_of(3)
    assert (unpack(pack(rows, FINGERPRINT), N_INPUTS, FINGERPRINT) == rows).all()


def test_no_rows_are_no_value() -> None:
    assert pack(rows_of(0), FINGERPRINT) == b""
    assert len(unpack(None, N_INPUTS, FINGERPRINT)) == len(unpack(b"", N_INPUTS, FINGERPRINT)) == 0


def test_rows_read_back_can_be_changed() -> None:
    unpack(pack(rows_of(1), FINGERPRINT), N_INPUTS, FINGERPRINT)["state"] = State.DELIVERED


@pytest.mark.parametrize(
    ("n_inputs", "fingerprint"), [(N_INPUTS, "fedcba9876543210"), (9, "fedcba9876543210")]
)
def test_rows_of_another_feature_layout_go_on_without_inputs(n_inputs: int, fingerprint: str) -> None:
    stored = rows_of(2)
    read = unpack(pack(stored, FINGERPRINT), n_inputs, fingerprint)
    assert read.dtype == open_decision_dtype(n_inputs)
    assert (read["deadline_ms"] == stored["deadline_ms"]).all()
    assert not read["has_inputs"].any()
    assert not read["inputs_milli"].any()


def test_a_value_of_another_form_is_a_defect() -> None:
    with pytest.raises(Defect, match="instead of"):
        unpack(b"{}" * 40, N_INPUTS, FINGERPRINT)


@pytest.mark.parametrize("former", [b"OD2\0" + FINGERPRINT.encode(), b"\x03" + bytes(20)])
def test_a_value_of_a_former_form_is_refused_and_not_misread(former: bytes) -> None:
    with pytest.raises(Defect, match="instead of a header of form 5"):
        unpack_all([pack(rows_of(1), FINGERPRINT), former], N_INPUTS, FINGERPRINT)


def test_rows_of_several_layouts_come_back_in_the_order_of_their_customers() -> None:
    other = "fedcba9876543210"
    values = [pack(rows_of(1), FINGERPRINT), pack(rows_of(2), other), pack(rows_of(1), FINGERPRINT)]
    rows, owner = unpack_all(values, N_INPUTS, other)
    assert owner.tolist() == [0, 1, 1, 2]
    assert rows["has_inputs"].tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("damage", [slice(0, 3), slice(0, 9), slice(0, 20), slice(0, -1)])
def test_a_damaged_value_is_a_defect(damage: slice) -> None:
    with pytest.raises(Defect):
        unpack(pack(rows_of(2), FINGERPRINT)[damage], N_INPUTS, FINGERPRINT)


def test_a_value_that_goes_on_after_its_last_row_is_a_defect() -> None:
    with pytest.raises(Defect, match="after its last input"):
        unpack(pack(rows_of(2), FINGERPRINT) + b"\0", N_INPUTS, FINGERPRINT)


def test_rows_longer_than_a_byte_can_say_come_back() -> None:
    rows = empty_rows(300, 3)
    rows["inputs_milli"] = np.arange(900).reshape(3, 300) ** 3
    value = pack(rows, FINGERPRINT)
    assert len(value) > 3 * 255
    assert (unpack(value, 300, FINGERPRINT) == rows).all()


def test_more_inputs_than_a_header_can_say_are_a_defect() -> None:
    with pytest.raises(Defect, match="limit is 511"):
        pack(empty_rows(512, 1), FINGERPRINT)


def test_stored_bytes_are_read_by_every_later_version() -> None:
    """Whoever changes these bytes needs another form; values of this one are in the stores of banks."""
    rows = ordinary_rows(12)
    rows["inputs_milli"][:] = [0, 1_000, 5_174, -7, 577_000, 0, 19, 54_669, 1_000, 0, 0, 300]
    assert pack(rows, FINGERPRINT).hex(" ") == STORED
    assert (unpack(bytes.fromhex(STORED), 12, FINGERPRINT) == rows).all()


STORED = (
    "50 0c ab 2a e1 21 41 aa 63 21 b7 4e 61 bc 00 55 55 55 55 55 55 d5 00 84 e9 65 31 20 bf 02 1e "
    "01 0f dc 08 12 01 87 da 05 43 10 20 01 01 04 01 0f 08 02 05 01 01 02 01"
)


def ordinary_rows(n_inputs: int) -> np.ndarray:
    """Return a decision as it waits for its answer."""
    rows = empty_rows(n_inputs, 1)
    rows["topic_code"], rows["channel"], rows["state"], rows["segment"] = 1, 2, State.DELIVERED, 3
    rows["offset"] = 12_345_678
    rows["model_key"] = rows["product_key"] = 25_514
    rows["offer_key"] = 46_881
    rows["decided_ms"] = 1_790_000_000_000
    rows["delivered_ms"] = rows["decided_ms"] + 90_000
    rows["window_ms"] = 30 * DAY_MS
    rows["deadline_ms"] = rows["delivered_ms"] + rows["window_ms"]
    rows["forget_ms"] = rows["deadline_ms"] + KEEP_CLOSED_MS
    rows["logging_propensity"] = 1 / 3
    return rows


@pytest.mark.parametrize(("days", "more_bytes"), [(0, 0), (14, 2)])
def test_a_decision_that_nobody_has_delivered_yet_tells_its_validity_in_days(
    days: int, more_bytes: int
) -> None:
    delivered, waiting = ordinary_rows(12), ordinary_rows(12)
    waiting["state"], waiting["delivered_ms"] = State.OFFERED, 0
    waiting["deadline_ms"] = waiting["decided_ms"] + days * DAY_MS
    waiting["forget_ms"] = waiting["deadline_ms"] + KEEP_CLOSED_MS
    assert len(pack(waiting, FINGERPRINT)) == len(pack(delivered, FINGERPRINT)) + more_bytes


def test_thousands_and_numbers_below_zero_are_short() -> None:
    rows = ordinary_rows(12)
    nothing = len(pack(rows, FINGERPRINT))
    rows["inputs_milli"] = 1_000
    assert len(pack(rows, FINGERPRINT)) - nothing <= 4
    rows["inputs_milli"], rows["inputs_milli"][0, 0] = 0, -7_000
    assert len(pack(rows, FINGERPRINT)) - nothing <= 12


def test_a_decision_that_is_like_the_one_before_it_takes_few_bytes_more() -> None:
    rows = empty_rows(115, 2)
    rows["inputs_milli"] = np.arange(115) * 37
    rows["decided_ms"] = 1_790_000_000_000
    rows["deadline_ms"] = rows["forget_ms"] = 1_792_592_000_000
    rows["logging_propensity"] = 1 / 3
    one, two = len(pack(rows[:1], FINGERPRINT)), len(pack(rows, FINGERPRINT))
    assert one < 0.5 * rows.dtype.itemsize
    assert two - one < 40


def test_a_row_of_108_inputs_takes_the_bytes_that_the_docstring_says() -> None:
    assert open_decision_dtype(108).itemsize == 68 + 4 * 108


def test_over_the_limit_closed_rows_leave_before_open_ones_and_older_before_newer() -> None:
    rows = rows_of(ROWS_MAX + 3)
    rows["state"][[7, 9]] = State.EXPIRED
    kept, left = with_limit(rows)
    assert left["offset"].tolist() == [0, 7, 9]
    assert len(kept) == ROWS_MAX
    assert (np.diff(kept["offset"]) > 0).all()


def test_more_rows_than_the_limit_are_never_stored() -> None:
    with pytest.raises(Defect, match="limit"):
        pack(rows_of(ROWS_MAX + 1), FINGERPRINT)


def test_the_next_due_time_is_a_deadline_for_open_rows_and_forgetting_for_closed_ones() -> None:
    rows = rows_of(2)
    assert next_due_ms(rows) == 5_000
    rows["state"][0] = State.REJECTED
    assert next_due_ms(rows) == 5_001
    rows["state"][1] = State.UNDELIVERED
    assert next_due_ms(rows) == 9_000
    assert next_due_ms(rows[:0]) is None


def test_a_closed_row_is_forgotten_at_its_time_and_an_open_one_never() -> None:
    rows = rows_of(2)
    rows["state"][0] = State.REJECTED
    assert without_forgotten(rows, 8_999)["offset"].tolist() == [0, 1]
    assert without_forgotten(rows, 9_000)["offset"].tolist() == [1]
