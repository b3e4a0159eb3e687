"""Traits on the real broker: published twice they are there once for whoever reads, and scorers know them."""

from __future__ import annotations

import json
from pathlib import Path

from producer_sim import history
from producer_sim.settings import BankSettings
from tests.e2e.kafka_reading import read, settle
from tests.e2e.processes import Deployment


def test_traits_published_twice_are_taken_over_once_by_scorers_that_start_from_the_seeds(
    deployment: Deployment, tmp_path: Path
) -> None:
    past, bundle = tmp_path / "past", tmp_path / "seeds.json"
    history.write(BankSettings(customers=120, history_days=30, campaign_share=0.4, seed=11), past)
    deployment.run("lab", "seed", "--history", str(past), "--out", str(bundle), "--segments", "3")
    publishing = ("lab", "publish-traits", "--history", str(past), "--seeds", str(bundle))
    told = deployment.run(*publishing)
    deployment.run(*publishing, "--out", str(tmp_path / "traits.jsonl"))
    deployment.run(*publishing)

    lines = (tmp_path / "traits.jsonl").read_bytes().splitlines()
    records = read(deployment, "traits")
    assert f"{len(lines)} records were published to {deployment.topics.name('traits')}" in told
    assert len(records) == 2 * len(lines)
    assert {record.value for record in records} == set(lines)
    assert all(record.key.decode() == record.document["customer_id"] for record in records)
    assert {record.headers["ce_type"] for record in records} == {b"upswell.traits.v1"}

    scorer = deployment.start_ready("score", "--seeds", str(bundle))
    deployment.start_ready("learn", "--seeds", str(bundle)).stop()
    settle(deployment, deployment.group_id)
    assert read(deployment, "dead_letter") == []
    expected = json.loads(lines[0])
    found = json.loads(deployment.run("inspect", expected["customer_id"], "--json"))["features"]
    assert found["segment"] == expected["segment"]
    assert found["lifetime_value_minor"] == expected["lifetime_value_minor"]
    for product_id, p in expected["affinity"].items():
        assert abs(found[f"affinity_{product_id}"] - p) < 1e-9
    scorer.stop()


def test_a_missing_topic_is_told_before_anything_is_read(bare_deployment: Deployment, tmp_path: Path) -> None:
    bundle, past = tmp_path / "seeds.json", tmp_path / "past"
    history.write(BankSettings(customers=120, history_days=30, campaign_share=0.4, seed=11), past)
    bare_deployment.run("lab", "seed", "--history", str(past), "--out", str(bundle))
    refused = bare_deployment.tried(
        "lab", "publish-traits", "--history", "no such folder", "--seeds", str(bundle), within_s=60.0
    )
    assert refused.returncode == 2
    assert bare_deployment.topics.name("traits") in refused.stderr
