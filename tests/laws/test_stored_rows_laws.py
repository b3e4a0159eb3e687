"""Laws of the stored form of open decisions: whatever the rows hold comes back, and damage never passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.learning.open_decisions import Rows, open_decision_dtype, pack, pack_all, unpack, unpack_all
from consumer.vocabulary.errors import Defect
from consumer.vocabulary.time import DAY_MS

FINGERPRINT = "f" * 16
NOW_MS = 1_790_000_000_000

EXTREMES: dict[str, list[Any]] = {
    "u1": [0, 1, 2, 7, 8, 15, 16, 127, 128, 255],
    "<u2": [0, 1, 255, 256, 65_535],
    "<i2": [-1, 0, 9, 15, 16, 255, 256, -2, 32_767, -32_768],
    "<i8": [
        *(0, 1, -1, 90_000, DAY_MS, 30 * DAY_MS, -14 * DAY_MS, DAY_MS + 1),
        *(NOW_MS, NOW_MS + 1, NOW_MS + 90_000, NOW_MS + 30 * DAY_MS, 1_577_836_800_000, 2**40, 2**32),
        *(2**63 - 1, -(2**63), -(2**63) + 1),
    ],
    "<f8": [0.0, -0.0, 1.0, 1 / 3, 1e-9, 5e-324, -1.0, 1e300, float("inf"), float("nan")],
    "<i4": [
        *(
            0,
            0,
            0,
            0,
            1_000,
            1_000,
            1,
            -1,
            7,
            300,
            -1_000,
            999,
            5_174,
            -7_000,
            16_383,
            16_384,
            -16_384,
            -16_385,
        ),
        *(17_000, 54_669, 577_000, -577_000, 32_767, 32_768, 65_536, 2**31 - 1, -(2**31), -(2**31) + 1),
    ],
}
"""Of each type: what is usual, and where one form of a number ends and another one begins."""


@st.composite
def extreme_rows(draw: st.DrawFn, n_rows: int) -> Rows:
    """Rows of any number of inputs whose fields are extremes and any other numbers."""
    n_inputs = draw(st.sampled_from([1, 3, 5, 6, 13, 115, 260]))
    usual_share = draw(st.sampled_from([0.0, 0.5, 0.97]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = np.zeros(n_rows, open_decision_dtype(n_inputs))
    for name in rows.dtype.names or ():
        kind = rows.dtype[name].base.str.replace("|", "")
        column = generator.choice(np.array(EXTREMES[kind], kind), rows[name].shape)
        is_usual = generator.random(rows[name].shape) < usual_share
        rows[name] = np.where(is_usual, np.array(EXTREMES[kind][0], kind), column)
    return rows


N_ROWS = [1, 3, 0, 2, 16, 1]


@given(extreme_rows(sum(N_ROWS)))
def test_rows_come_back_bit_for_bit_whatever_they_hold(rows: Rows) -> None:
    n_inputs = rows.dtype["inputs_milli"].shape[0]
    again, owner = unpack_all(pack_all(rows, N_ROWS, FINGERPRINT), n_inputs, FINGERPRINT)
    assert again.tobytes() == rows.tobytes()
    assert owner.tolist() == np.repeat(np.arange(len(N_ROWS)), N_ROWS).tolist()


@given(extreme_rows(2))
def test_a_row_told_as_the_one_before_it_comes_back(rows: Rows) -> None:
    rows[1] = rows[0]
    n_inputs = rows.dtype["inputs_milli"].shape[0]
    assert unpack(pack(rows, FINGERPRINT), n_inputs, FINGERPRINT).tobytes() == rows.tobytes()


@given(extreme_rows(1), st.sampled_from(EXTREMES["<i8"]))
def test_a_delivery_at_the_time_of_the_decision_is_not_taken_for_none(rows: Rows, at_ms: int) -> None:
    rows["decided_ms"] = rows["delivered_ms"] = at_ms
    n_inputs = rows.dtype["inputs_milli"].shape[0]
    assert unpack(pack(rows, FINGERPRINT), n_inputs, FINGERPRINT).tobytes() == rows.tobytes()


@given(st.integers(0, 2**32))
def test_many_customers_at_once_are_stored_and_read_as_each_alone(seed: int) -> None:
    generator = np.random.default_rng(seed)
    n_rows = generator.integers(0, 5, 600)
    rows = np.zeros(int(n_rows.sum()), open_decision_dtype(5))
    rows["inputs_milli"] = generator.integers(-50, 50, (len(rows), 5)) ** 3
    rows["decided_ms"] = NOW_MS + generator.integers(0, 90 * DAY_MS, len(rows))
    values = pack_all(rows, n_rows.tolist(), FINGERPRINT)
    ends = np.cumsum(n_rows)
    for customer in (0, 250, 599):
        own = rows[ends[customer] - n_rows[customer] : ends[customer]]
        assert values[customer] == pack(own, FINGERPRINT)
        assert unpack(values[customer], 5, FINGERPRINT).tobytes() == own.tobytes()
    assert unpack_all(values, 5, FINGERPRINT)[0].tobytes() == rows.tobytes()


@given(extreme_rows(3), st.integers(1, 10**6), st.booleans())
def test_a_value_that_is_cut_or_goes_on_is_a_defect(rows: Rows, at: int, is_cut: bool) -> None:
    n_inputs = rows.dtype["inputs_milli"].shape[0]
    value = pack(rows, FINGERPRINT)
    with pytest.raises(Defect):
        unpack(
            value[: 1 + at % (len(value) - 1)] if is_cut else value + bytes(at % 9 + 1), n_inputs, FINGERPRINT
        )
