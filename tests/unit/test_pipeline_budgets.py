"""What was spent is remembered as long as a decision can ask for it, and nothing else is touched."""

from __future__ import annotations

from consumer.pipeline.budgets import forget_days


def test_days_that_the_stream_has_left_behind_are_forgotten_and_other_numbers_stay() -> None:
    extra = {"budget:20729:gold": 3.0, "budget:20730:gold": 2.0, "budget:20731:car:loan": 1.0, "bad:x": 4.0}
    forget_days(extra, 20730)
    assert extra == {"budget:20730:gold": 2.0, "budget:20731:car:loan": 1.0, "bad:x": 4.0}
