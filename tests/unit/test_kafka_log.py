"""What of librdkafka's own log reaches the people who run a process."""

from __future__ import annotations

import logging

import pytest

from consumer.adapters.kafka_log import KAFKA_LOG

ROUTINE = (
    "GETPID [thrd:main]: Failed to acquire transactional PID: Broker: Coordinator load in progress: retrying"
)


@pytest.mark.parametrize(("level", "told"), [(logging.INFO, 0), (logging.DEBUG, 1)])
def test_a_coordinator_that_is_still_loading_is_told_at_debug_level_only(
    level: int, told: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(level, logger=KAFKA_LOG.name):
        KAFKA_LOG.warning(ROUTINE)
    assert [record.levelname for record in caplog.records] == ["DEBUG"] * told


def test_a_broker_that_does_not_answer_is_told_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger=KAFKA_LOG.name):
        KAFKA_LOG.warning("FAIL [thrd:b:9092]: Connect to b:9092 failed")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
