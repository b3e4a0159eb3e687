"""What every Kafka client of the service is told: where the brokers are, and how to get in.

Rules of this file: plain dictionaries; no client library. Values of librdkafka, chosen for the promise
(acks, idempotence, isolation) and for latency, each with its reason beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from consumer.vocabulary.errors import ConfigurationError

ClientConfig = dict[str, str | int | bool]

START_TIMEOUT_S: Final = 5.0
"""A wrong address is said within ten seconds, of which a process takes two to start, four on a busy machine."""

ANSWER_TIMEOUT_S: Final = 10.0
"""How long one request to a running cluster may take before the loops back off."""

SECURITY_SETTINGS: Final[Mapping[str, str]] = {
    "protocol": "security.protocol",
    "ca_file": "ssl.ca.location",
    "certificate_file": "ssl.certificate.location",
    "key_file": "ssl.key.location",
    "key_password": "ssl.key.password",
    "sasl_mechanism": "sasl.mechanism",
    "username": "sasl.username",
    "password": "sasl.password",
}
"""Our name of a security setting → librdkafka's."""

_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_SASL_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def client_config(
    bootstrap_servers: str, *, security: Mapping[str, str] | None = None, client_id: str = "upswell"
) -> ClientConfig:
    """Return what producers, consumers and the admin client share.

    Parameters
    ----------
    bootstrap_servers : host:port, several separated by commas
    security : by our names (`SECURITY_SETTINGS`); empty values count as not set
    client_id : name in the broker's logs and quotas

    Raises
    ------
    ConfigurationError : a security setting is unknown or does not fit the others

    Examples
    --------
    >>> client_config("broker:9092", security={"protocol": "SSL"})["security.protocol"]
    'SSL'
    """
    if not bootstrap_servers.strip():
        raise ConfigurationError("No Kafka bootstrap servers are given: name at least one host:port")
    return {
        "bootstrap.servers": bootstrap_servers,
        "client.id": client_id,
        "socket.connection.setup.timeout.ms": 5_000,
        "socket.keepalive.enable": True,
        "reconnect.backoff.max.ms": 2_000,  # a broker that restarts is found again within seconds
        # When no broker answers, the client would else forget them all and begin anew, and a transaction that
        # is sending its offsets then waits for ever, whatever its timeout (confluentinc/librdkafka issue 5511).
        "metadata.recovery.strategy": "none",
        **_security({name: value for name, value in (security or {}).items() if value}),
    }


MESSAGE_TIMEOUT_MS: Final = 10_000
SESSION_S: Final = 10.0
"""Silence after which a process counts as dead."""


def consumer_config(
    client: ClientConfig, *, group_id: str, instance_id: str = "", session_s: float = SESSION_S
) -> ClientConfig:
    """Return the configuration of a group member.

    Parameters
    ----------
    session_s : silence after which a member's partitions are given to others
    instance_id : static membership: a member that restarts under the same name within the session
        timeout gets its partitions back without a rebalance
    """
    config: ClientConfig = {
        **client,
        "group.id": group_id,
        # Partition p of every topic comes to the same member.
        "partition.assignment.strategy": "range",
        # The store holds the position; Kafka's committed offset moves with the published records only.
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        # An offset that the log does not have is for a person to decide, never for a reset.
        "auto.offset.reset": "error",
        # How the merge learns that a role is read to its end when control records follow.
        "enable.partition.eof": True,
        # The end of an idle role is known after at most this long; a broker with data answers at once.
        "fetch.wait.max.ms": 50,
        # The default second would be a gap in the stream each time the queue was full.
        "fetch.queue.backoff.ms": 5,
        "queued.min.messages": 20_000,
        "queued.max.messages.kbytes": 65_536,
        # A crashed member's partitions are free after this long; four lost heartbeats in a row are no accident.
        "session.timeout.ms": round(session_s * 1_000),
        "heartbeat.interval.ms": round(session_s * 200),
    }
    return {**config, "group.instance.id": instance_id} if instance_id else config


def abandoned_after(session_s: float) -> ClientConfig:
    """Return, for a producer's `client`, when the broker aborts a transaction that nobody ends.

    Longer than the silence after which the process counts as dead, so that a slow one is not cut off.
    """
    left_ms = round(session_s * 1_500)
    # The client refuses to wait for a record's delivery longer than for its transaction.
    return {"transaction.timeout.ms": left_ms, "message.timeout.ms": min(MESSAGE_TIMEOUT_MS, left_ms)}


def producer_config(client: ClientConfig, *, transactional_id: str | None) -> ClientConfig:
    """Return the configuration of a producer; transactional where an id is given.

    Parameters
    ----------
    client : from `client_config`, perhaps with `abandoned_after`
    """
    config: ClientConfig = {
        **client,
        "acks": "all",
        "enable.idempotence": True,
        # As Kafka's Java producer, so that a customer's records agree on the partition.
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 0,  # the first records are on their way while the rest of the batch is queued
        # A transaction that begins while the markers of the one before are still being written is told to
        # try again; the default of 100 ms would be the time of every transaction under load.
        "retry.backoff.ms": 1,
        "message.timeout.ms": client.get("message.timeout.ms", MESSAGE_TIMEOUT_MS),
        "delivery.report.only.error": True,
        "queue.buffering.max.messages": 500_000,
        "queue.buffering.max.kbytes": 262_144,
    }
    if transactional_id is None:
        return config
    # The broker aborts what a dead producer left open after this long; until then its partitions' stable
    # offsets stand still, for readers and for whoever takes the partitions over.
    return {**abandoned_after(SESSION_S), **config, "transactional.id": transactional_id}


def _security(settings: Mapping[str, str]) -> ClientConfig:
    unknown = sorted(set(settings) - set(SECURITY_SETTINGS))
    if unknown:
        raise ConfigurationError(
            f"Unknown Kafka security setting {unknown[0]}; known are {', '.join(SECURITY_SETTINGS)}"
        )
    protocol = settings.get("protocol", "PLAINTEXT").upper()
    if protocol not in _PROTOCOLS:
        raise ConfigurationError(f"Kafka security protocol {protocol} is none of {', '.join(_PROTOCOLS)}")
    _check_sasl(protocol, settings)
    named: ClientConfig = {SECURITY_SETTINGS[name]: value for name, value in settings.items()}
    return {**named, "security.protocol": protocol} if settings else named


def _check_sasl(protocol: str, settings: Mapping[str, str]) -> None:
    given = sorted(name for name in ("sasl_mechanism", "username", "password") if name in settings)
    if not protocol.startswith("SASL"):
        if given:
            raise ConfigurationError(
                f"Kafka security setting {given[0]} needs protocol SASL_SSL, not {protocol}"
            )
        return
    if len(given) < 3:
        raise ConfigurationError(
            f"Kafka security protocol {protocol} needs sasl_mechanism, username and password"
        )
    if settings["sasl_mechanism"] not in _SASL_MECHANISMS:
        raise ConfigurationError(
            f"Kafka SASL mechanism {settings['sasl_mechanism']} is none of {', '.join(_SASL_MECHANISMS)}"
        )
