"""A few bad records pass, a topic of garbage stops the scorer."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.runtime.dead_letter_limit import (
    BadRecord,
    DeadLetterLimit,
    DeadLetterTally,
    TooManyDeadLetters,
    Window,
    tally,
    with_runs,
    with_stored_runs,
)
from consumer.vocabulary.log import RawRecord

LIMIT = DeadLetterLimit(max_run=3, max_ratio=0.5, window=10)
PLACE = ("transactions", 0)


def records(*offsets: int, partition: int = 0) -> list[RawRecord]:
    return [RawRecord("transactions", partition, offset, None, None, 0) for offset in offsets]


def bad(*offsets: int) -> list[BadRecord]:
    return [BadRecord(*PLACE, offset, "not_json") for offset in offsets]


def test_a_run_is_counted_across_batches() -> None:
    after = tally(LIMIT, DeadLetterTally({}), bad(0, 1), last_good={}, records=records(0, 1))
    assert after.runs == {PLACE: 2}
    with pytest.raises(
        TooManyDeadLetters, match=r"4 records in a row of transactions, partition 0.*not_json"
    ):
        tally(LIMIT, after, bad(2, 3), last_good={}, records=records(2, 3))


def test_a_good_record_ends_the_run() -> None:
    before = DeadLetterTally({PLACE: 3})
    after = tally(LIMIT, before, bad(4, 6), last_good={PLACE: 5}, records=records(4, 5, 6))
    assert after.runs == {PLACE: 1}


def test_a_batch_without_records_of_a_partition_leaves_its_tally_alone() -> None:
    before = DeadLetterTally({PLACE: 2}, {0: Window(4, 2)})
    other = tally(LIMIT, before, [], last_good={("transactions", 1): 9}, records=records(9, partition=1))
    assert other == before


def test_without_bad_records_nothing_is_counted() -> None:
    after = tally(LIMIT, DeadLetterTally({}), [], last_good={PLACE: 8}, records=records(*range(9)))
    assert after == DeadLetterTally({})
    assert with_runs({}, after, 0) == {}


def test_half_garbage_among_good_records_stops_at_the_end_of_the_window() -> None:
    before = DeadLetterTally({}, {0: Window(8, 5)})
    with pytest.raises(
        TooManyDeadLetters, match=r"6 of 10 records in a row of partition 0 are unusable \(not_json\)"
    ):
        tally(LIMIT, before, bad(1), last_good={PLACE: 2}, records=records(1, 2))


def test_a_full_window_that_is_good_enough_closes_and_the_next_bad_record_opens_another() -> None:
    before = DeadLetterTally({}, {0: Window(8, 4)})
    closed = tally(LIMIT, before, [], last_good={PLACE: 2}, records=records(1, 2))
    assert closed.windows == {}
    after = tally(LIMIT, before, bad(4), last_good={PLACE: 6}, records=records(1, 2, 3, 4, 5, 6))
    assert after.windows == {0: Window(3, 1)}


@given(
    codes=st.lists(st.booleans(), max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=6),
)
def test_however_the_stream_is_cut_the_tally_is_the_same_or_it_stops(
    codes: list[bool], cuts: list[int]
) -> None:
    assert outcome(codes, []) == outcome(codes, cuts)


def outcome(is_bad: list[bool], cuts: list[int]) -> DeadLetterTally | str:
    """Return the tally after the records in batches, or that it stopped."""
    limit = DeadLetterLimit(max_run=1_000, max_ratio=0.4, window=7)
    held = DeadLetterTally({})
    ends = sorted({min(cut, len(is_bad)) for cut in cuts} | {len(is_bad)})
    for start, stop in itertools.pairwise([0, *ends]):
        offsets = range(start, stop)
        good = [offset for offset in offsets if not is_bad[offset]]
        try:
            held = tally(
                limit,
                # As a process that takes the partition over has it.
                with_stored_runs(DeadLetterTally({}), with_runs({}, held, 0), 0),
                bad(*(offset for offset in offsets if is_bad[offset])),
                last_good={PLACE: good[-1]} if good else {},
                records=records(*offsets),
            )
        except TooManyDeadLetters:
            return "stopped"
    return held


def test_the_tally_of_a_partition_is_stored_beside_its_budgets_and_comes_back() -> None:
    held = DeadLetterTally(
        {PLACE: 3, ("outcomes", 0): 1, ("transactions", 1): 2}, {0: Window(9, 6), 1: Window(2, 2)}
    )
    stored = with_runs({"budget:20731:gold": 12.0, "bad_run:customers": 7.0}, held, 0)
    assert stored == {
        "budget:20731:gold": 12.0,
        "bad_run:transactions": 3.0,
        "bad_run:outcomes": 1.0,
        "bad_window:seen": 9.0,
        "bad_window:bad": 6.0,
    }
    elsewhere = DeadLetterTally({PLACE: 400, ("transactions", 5): 8}, {0: Window(1, 1), 5: Window(3, 1)})
    after = with_stored_runs(elsewhere, stored, 0)
    assert after.runs == {PLACE: 3, ("outcomes", 0): 1, ("transactions", 5): 8}
    assert after.windows == {0: Window(9, 6), 5: Window(3, 1)}
