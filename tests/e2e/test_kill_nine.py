"""SIGKILL and SIGSTOP in the middle: readers see what an undisturbed run shows them, nothing missing, nothing twice."""

from __future__ import annotations

from typing import Final

from tests.e2e.kafka_reading import settle
from tests.e2e.processes import RoleProcess
from tests.e2e.scored_log import ScoredLog, gained

SMALL_BATCHES: Final = "40"
"""Batches of some milliseconds each: a kill meets every step of them."""

STEADY_WITHIN_S: Final = 60.0
KILLS: Final = 5


def work(scorer: RoleProcess, n_records: int) -> None:
    """Let a scorer work until it has read so many records."""
    scorer.wait_until_ready()
    scorer.wait_until(
        lambda: scorer.totals()["records_total", ""] >= n_records,
        f"through {n_records} records",
        within_s=STEADY_WITHIN_S,
    )


def test_a_scorer_that_is_killed_again_and_again_loses_nothing_and_repeats_nothing(
    scored_log: ScoredLog,
) -> None:
    run, seen = "killed", 0
    with gained(scored_log.deployment, run) as found:
        for _ in range(KILLS):
            scorer = scored_log.scorer(run, batch_records=SMALL_BATCHES, instance_id="the-one")
            work(scorer, scored_log.size // (KILLS + 3))
            seen += scorer.totals()["records_total", ""]
            scorer.kill()
            assert seen < scored_log.size, "every kill must come in the middle"
        scorer = scored_log.scorer(run, batch_records=SMALL_BATCHES, instance_id="the-one")
        settle(scored_log.deployment, run)
        scorer.stop()
    assert found[0].output == scored_log.undisturbed.output
    assert found[0].records == scored_log.undisturbed.records


def test_the_partitions_of_a_killed_scorer_go_on_at_the_other_one(scored_log: ScoredLog) -> None:
    run = "bereaved"
    with gained(scored_log.deployment, run) as found:
        scorers = [scored_log.scorer(run, batch_records=SMALL_BATCHES) for _ in range(2)]
        for scorer in scorers:
            work(scorer, scored_log.size // 10)
        scorers[0].kill()
        settle(scored_log.deployment, run)
        scorers[1].stop()
    assert found[0].output == scored_log.undisturbed.output
    assert found[0].records == scored_log.undisturbed.records


def test_a_scorer_that_slept_through_the_loss_of_its_partitions_publishes_nothing_of_them(
    scored_log: ScoredLog,
) -> None:
    run = "slept"
    with gained(scored_log.deployment, run) as found:
        scorers = [scored_log.scorer(run, batch_records=SMALL_BATCHES) for _ in range(2)]
        for scorer in scorers:
            work(scorer, scored_log.size // 10)
        scorers[0].pause()
        settle(scored_log.deployment, run)
        scorers[0].go_on()
        for scorer in scorers:
            scorer.wait_until_ready()
            scorer.stop()
    assert found[0].output == scored_log.undisturbed.output
    assert found[0].records == scored_log.undisturbed.records
