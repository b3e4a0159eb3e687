"""A few bad records pass, a topic of garbage stops the scorer."""

from __future__ import annotations

import pytest

from consumer.runtime.dead_letter_limit import (
    BadRecord,
    DeadLetterLimit,
    DeadLetterTally,
    TooManyDeadLetters,
    tally,
    with_runs,
    with_stored_runs,
)

LIMIT = DeadLetterLimit(max_run=3, max_ratio=0.5, window=10)
PLACE = ("transactions", 0)


def bad(*offsets: int) -> list[BadRecord]:
    return [BadRecord(*PLACE, offset, "not_json") for offset in offsets]


def test_a_run_is_counted_across_batches() -> None:
    after = tally(LIMIT, DeadLetterTally({}), bad(0, 1), last_good={}, n_records=2)
    assert after.runs == {PLACE: 2}
    with pytest.raises(
        TooManyDeadLetters, match=r"4 records in a row of transactions, partition 0.*not_json"
    ):
        tally(LIMIT, after, bad(2, 3), last_good={}, n_records=2)


def test_a_good_record_ends_the_run() -> None:
    before = DeadLetterTally({PLACE: 3})
    after = tally(LIMIT, before, bad(4, 6), last_good={PLACE: 5}, n_records=3)
    assert after.runs == {PLACE: 1}


def test_a_batch_without_records_of_a_partition_leaves_its_run_alone() -> None:
    before = DeadLetterTally({PLACE: 2})
    after = tally(LIMIT, before, [], last_good={("transactions", 1): 9}, n_records=1)
    assert after.runs == {PLACE: 2}


def test_half_garbage_among_good_records_stops_at_the_end_of_the_window() -> None:
    before = DeadLetterTally({}, seen=8, bad=5)
    with pytest.raises(TooManyDeadLetters, match=r"6 of the last 10 records are unusable \(not_json\)"):
        tally(LIMIT, before, bad(1), last_good={PLACE: 2}, n_records=2)


def test_the_window_starts_anew_when_it_is_full() -> None:
    before = DeadLetterTally({}, seen=8, bad=4)
    after = tally(LIMIT, before, [], last_good={PLACE: 2}, n_records=2)
    assert (after.seen, after.bad) == (0, 0)


def test_the_runs_of_a_partition_are_stored_beside_its_budgets_and_come_back() -> None:
    held = DeadLetterTally({PLACE: 3, ("outcomes", 0): 1, ("transactions", 1): 2}, seen=9, bad=6)
    stored = with_runs({"budget:20731:gold": 12.0, "bad_run:customers": 7.0}, held, 0)
    assert stored == {"budget:20731:gold": 12.0, "bad_run:transactions": 3.0, "bad_run:outcomes": 1.0}
    elsewhere = DeadLetterTally({PLACE: 400, ("transactions", 5): 8}, seen=1, bad=1)
    after = with_stored_runs(elsewhere, stored, 0)
    assert after.runs == {PLACE: 3, ("outcomes", 0): 1, ("transactions", 5): 8}
    assert (after.seen, after.bad) == (1, 1)
