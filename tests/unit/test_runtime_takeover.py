"""The plan of a takeover: what the distance between store and broker says."""

from __future__ import annotations

import pytest

from consumer.ports import Bounds, OutboxEntry, PartitionState
from consumer.runtime.takeover import plan_takeover
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.log import OutputRecord

LOG = {"transactions": Bounds(0, 100), "outcomes": Bounds(0, 20)}


def state(**positions: int) -> PartitionState:
    return PartitionState(partition=3, epoch=2, sequence=7, positions=positions)


def entry(sequence: int, **positions: int) -> OutboxEntry:
    return OutboxEntry(sequence, (OutputRecord("offers", b"c", b"{}", 1),), positions)


def test_a_new_partition_starts_where_the_log_begins() -> None:
    plan = plan_takeover(state(), [], committed={}, bounds={"transactions": Bounds(12, 100)})
    assert plan.start == {"transactions": 12}
    assert plan.republish == ()
    assert plan.suppressed_until == {}


def test_reading_goes_on_at_the_position_of_the_store_not_at_the_committed_offset() -> None:
    plan = plan_takeover(state(transactions=50), [], committed={"transactions": 40}, bounds=LOG)
    assert plan.start["transactions"] == 50


def test_an_outbox_entry_beyond_the_committed_offsets_is_published_first() -> None:
    entries = [entry(6, transactions=40), entry(7, transactions=50)]
    plan = plan_takeover(state(transactions=50), entries, committed={"transactions": 40}, bounds=LOG)
    assert plan.republish == (entries[1],)


def test_an_entry_is_unpublished_as_long_as_one_of_its_offsets_is_not_committed() -> None:
    entries = [entry(7, transactions=50, outcomes=5)]
    plan = plan_takeover(state(), entries, committed={"transactions": 50}, bounds=LOG)
    assert plan.republish == tuple(entries)


def test_publication_is_suppressed_up_to_the_committed_offsets_when_the_store_is_older() -> None:
    plan = plan_takeover(
        state(transactions=30), [], committed={"transactions": 40, "outcomes": 3}, bounds=LOG
    )
    assert plan.start == {"transactions": 30, "outcomes": 0}
    assert plan.suppressed_until == {"transactions": 40, "outcomes": 3}


def test_a_position_beyond_the_end_of_the_log_stops_with_both_offsets_and_the_ways_on() -> None:
    with pytest.raises(ConfigurationError, match=r"offset 120.*ends at 100.*recreated.*restore.*clear"):
        plan_takeover(state(transactions=120), [], committed={}, bounds=LOG)


def test_unread_records_removed_by_retention_stop_with_both_offsets_and_the_ways_on() -> None:
    with pytest.raises(ConfigurationError, match=r"offset 5.*removed unread records before 10"):
        plan_takeover(state(transactions=5), [], committed={}, bounds={"transactions": Bounds(10, 100)})


def test_committed_offsets_beyond_the_end_of_the_log_stop_instead_of_suppressing_a_new_topics_outputs() -> (
    None
):
    with pytest.raises(
        ConfigurationError, match=r"published up to offset 500.*ends at 100.*recreated.*another group"
    ):
        plan_takeover(state(), [], committed={"transactions": 500}, bounds=LOG)
