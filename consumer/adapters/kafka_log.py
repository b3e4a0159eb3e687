"""Where librdkafka's own log lines go: through Python's logging, never to the terminal by themselves."""

from __future__ import annotations

import logging
from typing import Final

KAFKA_LOG: Final = logging.getLogger("upswell.kafka")

ROUTINE: Final = ("Coordinator load in progress", "Coordinator not available", "Not coordinator")
"""What a client says while a coordinator moves or starts; it asks again by itself, so nobody has to act."""


def _calmed(record: logging.LogRecord) -> bool:
    """Make routine lines debug lines; return whether the level of today lets the record through."""
    if any(text in record.getMessage() for text in ROUTINE):
        record.levelno, record.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
    return KAFKA_LOG.isEnabledFor(record.levelno)


KAFKA_LOG.addFilter(_calmed)
