"""A real Apache Kafka broker as a child process: one KRaft node, broker and controller in one.

For the tests, and for the demo on request. The smallest settings that keep what delivery needs
(transactions, consumer groups, compaction) and start in about two seconds.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from consumer.vocabulary.errors import ConfigurationError
from upswell.embedded.free_ports import LOOPBACK, free_port, is_listening
from upswell.embedded.jars import java_command, kafka_jars
from upswell.embedded.service import RunningService, Service

# Any 16 bytes in base64 will do: nothing else ever joins this cluster.
CLUSTER_ID = "dXBzd2VsbC11cHN3ZWxsLQ"
FORMAT_TIMEOUT_S = 60.0
METADATA_TIMEOUT_S = 5.0
_QUICK_JVM = ("-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Quick at once instead of quickest after minutes: with both compilers a broker on two cores spends the first
minutes compiling, and its transactions wait for it."""


@dataclass(frozen=True, slots=True)
class KafkaBroker(RunningService):
    """A running broker; what the page cache holds survives `kill`."""

    bootstrap_servers: str
    data_dir: Path


def real_kafka(
    data_dir: Path, *, port: int | None = None, broker_settings: Mapping[str, str] | None = None
) -> KafkaBroker:
    """Start a single-node Kafka broker on this machine and return it once it answers.

    Parameters
    ----------
    data_dir : empty or new directory, or one of an earlier broker, whose data are then used again
    port : of the clients' listener, a free one by default
    broker_settings : entries of server.properties that replace the ones chosen here

    Raises
    ------
    ConfigurationError
        when Java or the jars are missing (the text says what to install), or the broker fails to start
    """
    java, classpath = java_command(), str(kafka_jars() / "*")
    data_dir.mkdir(parents=True, exist_ok=True)
    broker_port, controller_port = port or free_port(), free_port()
    properties = data_dir / "server.properties"
    settings = {**_server_properties(data_dir, broker_port, controller_port), **(broker_settings or {})}
    properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()), encoding="utf-8")
    if not (data_dir / "log" / "meta.properties").exists():
        _format_storage([java, *_QUICK_JVM, "-cp", classpath], properties)
    service = Service(
        name="Kafka",
        port=broker_port,
        command=(
            *(java, *_QUICK_JVM, "-Xmx512m", "-Dlog4j2.level=WARN", "-cp", classpath),
            "kafka.Kafka",
            str(properties),
        ),
        log_file=data_dir / "broker.log",
        is_ready=lambda: _answers(broker_port),
        environment={"LC_ALL": "C.UTF-8"},
    )
    service.start()
    return KafkaBroker(bootstrap_servers=f"{LOOPBACK}:{broker_port}", data_dir=data_dir, service=service)


def _server_properties(data_dir: Path, broker_port: int, controller_port: int) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{broker_port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{broker_port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data_dir / "log"),
        # A wrong topic name must fail, as it does in production.
        "auto.create.topics.enable": "false",
        # One node: one replica is all there can be. Few partitions: each is a directory at first use.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # The pause is for groups whose members start minutes apart; here it would only be waiting.
        "group.initial.rebalance.delay.ms": "0",
        # Killed members must be missed soon in crash tests, whatever session they ask for.
        "group.min.session.timeout.ms": "1000",
        # A killed broker that starts again must wait until its former self counts as gone (9 s by default);
        # still long enough that a starved test machine does not fence a living one.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # Transactions of a killed producer that never comes back end soon after their timeout.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
        "log.cleaner.dedupe.buffer.size": str(4 * 1024 * 1024),
    }


def _format_storage(java: list[str], properties: Path) -> None:
    """Write meta.properties and the first metadata, with the features of this Kafka version."""
    run = subprocess.run(
        [*java, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=FORMAT_TIMEOUT_S,
        check=False,
        text=True,
    )
    if run.returncode != 0:
        raise ConfigurationError(f"Kafka's data directory could not be formatted:\n{run.stdout.strip()}")


def _answers(port: int) -> bool:
    """Return whether the broker serves metadata with itself in it, not only accepts connections."""
    if not is_listening(port):
        return False
    try:
        metadata = AdminClient({"bootstrap.servers": f"{LOOPBACK}:{port}", "log_level": "0"}).list_topics(
            timeout=METADATA_TIMEOUT_S
        )
    except KafkaException:
        return False
    return bool(metadata.brokers)
