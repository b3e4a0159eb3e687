"""The compose file without a container engine: every service's own command, with its own environment.

What is taken on trust is what an engine does: pulling images, mounting volumes, resolving names. Names are
rewritten to the services of this machine; all else is started, asked for its health and stopped as the
file says. Kafka and Redis are started with the file's settings too.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from confluent_kafka import Consumer, TopicPartition
from redis import Redis

from consumer.vocabulary.topics import Topics
from upswell.embedded.free_ports import LOOPBACK, free_port
from upswell.embedded.jars import java_command, kafka_jars
from upswell.embedded.kafka import KafkaBroker, real_kafka
from upswell.embedded.redis import RedisServer, real_redis

ROOT: Final = Path(__file__).resolve().parents[2]
COMPOSE: Final = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
OURS: Final = sorted(name for name, service in SERVICES.items() if "build" in service)

WITHIN_S: Final = 60.0
STOPPED_WITHIN_S: Final = 30.0
ASK_EVERY_S: Final = 0.3

Rewrite = Callable[[str], str]


def depends_on(name: str) -> dict[str, dict[str, str]]:
    """The services that must be there before this one, with the condition of each."""
    return SERVICES[name].get("depends_on") or {}


def in_order() -> list[str]:
    """Our services in the order in which an engine would start them."""
    order = TopologicalSorter({name: depends_on(name) for name in SERVICES}).static_order()
    return [name for name in order if name in OURS]


def is_one_shot(name: str) -> bool:
    """Whether others wait for its end instead of its health."""
    conditions = {depends_on(other).get(name, {}).get("condition") for other in SERVICES}
    return "service_completed_successfully" in conditions


def port_of_health(name: str) -> str:
    """The port in the service's environment that its health check asks."""
    return str(SERVICES[name]["environment"]["UPSWELL_METRICS_PORT"])


@dataclass
class Running:
    """One process of one service."""

    name: str
    process: subprocess.Popen[bytes]
    environment: Mapping[str, str]
    rewrite: Rewrite
    log_file: Path
    directory: Path

    def wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        """Ask until the answer is yes; fail when the process ends before, or it takes too long."""
        for _ in range(int(WITHIN_S / ASK_EVERY_S)):
            if is_so():
                return
            try:
                code = self.process.wait(ASK_EVERY_S)
            except subprocess.TimeoutExpired:
                continue
            pytest.fail(f"{self.name} ended with exit code {code} before {what}:\n{self.log()}")
        pytest.fail(f"{self.name}: not {what} within {WITHIN_S:.0f} s:\n{self.log()}")

    def is_healthy(self) -> bool:
        """Run the health check of the file once."""
        words = [self.rewrite(word) for word in SERVICES[self.name]["healthcheck"]["test"]]
        assert words[0] == "CMD"
        run = subprocess.run(
            words[1:], env=self.environment, cwd=self.directory, capture_output=True, check=False, timeout=30
        )
        return run.returncode == 0

    def stop(self) -> int:
        """SIGTERM, as `docker compose stop` does; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{self.name} did not stop within {STOPPED_WITHIN_S:.0f} s:\n{self.log()}")

    def log(self) -> str:
        """What it printed."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")[-8_000:]


@dataclass
class Composition:
    """Starts services as the file says, on the broker and Redis of this machine."""

    bootstrap_servers: str
    redis_port: int
    directory: Path
    _stack: ExitStack
    _started: list[Running] = field(default_factory=list)

    def start(self, name: str) -> Running:
        """Start one process of a service."""
        service = SERVICES[name]
        rewrite = self._rewrite_for(name)
        bin_directory = Path(sys.executable).parent
        environment = {
            "PATH": f"{bin_directory}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.directory),
            **{key: rewrite(str(value)) for key, value in service["environment"].items()},
        }
        log_file = self.directory / f"{name}-{len(self._started)}.log"
        command = [str(bin_directory / "upswell"), *(rewrite(word) for word in service["command"])]
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._stack.callback(_end, process)
        running = Running(name, process, environment, rewrite, log_file, self.directory)
        self._started.append(running)
        return running

    def run_to_end(self, name: str) -> None:
        """Run a one-shot service; it must end with exit code 0."""
        running = self.start(name)
        code = running.process.wait(WITHIN_S)
        assert code == 0, running.log()

    def count(self, role: str) -> int:
        """How many offsets the topic of a role has used."""
        reader = Consumer({"bootstrap.servers": self.bootstrap_servers, "group.id": "onlooker"})
        try:
            name = Topics().name(role)
            numbers = reader.list_topics(name, timeout=10.0).topics[name].partitions
            bounds = [reader.get_watermark_offsets(TopicPartition(name, number)) for number in numbers]
            return sum(high for _, high in bounds)
        finally:
            reader.close()

    def _rewrite_for(self, name: str) -> Rewrite:
        """Return what turns names of the file into places of this machine; a free port for each process."""
        replacements = {
            "kafka:19092": self.bootstrap_servers,
            "redis:6379": f"{LOOPBACK}:{self.redis_port}",
            "/etc/upswell/": f"{ROOT / 'deploy'}/",
        }
        if "healthcheck" in SERVICES[name]:
            replacements[port_of_health(name)] = str(free_port())

        def rewrite(text: str) -> str:
            for there, here in replacements.items():
                text = text.replace(there, here)
            return text

        return rewrite


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


@pytest.fixture
def composition(kafka_broker: KafkaBroker, clean_redis: RedisServer, tmp_path: Path) -> Iterator[Composition]:
    with ExitStack() as stack:
        yield Composition(kafka_broker.bootstrap_servers, clean_redis.port, tmp_path, stack)


# ---------------------------------------------------------------- what can be read off the file


def test_every_condition_of_a_dependency_can_be_met() -> None:
    for name in SERVICES:
        for other, wanted in depends_on(name).items():
            condition = wanted["condition"]
            assert condition != "service_healthy" or "healthcheck" in SERVICES[other], (name, other)
            assert condition != "service_completed_successfully" or SERVICES[other]["restart"] == "no"


def test_every_image_is_pinned_to_a_version() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    images = [service["image"] for service in SERVICES.values()]
    images += re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    assert all(re.search(r":\d+\.\d+\.\d+", image) for image in images), images


def test_our_services_run_the_command_that_the_image_starts() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert 'ENTRYPOINT ["upswell"]' in dockerfile
    assert re.search(r"^USER (?!root)", dockerfile, re.MULTILINE)
    assert all("entrypoint" not in SERVICES[name] for name in OURS)


def test_what_the_image_is_made_of_is_not_ignored_by_the_builder() -> None:
    kept = {
        line.removeprefix("!").split("/")[0]
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    copied: set[str] = set()
    for line in re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE):
        words = [word for word in line.split() if not word.startswith("--")]
        copied |= {word.split("/")[0] for word in words[:-1]}
    assert copied == kept
    assert all((ROOT / name).exists() for name in kept)


# ---------------------------------------------------------------- services around us, with their settings


def test_kafka_starts_with_the_settings_of_the_file_and_passes_its_health_check(
    kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    service = SERVICES["kafka"]
    ports = {port: str(free_port()) for port in ("9092", "19092", "29093")}

    def rewrite(text: str) -> str:
        text = re.sub(r"\b(kafka|localhost):", f"{LOOPBACK}:", text).replace("://:", f"://{LOOPBACK}:")
        return re.sub(r":(\d+)\b", lambda found: ":" + ports.get(found[1], found[1]), text)

    settings = {
        key.removeprefix("KAFKA_").lower().replace("_", "."): rewrite(str(value))
        for key, value in service["environment"].items()
        if key.startswith("KAFKA_") and key != "KAFKA_LOG_DIRS"
    }
    with real_kafka(tmp_path, port=int(ports["19092"]), broker_settings=settings) as broker:
        script, *words = service["healthcheck"]["test"][1:]
        assert script == "/opt/kafka/bin/kafka-broker-api-versions.sh"
        tool = "org.apache.kafka.tools.BrokerApiVersionsCommand"
        command = [java_command(), "-cp", str(kafka_jars() / "*"), tool, *map(rewrite, words)]
        run = subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)
        assert run.returncode == 0, run.stderr + broker.log_file.read_text(encoding="utf-8")


def test_redis_starts_with_the_options_of_the_file(redis_server: RedisServer, tmp_path: Path) -> None:
    program, *options = SERVICES["redis"]["command"]
    assert program == "redis-server"
    assert SERVICES["redis"]["healthcheck"]["test"] == ["CMD", "redis-cli", "ping"]
    with real_redis(tmp_path, server_options=tuple(options)) as server, Redis(port=server.port) as client:
        wanted = dict(zip((name.removeprefix("--") for name in options[::2]), options[1::2], strict=True))
        held = {name: client.config_get(name)[name] for name in wanted}
        assert held == wanted
        assert client.ping()


# ---------------------------------------------------------------- our services


def test_every_service_comes_up_in_order_works_and_stops_on_sigterm(composition: Composition) -> None:
    running: list[Running] = []
    for name in in_order():
        if is_one_shot(name):
            composition.run_to_end(name)
            continue
        replicas = SERVICES[name].get("deploy", {}).get("replicas", 1)
        started = [composition.start(name) for _ in range(replicas)]
        for one in started:
            if "healthcheck" in SERVICES[name]:
                one.wait_until(one.is_healthy, "healthy")
        running += started
    simulator = running[-1]
    assert simulator.name == "simulator"
    simulator.wait_until(lambda: composition.count("decisions") > 0, "answered by decisions")
    codes = {f"{one.name} {one.process.pid}": one.stop() for one in reversed(running)}
    assert set(codes.values()) == {0}, "\n".join([str(codes), *(one.log() for one in running)])


def test_the_health_check_is_red_while_nothing_runs(composition: Composition) -> None:
    for name in OURS:
        if "healthcheck" in SERVICES[name]:
            stopped = composition.start(name)
            stopped.process.kill()
            stopped.process.wait()
            assert not stopped.is_healthy()
