"""`upswell demo`: everything on one machine."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Kafka(StrEnum):
    """Which broker the demo starts."""

    EMBEDDED = "embedded"
    REAL = "real"


def demo(
    *,
    kafka: Annotated[
        Kafka, typer.Option(help="embedded: librdkafka's mock cluster; real: Apache Kafka, needs Java 17.")
    ] = Kafka.EMBEDDED,
) -> None:
    """Show a whole bank on this machine, from history to learned offers, in about two minutes.

    Example: upswell demo --kafka real
    """
    from upswell.demo import run_demo

    run_demo(real_broker=kafka is Kafka.REAL)
