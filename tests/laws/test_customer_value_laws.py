"""Record and open decisions under one key: whatever they are, both come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.adapters.customer_value import joined, parted
from consumer.vocabulary.errors import Defect


@given(st.binary(max_size=2_000), st.none() | st.binary(min_size=1, max_size=9_000))
def test_what_was_joined_comes_apart_as_it_was(record: bytes, open_decisions: bytes | None) -> None:
    assert parted(joined(record, open_decisions)) == (record, open_decisions)


def test_nothing_is_nothing() -> None:
    assert parted(None) == (None, None)


@pytest.mark.parametrize("value", [b"", b"\x01", b"\x01\x00", b"ab\x03\x00"])
def test_a_value_that_does_not_say_where_its_record_ends_is_a_defect(value: bytes) -> None:
    with pytest.raises(Defect, match="does not say where its record ends"):
        parted(value)


def test_open_decisions_that_the_length_cannot_name_are_a_defect() -> None:
    with pytest.raises(Defect, match="65,536 bytes"):
        joined(b"record", bytes(2**16))
