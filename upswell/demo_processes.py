"""Scorer and learner of the demo: the commands that a bank runs, with the demo's environment."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consumer.adapters.kafka_config import client_config
from consumer.adapters.kafka_reader import KafkaModelFeed
from consumer.vocabulary.messages import ModelSnapshot
from consumer.vocabulary.topics import Topics
from upswell.embedded.free_ports import free_port
from upswell.embedded.service import Service

READY_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class DemoProcesses:
    """Where broker and store are, and how to run the service's own processes against them."""

    folder: Path
    servers: str
    redis_url: str
    topics: Topics
    group_id: str
    delivery: str

    @contextmanager
    def running(self, *, seeds: Path | None) -> Iterator[None]:
        """Run one scorer and one learner, from seeds or from nothing; the block begins when both are ready."""
        environment = {
            "UPSWELL_KAFKA_BOOTSTRAP_SERVERS": self.servers,
            "UPSWELL_REDIS_URL": self.redis_url,
            "UPSWELL_TOPIC_PREFIX": self.topics.prefix,
            "UPSWELL_GROUP_ID": self.group_id,
            "UPSWELL_DELIVERY": self.delivery,
            "UPSWELL_SEEDS": "" if seeds is None else str(seeds),
        }
        with ExitStack() as stack:
            for name, command in (("scorer", "score"), ("learner", "learn")):
                service = self._service(name, command, environment)
                stack.callback(service.stop)
                service.start()
            yield

    def published_models(self) -> list[ModelSnapshot]:
        """Return the latest snapshot of each model."""
        feed = KafkaModelFeed(client_config(self.servers), self.topics)
        try:
            found = [ModelSnapshot.model_validate_json(value) for value in feed.read_all()]
        finally:
            feed.close()
        latest = {
            snapshot.product_id: snapshot for snapshot in sorted(found, key=lambda model: model.version)
        }
        return list(latest.values())

    def _service(self, name: str, command: str, environment: Mapping[str, str]) -> Service:
        port = free_port()
        return Service(
            name=name,
            port=port,
            command=(str(Path(sys.executable).with_name("upswell")), command),
            log_file=self.folder / f"{self.topics.prefix}{name}.log",
            is_ready=lambda: _answers_yes(f"http://127.0.0.1:{port}/ready"),
            environment={**environment, "UPSWELL_METRICS_PORT": str(port)},
        )


def _answers_yes(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=READY_TIMEOUT_S) as answer:  # noqa: S310 - our own page
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
