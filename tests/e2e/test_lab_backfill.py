"""History out of the topics, records into an empty Redis, and a scorer that goes on: with the real services."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from redis import Redis

from benchmarks.synthetic_events import Load, events, profiles
from consumer.vocabulary.log import OutputRecord
from consumer.vocabulary.time import DAY_MS
from offline.parity.difference import customer_hash
from tests.e2e.kafka_reading import read, settle
from tests.e2e.processes import Deployment
from tests.e2e.publishing import Input, publish
from tests.laws.test_lab_backfill import PRODUCTS, views_only

PAST = Load(n_customers=60, n_events=1_500, days=30.0, seed=21, trigger_share=0.0)
LIVE = Load(
    n_customers=60,
    n_events=600,
    days=10.0,
    seed=22,
    trigger_share=0.3,
    first_event=PAST.n_events,
    start_ms=PAST.start_ms + 30 * DAY_MS,
)


def published(deployment: Deployment, records: list[OutputRecord]) -> None:
    publish(deployment, [Input(r.role, r.value or None, r.key, r.event_time_ms) for r in records])


@pytest.fixture
def policy(deployment: Deployment) -> str:
    """A policy under which the past triggers no decision, so that runs with and without a backfill agree."""
    file = deployment.folder / "policy.yaml"
    text = views_only().text.model_dump(mode="python", by_alias=True)
    file.write_text(yaml.safe_dump(text), encoding="utf-8")
    return str(file)


def records_in(deployment: Deployment, namespace: str) -> dict[bytes, bytes]:
    with Redis.from_url(deployment.redis_url) as client:
        mark = namespace.encode()
        keys = list(client.scan_iter(match=b"{%b*}:c:*" % mark, count=1_000))
        return {key.replace(mark, b""): value for key, value in zip(keys, client.mget(keys), strict=True)}


def test_a_scorer_goes_on_after_a_backfill_as_one_that_read_the_whole_log(
    deployment: Deployment, policy: str, tmp_path: Path
) -> None:
    past = [
        *profiles(PAST),
        *events(PAST, products=PRODUCTS),
        OutputRecord("customers", b"c-3", b"", PAST.start_ms + 20 * DAY_MS),
        OutputRecord("transactions", b"c-1", b"{no json", PAST.start_ms),
    ]
    published(deployment, sorted(past, key=lambda record: record.event_time_ms))
    told = deployment.run("lab", "export", "--out", str(tmp_path / "past"), policy=policy)
    assert "not_json 1" in told
    assert "erased later" in told
    published(deployment, list(events(LIVE, products=PRODUCTS)))

    filled = {"policy": policy, "redis_namespace": "filled.", "group_id": f"{deployment.prefix}filled"}
    told = deployment.run("lab", "backfill", "--history", str(tmp_path / "past"), within_s=60, **filled)
    assert f"{PAST.n_customers} records written" in told
    refused = deployment.tried("lab", "backfill", "--history", str(tmp_path / "past"), within_s=60, **filled)
    assert (refused.returncode, "--replace" in refused.stderr) == (2, True)
    deployment.run("lab", "backfill", "--history", str(tmp_path / "past"), "--replace", within_s=60, **filled)
    scorer = deployment.start_ready("score", "--models", "frozen", **filled)
    settle(deployment, filled["group_id"])
    assert scorer.totals()["records_total", ""] == LIVE.n_events
    scorer.stop()
    after_backfill = {record.key: record.value for record in read(deployment, "decisions")}
    n_decisions = len(read(deployment, "decisions"))

    whole = {"policy": policy, "redis_namespace": "whole.", "group_id": f"{deployment.prefix}whole"}
    scorer = deployment.start_ready("score", "--models", "frozen", **whole)
    settle(deployment, whole["group_id"])
    scorer.stop()
    decisions = [record.value for record in read(deployment, "decisions")]
    assert n_decisions > 50
    assert len(decisions) == 2 * n_decisions
    assert len(set(decisions)) == n_decisions
    assert after_backfill
    assert records_in(deployment, "filled.") == records_in(deployment, "whole.")


def test_parity_is_zero_after_a_run_with_offers_and_finds_a_record_that_was_changed(
    deployment: Deployment, tmp_path: Path
) -> None:
    load = Load(n_customers=60, n_events=1_500, days=30.0, seed=23, trigger_share=0.3)
    published(deployment, [*profiles(load), *events(load, products=PRODUCTS)])
    scorer = deployment.start_ready("score", "--models", "frozen")
    settle(deployment)
    scorer.stop()
    deployment.run("lab", "export", "--out", str(tmp_path / "past"), "--decisions")
    check = ("lab", "parity", "--history", str(tmp_path / "past"), "--sample", "1.0", "--out")
    told = deployment.run(*check, str(tmp_path / "equal"))
    assert "Of 60 customers in the sample 60 were compared" in told
    assert "No feature differs." in told
    assert "No input differs." in told
    found = json.loads((tmp_path / "equal" / "parity.json").read_text(encoding="utf-8"))
    assert found["decisions"]["compared"] > 100

    with Redis.from_url(deployment.redis_url) as client:
        one, other = sorted(client.scan_iter(match=b"{%b*}:c:*" % deployment.prefix.encode()))[:2]
        client.set(one, client.get(other))
    run = deployment.tried(*check, str(tmp_path / "different"), within_s=60)
    assert run.returncode == 1, run.stderr
    assert " of 235 features differ" in run.stdout
    page = (tmp_path / "different" / "report.html").read_text(encoding="utf-8")
    assert customer_hash(one.decode().rpartition(":")[2]) in page
