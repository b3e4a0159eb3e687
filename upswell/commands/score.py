"""`upswell score`: one scorer of the group."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from upswell.commands.seeds_option import SeedsOption, with_seeds
from upswell.commands.setup import settings


class Models(StrEnum):
    """Whether a scorer takes the models that the learner publishes."""

    LIVE = "live"
    FROZEN = "frozen"


def score(
    *,
    models: Annotated[
        Models,
        typer.Option(
            help="live: take each model as it is published; frozen: keep the given ones, so that "
            "two runs over the same log make the same offers."
        ),
    ] = Models.LIVE,
    seeds: SeedsOption = None,
) -> None:
    """Read the bank's events, keep the customers' features, decide and publish offers.

    Start as many as there are partitions. Stops on SIGTERM after the batch in hand.

    Example: UPSWELL_KAFKA_BOOTSTRAP_SERVERS=kafka:9092 UPSWELL_REDIS_URL=redis://redis:6379 upswell score
    """
    told = with_seeds(settings(), seeds)
    from consumer.app import run_scorer

    run_scorer(told, models_frozen=models is Models.FROZEN)
