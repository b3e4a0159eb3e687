"""A deployment for one test: topics made, nothing running."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.processes import Deployment, deployed
from tests.e2e.scored_log import ScoredLog, written_log
from upswell.embedded.kafka import KafkaBroker
from upswell.embedded.redis import RedisServer

PARTITIONS: Final = 2


@pytest.fixture
def bare_deployment(
    kafka_broker: KafkaBroker, clean_redis: RedisServer, topic_prefix: str, tmp_path: Path
) -> Iterator[Deployment]:
    """Broker and Redis with nothing in them for this prefix."""
    with deployed(kafka_broker, clean_redis, prefix=topic_prefix, folder=tmp_path) as deployment:
        yield deployment


@pytest.fixture
def deployment(bare_deployment: Deployment) -> Deployment:
    """A deployment with its topics, two partitions each."""
    bare_deployment.run("topics", "create", "--partitions", str(PARTITIONS))
    return bare_deployment


@pytest.fixture(scope="session")
def scored_log(
    kafka_broker: KafkaBroker, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ScoredLog]:
    """A bank's log with everything in it, and what an undisturbed scorer with frozen models makes of it."""
    folder = tmp_path_factory.mktemp("scored-log")
    with deployed(kafka_broker, redis_server, prefix="e2e-log.", folder=folder) as deployment:
        yield written_log(deployment)
