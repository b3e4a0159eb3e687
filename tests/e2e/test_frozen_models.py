"""Two runs over one log with frozen models decide the same, however they cut and share it."""

from __future__ import annotations

import json
from collections import Counter

from tests.e2e.kafka_reading import settle
from tests.e2e.scored_log import ScoredLog, gained


def test_the_log_holds_every_input_and_leads_to_every_output(scored_log: ScoredLog) -> None:
    output = scored_log.undisturbed.output
    assert {role for role, _, _ in output} == {"offers", "decisions", "examples", "dead_letter"}
    triggers = Counter(
        json.loads(value or b"")["trigger"]["topic"] for role, _, value in output if role == "decisions"
    )
    assert triggers.keys() == {"customers", "transactions", "interactions"}
    spent = Counter(
        reason
        for role, _, value in output
        if role == "decisions"
        for reason in json.loads(value or b"")["exclusions"].values()
    )
    assert spent["budget_spent"] > 10
    assert scored_log.undisturbed.count("offers") > 100
    assert scored_log.undisturbed.count("examples") > 10


def test_another_batch_size_gives_the_same_output_and_the_same_customers(scored_log: ScoredLog) -> None:
    with gained(scored_log.deployment, "small-batches") as found:
        scorer = scored_log.scorer("small-batches", batch_records="61")
        settle(scored_log.deployment, "small-batches")
        scorer.stop()
    assert found[0].output == scored_log.undisturbed.output
    assert found[0].records == scored_log.undisturbed.records


def test_two_scorers_of_which_one_comes_later_give_the_same_output_and_the_same_customers(
    scored_log: ScoredLog,
) -> None:
    with gained(scored_log.deployment, "shared") as found:
        scorers = [scored_log.scorer("shared", batch_records="97")]
        scorers[0].wait_until_ready()
        scorers.append(scored_log.scorer("shared", batch_records="1009"))
        settle(scored_log.deployment, "shared")
        for scorer in scorers:
            scorer.wait_until_ready()
            scorer.stop()
    assert found[0].output == scored_log.undisturbed.output
    assert found[0].records == scored_log.undisturbed.records
