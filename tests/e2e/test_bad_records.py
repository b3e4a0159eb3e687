"""Bad records on real topics: each becomes a dead letter with its place, and a topic full of them stops the scorer."""

from __future__ import annotations

import json
from typing import Final

import pytest

from consumer.vocabulary.reasons import DeadLetterCode
from tests.e2e.kafka_reading import read, settle
from tests.e2e.processes import Deployment
from tests.e2e.publishing import T_MS, Input, publish, transaction

MAX_RUN: Final = 500
"""`dead_letter_limit.max_run` of the policy."""


def bad_records() -> dict[DeadLetterCode, Input]:
    """Return one record for each code."""
    good = transaction(0)
    assert good.value is not None
    code = DeadLetterCode
    profile = {"event_id": "p-1", "customer_id": "c-1", "event_time_ms": T_MS, "holdings": ["yacht"]}
    return {
        code.NOT_UTF8: Input("transactions", good.value.replace(b"pos", b"p\xffs")),
        code.NOT_JSON: Input("transactions", good.value[:40]),
        code.WRONG_SHAPE: transaction(1, kind="card_paymnt"),
        code.UNSUPPORTED_VERSION: transaction(2, schema_version="2.0"),
        code.OVERSIZED: transaction(3, padding="x" * 70_000),
        code.EMPTY_VALUE: Input("interactions", None),
        code.KEY_MISMATCH: Input("transactions", transaction(4).value, b"c-2"),
        code.UNKNOWN_PRODUCT: Input("customers", json.dumps(profile).encode()),
        code.FUTURE_TIME: transaction(5, event_time_ms=T_MS + 900_000),
        code.INVALID_NUMBER: transaction(6, amount_minor=float("nan")),
        code.NEGATIVE_AMOUNT: transaction(7, amount_minor=-1),
    }


def test_every_kind_of_bad_record_becomes_a_dead_letter_with_its_code_and_place(
    deployment: Deployment,
) -> None:
    bad = bad_records()
    assert set(bad) == set(DeadLetterCode)
    scorer = deployment.start_ready("score")
    publish(deployment, [*bad.values(), *(transaction(number) for number in range(10, 20))])
    settle(deployment)
    totals = scorer.totals()
    scorer.stop()
    letters = {letter.headers["error_code"].decode(): letter for letter in read(deployment, "dead_letter")}
    assert letters.keys() == {code.value for code in DeadLetterCode}
    published = {
        (record.role, record.partition, record.offset): record
        for record in read(deployment, "transactions", "interactions", "customers")
    }
    for code, sent in bad.items():
        letter = letters[code.value]
        headers = {name: value.decode() for name, value in letter.headers.items()}
        role = deployment.topics.role(headers["source_topic"])
        source = published[role, int(headers["source_partition"]), int(headers["source_offset"])]
        assert (role, source.key, source.value) == (sent.role, sent.key, sent.value)
        assert (letter.key, letter.value or None) == (sent.key, sent.value)
        assert headers["error_reason"]
    assert totals["events_total", "applied"] == 10
    assert {kind: n for (name, kind), n in totals.items() if name == "dead_letters_total"} == dict.fromkeys(
        letters, 1
    )


@pytest.mark.parametrize(("batch_records", "starts"), [(5_000, 1), (100, 2)])
def test_a_topic_that_is_all_garbage_stops_the_scorer_and_does_not_fill_the_dead_letter_topic(
    deployment: Deployment, batch_records: int, starts: int
) -> None:
    publish(deployment, (Input("transactions", b"\x00garbage", b"c-1") for _ in range(5_000)))
    for _ in range(starts):  # an orchestrator starts it again and again
        scorer = deployment.start("score", batch_records=str(batch_records))
        assert scorer.exit_code(30.0) == 1
        said = [line for line in scorer.log().splitlines() if line.startswith("upswell: ")]
        assert len(said) == 1
        assert "records in a row of transactions" in said[0]
        assert "not_json" in said[0]
        assert len(read(deployment, "dead_letter")) <= MAX_RUN
