"""The open book finds what a dictionary would find, whatever was appended and removed before."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from consumer.learning.open_decisions import empty_rows
from consumer.pipeline.open_book import NOT_FOUND, OpenBook

positions = st.tuples(st.integers(0, 5), st.integers(0, 4), st.integers(0, 30))


def book_of(places: list[tuple[int, int, int]], n_customers: int = 6) -> OpenBook:
    rows = empty_rows(3, len(places))
    rows["topic_code"] = [role for _, role, _ in places]
    rows["offset"] = [offset for _, _, offset in places]
    owners = np.array([owner for owner, _, _ in places], dtype=np.int64)
    return OpenBook(rows, owners, np.zeros(n_customers, dtype=bool))


def columns(places: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = np.array(places, dtype=np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


@given(
    first=st.lists(positions, unique=True, max_size=20),
    second=st.lists(positions, unique=True, max_size=20),
    asked=st.lists(positions, min_size=1, max_size=20),
    erased=st.integers(0, 5),
)
def test_find_equals_a_dictionary(
    first: list[tuple[int, int, int]],
    second: list[tuple[int, int, int]],
    asked: list[tuple[int, int, int]],
    erased: int,
) -> None:
    book = book_of(first)
    appended = [place for place in second if place not in first]
    more = book_of(appended)
    book.append(more.owner, more.rows)
    book.remove_owner(erased)
    expected = {place for place in first + appended if place[0] != erased}
    found = book.find(*columns(asked))
    for place, index in zip(asked, found.tolist(), strict=True):
        assert (index != NOT_FOUND) == (place in expected)
        if index != NOT_FOUND:
            row = book.rows[index]
            assert (book.owner[index], row["topic_code"], row["offset"]) == place
