"""The fixture that runs a test in every world."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.worlds import KafkaWorld, MemoryWorld, World


@pytest.fixture(
    params=[
        "memory",
        pytest.param("kafka", marks=(pytest.mark.kafka, pytest.mark.xdist_group("services"))),
    ]
)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """An empty log with all topics, and nobody on it."""
    made: World
    if request.param == "memory":
        made = MemoryWorld()
    else:
        broker = request.getfixturevalue("kafka_broker")
        made = KafkaWorld(broker.bootstrap_servers, request.getfixturevalue("topic_prefix"))
    yield made
    made.close()
