"""The composition root: settings in, running processes out. Nothing else knows both core and adapters.

A process that is fenced builds itself anew (new producer, new membership) a bounded number of times;
everything else that it cannot go on with is raised for the command line to say.
"""

from __future__ import annotations

import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

from consumer.adapters.failpoints import (
    DECIDER_STEPS,
    DECISIONS_STEPS,
    DECODER_STEPS,
    FEED_STEPS,
    SINK_STEPS,
    SOURCE_STEPS,
    Failpoints,
    parse_failpoints,
)
from consumer.adapters.interpreter import suit_interpreter
from consumer.adapters.kafka_config import ClientConfig, abandoned_after, client_config
from consumer.adapters.kafka_decisions import KafkaDecisionLog
from consumer.adapters.kafka_reader import KafkaModelFeed
from consumer.adapters.kafka_sink import KafkaSink
from consumer.adapters.kafka_source import KafkaSource
from consumer.adapters.kafka_topics import check_topics
from consumer.adapters.lanes import SameThreadLane, ThreadLane
from consumer.adapters.redis_store import RedisStore
from consumer.adapters.system_clock import SystemClock
from consumer.adapters.telemetry import ProcessTelemetry, process_telemetry
from consumer.adapters.watched_ports import WatchedKafkaSink, watched, watched_store
from consumer.assembly import NO_SEEDS, assemble_core
from consumer.features.catalogue import FeatureCatalogue, catalogue_for
from consumer.features.layout import Layout
from consumer.pipeline.checked_policy import checked_policy
from consumer.policy.document import Policy
from consumer.ports import Lane
from consumer.runtime.learner import EXAMPLES_A_POLL_MAX, Learner, LearnerLimits, LearnerModels, LearnerPorts
from consumer.runtime.lives import live_on
from consumer.runtime.scorer import Scorer, ScorerLimits, ScorerPorts
from consumer.runtime.serving_models import ServingModels
from consumer.scoring.seeds import SeedSet, read_seeds
from consumer.settings import Settings
from consumer.vocabulary.topics import Topics

Stopping = Callable[[], bool]


def run_scorer(
    settings: Settings, *, models_frozen: bool = False, is_stopping: Stopping | None = None
) -> None:
    """Score until SIGTERM, SIGINT or `is_stopping`; the batch in hand is finished.

    Parameters
    ----------
    models_frozen : use the models of the seed bundle (or prior rates) and never swap, so that two runs
        over the same log make the same offers

    Raises
    ------
    ConfigurationError : broker, store, topics, policy or seeds are wrong; one sentence
    UpswellError : the process cannot go on; the text says why and what to do
    """
    checked = checked_policy(settings.policy)
    policy, seeds = checked.policy, _seeds(settings, checked.features)
    failpoints = _failpoints(settings)
    with _telemetry(settings, "scorer") as telemetry, _stop_signal(is_stopping) as stopping:

        def life() -> None:
            scorer = _scorer(
                settings, policy, seeds, telemetry, models_frozen=models_frozen, failpoints=failpoints
            )
            suit_interpreter()
            scorer.run(stopping)

        live_on(life, telemetry, SystemClock())


def run_learner(settings: Settings, *, is_stopping: Stopping | None = None) -> None:
    """Learn until SIGTERM, SIGINT or `is_stopping`; what was learned by then is published. Raises as above."""
    checked = checked_policy(settings.policy)
    policy, seeds = checked.policy, _seeds(settings, checked.features)
    failpoints = _failpoints(settings)
    with _telemetry(settings, "learner") as telemetry, _stop_signal(is_stopping) as stopping:
        live_on(
            lambda: _learner(settings, policy, seeds, telemetry, failpoints=failpoints).run(stopping),
            telemetry,
            SystemClock(),
        )


def _scorer(
    settings: Settings,
    policy: Policy,
    seeds: SeedSet,
    telemetry: ProcessTelemetry,
    *,
    models_frozen: bool,
    failpoints: Failpoints | None,
) -> Scorer:
    client, topics = _client(settings), Topics(settings.topic_prefix)
    n_partitions = check_topics(client, topics)
    store = RedisStore(settings.redis_url, namespace=settings.state_namespace)
    store.check()
    core = assemble_core(
        policy, n_partitions=n_partitions, seeds=seeds, topics=topics, layouts=_layouts(store, policy)
    )
    source = KafkaSource(
        client,
        topics,
        group_id=settings.group_id,
        instance_id=settings.instance_id or "",
        session_s=settings.session_seconds,
    )
    sink = _sink(settings, source, "scorer", failpoints)
    feed = None if models_frozen else KafkaModelFeed(client, topics)
    decisions = KafkaDecisionLog(client, topics, staleness_ms=policy.decision_staleness_ms)
    return Scorer(
        ports=ScorerPorts(
            watched(source, SOURCE_STEPS, failpoints),
            watched(sink, SINK_STEPS, failpoints),
            watched_store(store, failpoints),
            SystemClock(),
            telemetry,
            _lane(settings),
            watched(decisions, DECISIONS_STEPS, failpoints),
        ),
        decoder=watched(core.decoder, DECODER_STEPS, failpoints),
        decider=watched(core.pipeline, DECIDER_STEPS, failpoints),
        models=ServingModels(core.model_shape, seeds=seeds.snapshots, feed=feed, telemetry=telemetry),
        n_partitions=n_partitions,
        limits=ScorerLimits(batch_records=settings.batch_records),
        dead_letter_limit=core.dead_letter_limit,
    )


def _learner(
    settings: Settings,
    policy: Policy,
    seeds: SeedSet,
    telemetry: ProcessTelemetry,
    *,
    failpoints: Failpoints | None,
) -> Learner:
    client, topics = _client(settings), Topics(settings.topic_prefix)
    check_topics(client, topics)
    features = catalogue_for(policy.catalogue.product_ids)
    source = KafkaSource(
        client,
        topics,
        group_id=settings.learner_group_id,
        roles=("examples",),
        instance_id=f"{settings.instance_id}-learner" if settings.instance_id else "",
        session_s=settings.session_seconds,
    )
    sink = _sink(settings, source, "learner", failpoints)
    feed = KafkaModelFeed(client, topics)
    return Learner(
        ports=LearnerPorts(
            watched(source, SOURCE_STEPS, failpoints),
            watched(sink, SINK_STEPS, failpoints),
            watched(feed, FEED_STEPS, failpoints),
            SystemClock(),
            telemetry,
        ),
        models=LearnerModels(
            policy.catalogue.model_ids, features.input_names, features.fingerprint, seeds.snapshots
        ),
        topics=topics,
        limits=LearnerLimits(
            batch_records=min(settings.batch_records, EXAMPLES_A_POLL_MAX),
            publish_examples=settings.snapshot_examples,
            publish_s=settings.snapshot_seconds,
        ),
    )


def _sink(settings: Settings, source: KafkaSource, role: str, failpoints: Failpoints | None) -> KafkaSink:
    client = {**_client(settings), **abandoned_after(settings.session_seconds)}
    topics, name = Topics(settings.topic_prefix), _transactional_id(settings, role)
    if failpoints is None:
        return KafkaSink(client, topics, source=source, transactional_id=name)
    return WatchedKafkaSink(client, topics, source=source, transactional_id=name, failpoints=failpoints)


def _failpoints(settings: Settings) -> Failpoints | None:
    """Return the steps at which this process harms itself; None, and nothing in the way, outside of tests."""
    return None if settings.failpoint is None else Failpoints(parse_failpoints(settings.failpoint))


def _seeds(settings: Settings, features: FeatureCatalogue) -> SeedSet:
    if settings.seeds is None:
        return NO_SEEDS
    return read_seeds(
        settings.seeds,
        input_names=features.input_names,
        fingerprint=features.fingerprint,
        feature_names=features.names,
    )


def _client(settings: Settings) -> ClientConfig:
    return {**client_config(settings.kafka_bootstrap_servers), **settings.kafka_client()}


def _lane(settings: Settings) -> Lane:
    """Offsets outside a transaction are committed by the source, which belongs to the loop's thread."""
    return SameThreadLane() if settings.delivery == "at_least_once" else ThreadLane("publisher")


def _layouts(store: RedisStore, policy: Policy) -> dict[str, Layout]:
    """Remember today's record layout, and return every layout that the store has records of."""
    current = catalogue_for(policy.catalogue.product_ids).layout
    store.remember_layout(current.fingerprint, current.to_json())
    return {fingerprint: Layout.from_json(text) for fingerprint, text in store.layouts().items()}


def _transactional_id(settings: Settings, role: str) -> str | None:
    """One name a process. With a fixed instance id a restart ends what its former life left open at once."""
    if settings.delivery == "at_least_once":
        return None
    return f"{settings.topic_prefix}{settings.group_id}-{role}-{settings.instance_id or uuid.uuid4()}"


@contextmanager
def _stop_signal(is_stopping: Stopping | None) -> Iterator[Stopping]:
    """Turn SIGTERM and SIGINT into a question that the loop asks between two batches."""
    asked = threading.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    former = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: asked.is_set() or (is_stopping is not None and is_stopping())
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _telemetry(settings: Settings, role: str) -> AbstractContextManager[ProcessTelemetry]:
    return process_telemetry(role, log_level=settings.log_level, metrics_port=settings.metrics_port)
