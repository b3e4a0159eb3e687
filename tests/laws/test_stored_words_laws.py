"""Laws of what records are stored with: words without zeros, and bytes in another order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.features.byte_order import byte_order
from consumer.features.catalogue import catalogue_for
from consumer.features.stored_order import WIDE_FIELDS, rare_bytes, usual_bytes
from consumer.features.zero_words import Words, restored, suppressed
from consumer.vocabulary.errors import Defect


def some_words(n: int, n_words: int, seed: int, density: float) -> Words:
    generator = np.random.default_rng(seed)
    words: Words = generator.integers(1, 2**32, (n, n_words), dtype=np.uint32)
    return words * (generator.random((n, n_words)) < density)


@given(
    st.integers(1, 4),
    st.integers(1, 150),
    st.integers(0, 10**6),
    st.sampled_from([0.0, 0.1, 0.9, 1.0]),
    st.integers(0, 20),
)
def test_words_come_back_whatever_is_expected_to_be_full(
    n: int, n_words: int, seed: int, density: float, n_full: int
) -> None:
    words = some_words(n, n_words, seed, density)
    short = suppressed(words, b"head", n_full=n_full)
    assert {value[:4] for value in short} == {b"head"}
    assert np.array_equal(restored(short, n_words, start=4, n_full=n_full), words)


def test_groups_that_are_as_expected_cost_no_bits() -> None:
    words = np.zeros((1, 128), "<u4")
    words[0, :24] = 7
    [short] = suppressed(words, n_full=3)
    assert len(short) == 2 + 24 * 4


@given(st.integers(0, 10**6), st.data())
def test_a_damaged_row_of_words_is_a_defect_or_another_row(seed: int, data: st.DataObject) -> None:
    words = some_words(1, 100, seed, 0.3)
    [short] = suppressed(words, n_full=2)
    place = data.draw(st.integers(0, len(short) - 1))
    damaged = short[:place] + bytes([short[place] ^ data.draw(st.integers(1, 255))]) + short[place + 1 :]
    try:
        found = restored([damaged], 100, n_full=2)
    except Defect:
        return
    assert not np.array_equal(found, words)


@given(st.integers(1, 40), st.integers(0, 10**6), st.floats(0, 1))
def test_a_byte_order_moves_each_byte_to_its_place_and_its_inverse_moves_it_back(
    n_words: int, seed: int, share: float
) -> None:
    generator = np.random.default_rng(seed)
    order = generator.permutation(n_words)[:, None] * 4 + np.arange(4)
    mixed = np.flatnonzero(generator.random(n_words) < share)
    order[mixed] = generator.permutation(order[mixed].reshape(-1)).reshape(-1, 4)
    rows = generator.integers(0, 2**32, (3, n_words), dtype=np.uint32)
    moved = byte_order(order.reshape(-1)).apply(rows)
    assert np.array_equal(moved.view(np.uint8), rows.view(np.uint8)[:, order.reshape(-1)])
    assert np.array_equal(byte_order(np.argsort(order.reshape(-1))).apply(moved), rows)


@pytest.mark.parametrize("n_products", [1, 2, 3, 12, 40])
def test_every_byte_of_a_record_has_one_place(n_products: int) -> None:
    layout = catalogue_for([f"product_{i}" for i in range(n_products)]).layout
    wide = sum(layout.dtype[name].itemsize for name in WIDE_FIELDS)
    places = np.concatenate([usual_bytes(layout), rare_bytes(layout)])
    assert len(np.unique(places)) == len(places) == layout.dtype.itemsize - wide
