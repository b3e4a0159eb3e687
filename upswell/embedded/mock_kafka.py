"""librdkafka's mock cluster in a process of its own: Kafka's protocol without Kafka, for the demo.

It starts at once and needs no Java, but keeps only about 5 MB a partition, shows aborted
transactions and not the offsets sent in them: it proves nothing about delivery. The first
members of a group get their partitions at once; every later change in the group takes the members'
`session.timeout.ms` less a second, so clients of the mock set that to a few seconds.

The process prints one line of JSON with its bootstrap servers and lives until its standard input
ends or it is told to stop, so it never outlives the program that started it.

The C interface is called directly, since the setting `test.mock.num.brokers` offers neither the
number of partitions of a topic (it creates each with four) nor a group without a first pause.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.metadata
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from consumer.vocabulary.errors import ConfigurationError

STOP_TIMEOUT_S = 5.0
# Standard input wakes the process at once; this bounds the delay where a forked copy of the parent still holds it.
PARENT_CHECK_INTERVAL_S = 1.0
RD_KAFKA_PRODUCER = 0
_ERROR_TEXT_BYTES = 512


@dataclass(frozen=True, slots=True)
class MockKafka:
    """A running mock cluster of one broker."""

    bootstrap_servers: str
    pid: int


@contextmanager
def mock_kafka(partitions_by_topic: Mapping[str, int]) -> Iterator[MockKafka]:
    """Run a mock cluster in a process of its own for the length of a with block.

    Parameters
    ----------
    partitions_by_topic : the topics to create; any other one appears with four partitions when asked for

    Raises
    ------
    ConfigurationError
        when the process ends before it serves
    """
    topics = [f"{name}:{partitions}" for name, partitions in partitions_by_topic.items()]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "upswell.embedded.mock_kafka",
            "--parent-pid",
            str(os.getpid()),
            "--topics",
            *topics,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            line = process.stdout.readline()
            if not line:
                raise ConfigurationError(
                    "The mock Kafka cluster ended before it served; its message stands above"
                )
            yield MockKafka(bootstrap_servers=json.loads(line)["bootstrap_servers"], pid=process.pid)
        finally:
            process.stdin.close()
            _wait_or_kill(process)


def _wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()


def main(arguments: list[str] | None = None) -> int:
    """Serve the topics until standard input ends, the parent is gone, or SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(
        description="librdkafka's mock Kafka cluster; lives until standard input ends."
    )
    parser.add_argument("--topics", nargs="*", default=[], metavar="NAME:PARTITIONS", type=_topic)
    parser.add_argument("--parent-pid", type=int, help="stop when this process is gone too")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # In a terminal Ctrl-C is for the program that started us; it ends our input when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN if options.parent_pid else signal.default_int_handler)
    with _cluster(dict(options.topics)) as bootstrap_servers:
        print(json.dumps({"bootstrap_servers": bootstrap_servers}), flush=True)
        _wait_until_abandoned(options.parent_pid)
    return 0


def _topic(text: str) -> tuple[str, int]:
    """Parse NAME:PARTITIONS."""
    name, _, partitions = text.rpartition(":")
    if not name or not partitions.isdigit() or int(partitions) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME:PARTITIONS with at least one partition")
    return name, int(partitions)


def _wait_until_abandoned(parent_pid: int | None) -> None:
    while parent_pid is None or os.getppid() == parent_pid:
        readable, _, _ = select.select([sys.stdin.fileno()], [], [], PARENT_CHECK_INTERVAL_S)
        if readable and not os.read(sys.stdin.fileno(), 1024):
            return


@contextmanager
def _cluster(partitions_by_topic: Mapping[str, int]) -> Iterator[str]:
    """Hold librdkafka's mock cluster inside this process and yield its bootstrap servers."""
    library = _librdkafka()
    error_text = ctypes.create_string_buffer(_ERROR_TEXT_BYTES)
    # Silent: the client would warn that it has no brokers to connect to, which is the idea.
    configuration = library.rd_kafka_conf_new()
    library.rd_kafka_conf_set(configuration, b"log_level", b"0", error_text, ctypes.sizeof(error_text))
    client = library.rd_kafka_new(RD_KAFKA_PRODUCER, configuration, error_text, ctypes.sizeof(error_text))
    if not client:
        raise ConfigurationError(f"librdkafka does not start: {error_text.value.decode()}")
    cluster = library.rd_kafka_mock_cluster_new(client, 1)
    try:
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0)
        for name, partitions in partitions_by_topic.items():
            failed = library.rd_kafka_mock_topic_create(cluster, name.encode(), partitions, 1)
            if failed:
                raise ConfigurationError(
                    f"The mock cluster refuses topic {name!r} with {partitions} partitions"
                )
        yield library.rd_kafka_mock_cluster_bootstraps(cluster).decode()
    finally:
        library.rd_kafka_mock_cluster_destroy(cluster)
        library.rd_kafka_destroy(client)


def _librdkafka() -> ctypes.CDLL:
    """Return the library that confluent-kafka brings, with the types of the functions used here.

    Raises
    ------
    ConfigurationError
        when confluent-kafka was built against a librdkafka elsewhere
    """
    files = importlib.metadata.files("confluent-kafka") or []
    paths = [Path(str(file.locate())) for file in files if file.name.startswith("librdkafka")]
    if not paths:
        raise ConfigurationError(
            "The mock Kafka cluster needs confluent-kafka from a wheel, with librdkafka inside"
        )
    library = ctypes.CDLL(str(paths[0]))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    signatures: dict[str, tuple[type | None, list[type]]] = {
        "rd_kafka_conf_new": (pointer, []),
        "rd_kafka_conf_set": (number, [pointer, text, text, text, ctypes.c_size_t]),
        "rd_kafka_new": (pointer, [number, pointer, text, ctypes.c_size_t]),
        "rd_kafka_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_new": (pointer, [pointer, number]),
        "rd_kafka_mock_cluster_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_bootstraps": (text, [pointer]),
        "rd_kafka_mock_topic_create": (number, [pointer, text, number, number]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [pointer, ctypes.c_int32]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


if __name__ == "__main__":
    sys.exit(main())
