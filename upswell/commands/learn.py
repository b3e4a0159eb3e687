"""`upswell learn`: the learner."""

from __future__ import annotations

from upswell.commands.seeds_option import SeedsOption, with_seeds
from upswell.commands.setup import settings


def learn(*, seeds: SeedsOption = None) -> None:
    """Learn from each matured outcome and publish the models to the scorers.

    Stops on SIGTERM after publishing what was learned.

    Example: UPSWELL_KAFKA_BOOTSTRAP_SERVERS=kafka:9092 upswell learn
    """
    told = with_seeds(settings(), seeds)
    from consumer.app import run_learner

    run_learner(told)
