"""What all tests share: real services once a session, Hypothesis profiles, seeds, and who runs where.

A test that uses `kafka_broker`, `redis_server` or what is built on them gets its marker by that.
With CI set, a service that cannot be started fails the test; else the test is skipped and says
what to install.
"""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings
from redis import Redis

from consumer.vocabulary.errors import ConfigurationError
from upswell.embedded import redis_cluster as clusters
from upswell.embedded.kafka import KafkaBroker, real_kafka
from upswell.embedded.redis import RedisServer, real_redis

IS_CI = bool(os.environ.get("CI"))
DEFAULT_SEED = 20_260_301
SERVICE_FIXTURES = {
    "kafka_broker": "kafka",
    "own_kafka_broker": "kafka",
    "redis_server": "redis",
    "clean_redis": "redis",
    "own_redis": "redis",
    "redis_cluster": "redis",
    "clean_redis_cluster": "redis",
}
SERVICE_MARKERS = ("kafka", "redis", "chromium")
# Kafka allows 249 characters; the names of our topics and room for a reader's own take the rest.
TOPIC_PREFIX_LENGTH_MAX = 120

# Deadlines measure the machine, not the code. In CI the same examples come every time, more of them.
_common = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", _common, max_examples=50)
settings.register_profile("ci", _common, max_examples=200, derandomize=True)
settings.register_profile("soak", _common, max_examples=5_000)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci" if IS_CI else "default")
settings.load_profile(PROFILE)

_prefix_numbers = itertools.count(1)


def pytest_report_header() -> str:
    return f"upswell: seed {_seed()} (UPSWELL_TEST_SEED), hypothesis profile {PROFILE} (HYPOTHESIS_PROFILE)"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which seeds ran and what befell them, also of tests that passed, from all workers."""
    seeds: dict[str, list[int]] = defaultdict(list)
    happened: dict[str, Counter[str]] = defaultdict(Counter)
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, told in report.user_properties:
            if isinstance(told, dict) and "happened" in told:
                seeds[name] += range(told["seed"], told["seed"] + told.get("count", 1))
                happened[name].update(told["happened"])
    for name, ran in seeds.items():
        counts = ", ".join(f"{what} {count}" for what, count in sorted(happened[name].items()))
        terminalreporter.write_line(
            f"{name}: {len(ran)} seeds, {min(ran)} to {max(ran)}, all as undisturbed unless named above; {counts}"
        )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the services that they use, and keep all of these in one worker: one broker, one Redis.

    A file with services of its own names its own group.
    """
    for item in items:
        for fixture in set(getattr(item, "fixturenames", ())) & SERVICE_FIXTURES.keys():
            item.add_marker(SERVICE_FIXTURES[fixture])
        has_group = item.get_closest_marker("xdist_group") is not None
        if not has_group and any(item.get_closest_marker(marker) for marker in SERVICE_MARKERS):
            item.add_marker(pytest.mark.xdist_group("services"))


@pytest.fixture(scope="session")
def seed() -> int:
    """The seed of every seeded run in this session; the header prints it."""
    return _seed()


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A real broker that all tests share; a test that harms its broker starts one of its own."""
    try:
        broker = real_kafka(tmp_path_factory.mktemp("kafka"))
    except ConfigurationError as error:
        refuse(error)
    with broker:
        yield broker


@pytest.fixture
def own_kafka_broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    """A real broker that one test may kill."""
    try:
        broker = real_kafka(tmp_path / "kafka")
    except ConfigurationError as error:
        refuse(error)
    with broker:
        yield broker


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> str:
    """A prefix for topics, groups and transactional ids that no other test of this session uses."""
    name = re.sub(r"[^a-zA-Z0-9_]+", "-", request.node.name)[:TOPIC_PREFIX_LENGTH_MAX].strip("-")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    return f"{worker}-{next(_prefix_numbers)}-{name}."


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real Redis that all tests share, without persistence; see `clean_redis`."""
    try:
        server = real_redis(tmp_path_factory.mktemp("redis"), unix_socket=True)
    except ConfigurationError as error:
        refuse(error)
    with server:
        yield server


@pytest.fixture
def clean_redis(redis_server: RedisServer) -> RedisServer:
    """The shared Redis, emptied."""
    with Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A real Redis with the append-only file, flushed at each write, that one test may kill."""
    try:
        server = real_redis(tmp_path / "redis", appendonly=True, server_options=("--appendfsync", "always"))
    except ConfigurationError as error:
        refuse(error)
    with server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clusters.RedisCluster]:
    """A real Redis Cluster of three masters that all tests share; see `clean_redis_cluster`."""
    try:
        cluster = clusters.redis_cluster(tmp_path_factory.mktemp("redis-cluster"))
        running = cluster.__enter__()
    except ConfigurationError as error:
        refuse(error)
    try:
        yield running
    finally:
        cluster.__exit__(None, None, None)


@pytest.fixture
def clean_redis_cluster(redis_cluster: clusters.RedisCluster) -> clusters.RedisCluster:
    """The shared Redis Cluster, emptied."""
    for node in redis_cluster.nodes:
        with Redis(port=node.port) as client:
            client.flushall()
    return redis_cluster


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parents[1]


def _seed() -> int:
    return int(os.environ.get("UPSWELL_TEST_SEED", DEFAULT_SEED))


def refuse(error: ConfigurationError) -> NoReturn:
    """Fail where every service must be there, else skip with what to install."""
    if IS_CI:
        pytest.fail(f"CI needs every real service: {error}", pytrace=False)
    pytest.skip(str(error))
