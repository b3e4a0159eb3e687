"""How many events a second the scorer does, with what is in a log already: the most it can do.

The log holds the profiles and the events. The rate is taken from the tenth of the events on, when
everything is warm, to the last, over what has been committed.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from redis import Redis

from benchmarks.progress import Committed, MeasurementFailed, Rate, steady_rate, watch
from benchmarks.services import Role, Services, many_events, publish, role
from benchmarks.synthetic_events import Load, profiles
from consumer.adapters.kafka_log import KAFKA_LOG
from consumer.vocabulary.topics import Topics
from consumer.vocabulary.words import DecisionResult

WARM_SHARE: Final = 0.1
SIZES_SAMPLED: Final = 500
VALUES_SAMPLED: Final = 200
SAMPLE_TIMEOUT_S: Final = 5.0
RESULTS: Final[tuple[str, ...]] = get_args(DecisionResult)
EVENT_ROLES: Final = ("customers", "transactions", "interactions")


@dataclass(frozen=True, slots=True)
class Log:
    """An event log in the broker: the profiles first, then the events."""

    topics: Topics
    n_profiles: int
    n_events: int

    @property
    def warm_count(self) -> int:
        """Records after which the rate is taken."""
        return self.n_profiles + int(self.n_events * WARM_SHARE)

    @property
    def end_count(self) -> int:
        """All records."""
        return self.n_profiles + self.n_events


@dataclass(frozen=True, slots=True)
class Published:
    """What a scorer wrote to one topic: a sample of its records, and one of how many events led to one."""

    topic: str
    values: list[str]
    one_in: int


@dataclass(frozen=True, slots=True)
class ScorerRun:
    """One run of a scorer over a log.

    decision_share, offer_share : of the events
    record_bytes : mean size of a stored customer record
    bytes_per_customer : of Redis, everything included
    published : decisions and offers
    """

    rate: Rate
    decision_share: float
    offer_share: float
    record_bytes: float
    bytes_per_customer: float
    published: Sequence[Published]


def write_log(services: Services, prefix: str, load: Load, *, products: tuple[str, ...]) -> Log:
    """Write profiles and events to new topics."""
    topics = services.new_topics(prefix)
    n_profiles = publish(services, topics, profiles(load))
    return Log(topics, n_profiles, publish(services, topics, many_events(load, products=products)))


def run_scorer(
    services: Services, log: Log, name: str, *, policy: Path, settings: Mapping[str, str] | None = None
) -> ScorerRun:
    """Run a scorer of its own group over the whole log, from an empty Redis.

    Raises
    ------
    MeasurementFailed : it ended or stood still
    """
    services.forget_all()
    empty_bytes = services.used_memory()
    told = scorer_settings(log.topics, name, policy) | dict(settings or {})
    with (
        Committed(services.servers, log.topics, group_id=name, roles=EVENT_ROLES) as committed,
        role(services, "score", told) as scorer,
    ):
        samples = watch(committed.sample, scorer, to_count=log.end_count)
        scorer.check()
        decisions, offers = decided(scorer)
    rate = steady_rate(samples, from_count=log.warm_count, to_count=log.end_count)
    return ScorerRun(
        rate=rate,
        decision_share=decisions / log.n_events,
        offer_share=offers / log.n_events,
        record_bytes=mean_record_bytes(services),
        bytes_per_customer=(services.used_memory() - empty_bytes) / log.n_profiles,
        published=[
            _published(services, log.topics.name(output), log.n_events / count)
            for output, count in (("decisions", decisions), ("offers", offers))
            if count
        ],
    )


def _published(services: Services, topic: str, events_each: float) -> Published:
    """Return a sample of what stands first on a partition of a topic."""
    reader = Consumer(
        {"bootstrap.servers": services.servers, "group.id": "unused", "isolation.level": "read_committed"},
        logger=KAFKA_LOG,
    )
    reader.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    records = reader.consume(VALUES_SAMPLED, SAMPLE_TIMEOUT_S)
    reader.close()
    values = [(record.value() or b"").decode() for record in records if record.error() is None]
    if not values:
        raise MeasurementFailed(f"nothing can be read of {topic}, to which a scorer has published")
    return Published(topic, values, round(events_each))


def scorer_settings(topics: Topics, name: str, policy: Path) -> dict[str, str]:
    """Return the settings of a scorer of a group of its own."""
    return {"topic_prefix": topics.prefix, "group_id": name, "instance_id": name, "policy": str(policy)}


def decided(scorer: Role) -> tuple[int, int]:
    """Return how many decisions a scorer has made, and how many of them made an offer."""
    counts = scorer.metrics()
    made = {result: counts.get(f'upswell_decisions_total{{kind="{result}"}}', 0.0) for result in RESULTS}
    return int(sum(made.values())), int(made["offered"])


def mean_record_bytes(services: Services) -> float:
    """Return the mean size of a sample of the stored customer records."""
    with Redis.from_url(services.redis.url) as client:
        names = [name for name, _ in zip(client.scan_iter("*:c:*", count=1_000), range(20_000), strict=False)]
        sample = random.Random(1).sample(names, min(SIZES_SAMPLED, len(names)))
        total = sum(int(client.strlen(name)) for name in sample)
    return total / max(len(sample), 1)
