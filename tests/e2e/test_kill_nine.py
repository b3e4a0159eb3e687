"""SIGKILL and SIGSTOP in the middle: readers see what an undisturbed run shows them, nothing missing, nothing twice.

Each scorer strikes itself at a failpoint, early in its share of the log: no machine is so fast that the log is over
before, and none so slow that a test waits for a clock.
"""

from __future__ import annotations

from typing import Final

from tests.e2e.kafka_reading import settle
from tests.e2e.processes import STRUCK, RoleProcess
from tests.e2e.scored_log import ScoredLog, gained

SMALL_BATCHES: Final = "40"
"""More than three hundred batches in the log: every strike comes in the middle."""

STRUCK_WITHIN_S: Final = 60.0
KILLS: Final = (
    "after_poll:30",
    "between_writes:25",
    "in_transaction:30",
    "after_commit:30",
    "before_write:30",
)


def started(scored_log: ScoredLog, run: str, failpoint: str = "", **variables: str) -> RoleProcess:
    """Start a scorer of small batches that strikes itself at a failpoint, if one is named."""
    if failpoint:
        variables |= {"failpoint": failpoint, "environment": "test"}
    return scored_log.scorer(run, batch_records=SMALL_BATCHES, **variables)


def test_a_scorer_that_is_killed_again_and_again_loses_nothing_and_repeats_nothing(
    scored_log: ScoredLog,
) -> None:
    run = "killed"
    with gained(scored_log.deployment, run) as found:
        for failpoint in KILLS:
            scorer = started(scored_log, run, failpoint, instance_id="the-one")
            assert scorer.exit_code(STRUCK_WITHIN_S) == STRUCK, failpoint
        scorer = started(scored_log, run, instance_id="the-one")
        settle(scored_log.deployment, run)
        scorer.stop()
    assert found[0].output == scored_log.undisturbed.output
    assert found[0].records == scored_log.undisturbed.records


def test_the_partitions_of_a_killed_scorer_go_on_at_the_other_one(scored_log: ScoredLog) -> None:
    run = "bereaved"
    with gained(scored_log.deployment, run) as found:
        killed = started(scored_log, run, "before_commit:30")
        killed.wait_until_ready()
        heir = started(scored_log, run)
        assert killed.exit_code(STRUCK_WITHIN_S) == STRUCK
        settle(scored_log.deployment, run)
        heir.stop()
    assert found[0].output == scored_log.undisturbed.output
    assert found[0].records == scored_log.undisturbed.records


def test_a_scorer_that_slept_through_the_loss_of_its_partitions_publishes_nothing_of_them(
    scored_log: ScoredLog,
) -> None:
    run = "slept"
    with gained(scored_log.deployment, run) as found:
        sleeper = started(scored_log, run, "before_publish:30:stop")
        sleeper.wait_until_ready()
        heir = started(scored_log, run)
        sleeper.wait_until(lambda: sleeper.is_standing, "asleep", within_s=STRUCK_WITHIN_S)
        settle(scored_log.deployment, run)
        sleeper.go_on()
        for scorer in (sleeper, heir):
            scorer.wait_until_ready()
            scorer.stop()
    assert found[0].output == scored_log.undisturbed.output
    assert found[0].records == scored_log.undisturbed.records
