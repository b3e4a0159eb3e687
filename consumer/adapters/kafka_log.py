"""Where librdkafka's own log lines go: through Python's logging, never to the terminal by themselves."""

from __future__ import annotations

import logging
from typing import Final

KAFKA_LOG: Final = logging.getLogger("upswell.kafka")
