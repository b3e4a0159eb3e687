"""Topics as the service needs them: create them, and refuse to start when they do not fit.

All input topics have the same number of partitions, because partition p of each of them belongs to
one owner; a topic that is missing is never made silently by writing to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata
from confluent_kafka.cimpl import NewTopic

from consumer.adapters.kafka_config import ANSWER_TIMEOUT_S, START_TIMEOUT_S, ClientConfig
from consumer.adapters.kafka_errors import kafka_error, translated
from consumer.adapters.kafka_log import KAFKA_LOG
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.topics import COMPACTED_ROLES, INPUT_ROLES, OUTPUT_ROLES, Topics

ALL_ROLES: Final = (*INPUT_ROLES, *OUTPUT_ROLES)

_COMPACTED: Final = {
    "cleanup.policy": "compact",
    # A deleted customer's null value must reach every reader before it may disappear: a month to catch up.
    "delete.retention.ms": str(30 * 86_400_000),
}
_KEPT: Final = {
    # Kafka counts retention from a record's timestamp, which is bank time: of a replayed or simulated past,
    # the broker's default of a week would delete records before they are read. Who needs the disk sets it.
    "retention.ms": "-1",
}
_SAFE_REPLICATION: Final = 3


def create_topics(
    client: ClientConfig,
    topics: Topics,
    *,
    partitions: int,
    output_partitions: int | None = None,
    replication: int = 1,
) -> list[str]:
    """Create the topics that are missing, and return their names.

    Parameters
    ----------
    partitions : of each input topic
    output_partitions : of each other topic; as many as the input topics when None

    Raises
    ------
    ConfigurationError : the broker does not answer, refuses, or has topics that do not fit (see `check_topics`)
    """
    admin = AdminClient(dict(client), logger=KAFKA_LOG)
    existing = _metadata(admin, client).topics
    count_of = dict.fromkeys(ALL_ROLES, output_partitions or partitions)
    count_of |= dict.fromkeys(INPUT_ROLES, partitions)
    wanted = [_new_topic(topics, role, count, replication) for role, count in count_of.items()]
    missing = [topic for topic in wanted if topic.topic not in existing]
    created = []
    for name, done in (
        admin.create_topics(missing, operation_timeout=ANSWER_TIMEOUT_S).items() if missing else ()
    ):
        try:
            done.result(timeout=ANSWER_TIMEOUT_S)
            created.append(name)
        except KafkaException as error:
            _accept_existing(kafka_error(error), name)
    _wait_for_leaders(admin, client, created)
    found = check_topics(client, topics)
    if found != partitions:
        raise ConfigurationError(
            f"The topics have {found} partitions, not {partitions}: customers would move between owners; use "
            f"{found}, or another topic prefix"
        )
    return sorted(created)


def check_topics(client: ClientConfig, topics: Topics, *, roles: Iterable[str] = ALL_ROLES) -> int:
    """Make sure that the topics are there and fit, and return the partitions of each input topic.

    Raises
    ------
    ConfigurationError : the broker does not answer, a topic is missing, or input topics differ in partitions
    """
    roles = tuple(roles)
    counts = _partition_counts(AdminClient(dict(client), logger=KAFKA_LOG), client)
    missing = [topics.name(role) for role in roles if topics.name(role) not in counts]
    if missing:
        raise ConfigurationError(
            f"Topics are missing on {client['bootstrap.servers']}: {', '.join(missing)}; create them with "
            f"`upswell topics create`"
        )
    inputs = {topics.name(role): counts[topics.name(role)] for role in roles if role in INPUT_ROLES}
    if len(set(inputs.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in inputs.items())
        raise ConfigurationError(f"All input topics need the same number of partitions, but have: {listed}")
    return next(iter(inputs.values()), 0)


def _partition_counts(admin: AdminClient, client: ClientConfig) -> Mapping[str, int]:
    return {
        name: len(topic.partitions)
        for name, topic in _metadata(admin, client).topics.items()
        if topic.error is None
    }


def _metadata(admin: AdminClient, client: ClientConfig) -> ClusterMetadata:
    try:
        return admin.list_topics(timeout=START_TIMEOUT_S)
    except KafkaException as error:
        raise ConfigurationError(
            f"No Kafka broker answers at {client['bootstrap.servers']}: {kafka_error(error).str()}"
        ) from error


def _new_topic(topics: Topics, role: str, partitions: int, replication: int) -> NewTopic:
    config = dict(_COMPACTED) if role in COMPACTED_ROLES else dict(_KEPT)
    if replication >= _SAFE_REPLICATION:
        config["min.insync.replicas"] = "2"
    return NewTopic(topics.name(role), partitions, replication, config=config)


def _accept_existing(error: KafkaError, name: str) -> None:
    """Two processes may create the topics at the same time."""
    if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
        raise ConfigurationError(str(translated(error, f"create the topic {name}"))) from None


def _wait_for_leaders(admin: AdminClient, client: ClientConfig, names: list[str]) -> None:
    """Return when every new partition has a leader, which takes the broker some milliseconds."""
    for _ in range(100):
        known = _metadata(admin, client).topics
        leaders = [p.leader for name in names if name in known for p in known[name].partitions.values()]
        if all(name in known for name in names) and all(leader >= 0 for leader in leaders):
            return
        admin.poll(0.05)
    raise ConfigurationError(f"The new topics {', '.join(names)} have no leaders yet: try again in a while")
