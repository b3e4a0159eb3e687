"""Partitions take turns in a batch, and none loses its order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from consumer.adapters.fair_share import take_in_turn
from consumer.vocabulary.log import RawRecord

Ready = dict[int, list[RawRecord]]


def as_ready(counts: list[int]) -> Ready:
    return {
        number: [RawRecord("transactions", number, at, None, None, 0) for at in range(count)]
        for number, count in enumerate(counts)
    }


waiting = st.lists(st.integers(min_value=0, max_value=9), min_size=1, max_size=5)
rooms = st.integers(min_value=1, max_value=12)


@given(counts=waiting, room=rooms, turn=st.integers(min_value=0, max_value=9))
def test_a_batch_is_as_full_as_it_can_be_and_what_is_not_in_it_still_waits(
    counts: list[int], room: int, turn: int
) -> None:
    ready = as_ready(counts)
    taken = take_in_turn(ready, room, turn)
    assert len(taken) == min(room, sum(counts))
    for number, count in enumerate(counts):
        of_partition = [record for record in taken if record.partition == number]
        assert of_partition + ready[number] == as_ready(counts)[number]
        assert len(of_partition) >= min(count, room // len(counts))


@given(counts=waiting, room=rooms)
def test_whatever_waits_is_taken_within_as_many_polls_as_there_are_partitions(
    counts: list[int], room: int
) -> None:
    """Even where a batch is smaller than the number of partitions, and all others stay busy."""
    ready = as_ready([count + 100 if count else 0 for count in counts])
    begun = {record.partition for turn in range(len(counts)) for record in take_in_turn(ready, room, turn)}
    assert begun == {number for number, count in enumerate(counts) if count}
