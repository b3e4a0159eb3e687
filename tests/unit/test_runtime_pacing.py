"""When the loop polls: late enough to take in what arrives, early enough that the broker never waits for it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from consumer.runtime.pacing import PAUSE_MAX_S, Pacing

seconds = st.floats(0.0, 2.0)


@given(st.lists(seconds, max_size=20), st.lists(seconds, max_size=20), seconds)
def test_a_pause_never_goes_beyond_what_is_left_of_the_slowest_publication(
    publications: list[float], batches: list[float], under_way_s: float
) -> None:
    pacing = Pacing()
    for taken_s in publications:
        pacing.note_publication(taken_s)
    for taken_s in batches:
        pacing.note_batch(taken_s, is_filled=False)
    pause_s = pacing.pause_s(under_way_s)
    assert 0.0 <= pause_s <= min(PAUSE_MAX_S, max(max([0.0, *publications]) - under_way_s, 0.0))


def test_it_settles_at_the_time_that_a_publication_takes_longer_than_a_batch() -> None:
    pacing = Pacing()
    for _ in range(60):
        pacing.note_publication(0.030)
        pacing.note_batch(0.010, is_filled=False)
    assert abs(pacing.pause_s(0.0) - 0.020) < 0.001


def test_there_is_no_pause_without_a_publication_or_behind_a_filled_batch() -> None:
    pacing = Pacing(publication_s=0.030)
    assert pacing.pause_s(None) == 0.0
    pacing.note_batch(0.0, is_filled=True)
    assert pacing.pause_s(0.0) == 0.0
