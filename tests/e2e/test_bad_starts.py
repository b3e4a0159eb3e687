"""A process that is told something wrong says so in one sentence and ends with exit code 2.

The plain cases stand in tests/integration/test_cli_services.py; here are those that an operator meets with the
whole system around, above all mixed-up addresses and topics that do not fit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.e2e.processes import Deployment
from upswell.embedded.free_ports import LOOPBACK, free_port
from upswell.embedded.redis import RedisServer

WITHIN_S: Final = 90.0
"""Ten seconds are promised; a starved test machine gets three times as long."""

ROLES: Final = ("score", "learn")


def refused(deployment: Deployment, role: str, **variables: str) -> str:
    """Start a role that must refuse to run; return its one sentence, without the log."""
    run = deployment.tried(role, within_s=WITHIN_S, **variables)
    sentences = [line for line in run.stderr.splitlines() if not line.startswith('{"time_ms"')]
    assert (run.returncode, run.stdout, len(sentences)) == (2, "", 1), run.stderr
    assert sentences[0].startswith("upswell: ")
    assert not any(word in sentences[0] for word in ("Traceback", "Error(", "Exception"))
    return sentences[0]


@pytest.mark.parametrize("role", ROLES)
def test_a_broker_address_where_redis_listens_is_refused(
    role: str, deployment: Deployment, clean_redis: RedisServer
) -> None:
    address = f"{LOOPBACK}:{clean_redis.port}"
    assert address in refused(deployment, role, kafka_bootstrap_servers=address)


def test_a_redis_address_where_kafka_listens_is_refused(deployment: Deployment) -> None:
    assert "Redis" in refused(deployment, "score", redis_url=f"redis://{deployment.servers}/0")


def test_a_wrong_redis_password_is_refused_and_not_shown(
    deployment: Deployment, clean_redis: RedisServer
) -> None:
    url = f"redis://:a-wrong-password@{LOOPBACK}:{clean_redis.port}/0"
    sentence = refused(deployment, "score", redis_url=url)
    assert "Redis" in sentence
    assert "a-wrong-password" not in sentence


def test_a_host_that_does_not_exist_is_refused(deployment: Deployment) -> None:
    nowhere = f"nowhere.invalid:{free_port()}"
    assert nowhere in refused(deployment, "score", kafka_bootstrap_servers=nowhere)


@pytest.mark.parametrize("role", ROLES)
def test_topics_that_are_missing_are_named_with_the_way_on(role: str, bare_deployment: Deployment) -> None:
    sentence = refused(bare_deployment, role)
    assert f"{bare_deployment.prefix}nbo.examples" in sentence
    assert "upswell topics create" in sentence


def test_input_topics_of_different_partition_counts_are_named_with_their_counts(
    bare_deployment: Deployment,
) -> None:
    topics = bare_deployment.topics
    admin = AdminClient({"bootstrap.servers": bare_deployment.servers})
    counts = {name: 3 if name == topics.name("outcomes") else 2 for name in topics.all}
    for done in admin.create_topics([NewTopic(name, count, 1) for name, count in counts.items()]).values():
        done.result()
    sentence = refused(bare_deployment, "score")
    assert f"{topics.name('outcomes')} 3" in sentence
    assert f"{topics.name('transactions')} 2" in sentence


@pytest.mark.parametrize("role", ROLES)
def test_a_misspelt_variable_is_refused_with_the_right_spelling(role: str, deployment: Deployment) -> None:
    sentence = refused(deployment, role, redis_ulr="redis://localhost:6379/0")
    assert "UPSWELL_REDIS_ULR" in sentence
    assert "UPSWELL_REDIS_URL" in sentence


@pytest.mark.parametrize("role", ROLES)
def test_a_policy_rule_about_an_unknown_feature_is_refused_with_its_line(
    role: str, deployment: Deployment, repository: Path, tmp_path: Path
) -> None:
    text = (repository / "deploy/policy/retail_bank.yaml").read_text(encoding="utf-8")
    lines = text.splitlines()
    line = next(number for number, line in enumerate(lines) if "field: balance_last" in line)
    lines[line] = lines[line].replace("balance_last", "balance_lost")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("\n".join(lines), encoding="utf-8")
    sentence = refused(deployment, role, policy=str(wrong))
    assert f"wrong.yaml, line {line + 1}: " in sentence
    assert "balance_lost" in sentence


@pytest.mark.parametrize(("content", "said"), [("{", "seeds.json"), ("{}", "seeds.json")])
def test_a_file_that_is_no_seed_bundle_is_refused(
    content: str, said: str, deployment: Deployment, tmp_path: Path
) -> None:
    seeds = tmp_path / "seeds.json"
    seeds.write_text(content, encoding="utf-8")
    assert said in refused(deployment, "score", seeds=str(seeds))


def test_a_port_for_metrics_that_is_taken_is_refused(deployment: Deployment) -> None:
    taken = deployment.servers.removeprefix(f"{LOOPBACK}:")
    assert f"Port {taken}" in refused(deployment, "score", metrics_port=taken)
