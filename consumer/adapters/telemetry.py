"""What a process tells the people who run it: Prometheus metrics, health pages, structured log lines.

    http://…:PORT/metrics   Prometheus text
    http://…:PORT/health    200 as long as the loop moves, else 503
    http://…:PORT/ready     200 once partitions are owned and broker and store answer, else 503

A log line is one JSON object on standard error: time, level, role, message, and numbers. It never holds
a customer's id, a key or a value of a record.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from consumer.adapters.metrics import METRICS
from consumer.vocabulary.errors import ConfigurationError, Defect

PREFIX: Final = "upswell_"
PROGRESS_INTERVAL_S: Final = 30.0
STALLED_AFTER_S: Final = 60.0
"""A loop polls several times a second; one that has not for so long hangs."""

BATCH_BOUNDS_S: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
NOTEWORTHY: Final = frozenset(
    {
        "fenced_total",
        "rebuilds_total",
        "outbox_republished_total",
        "model_snapshots_refused_total",
        "drifts_total",
    }
)
"""Counters whose every step is worth a log line of its own."""


Kind = TypeVar("Kind")


class ProcessTelemetry:
    """The `Telemetry` of a process.

    Parameters
    ----------
    role : scorer or learner, in every log line
    """

    def __init__(self, role: str) -> None:
        self.registry = CollectorRegistry()
        self._log = logging.getLogger(f"upswell.{role}")
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        self._totals: dict[str, int] = {}
        self._told_s = self._moved_s = time.monotonic()
        self._is_ready = False
        for metric in METRICS:
            name, labels = PREFIX + metric.name, metric.labels
            if metric.kind == "counter":
                self._counters[metric.name] = Counter(name, metric.text, labels, registry=self.registry)
            elif metric.kind == "gauge":
                self._gauges[metric.name] = Gauge(name, metric.text, labels, registry=self.registry)
            else:
                self._histograms[metric.name] = Histogram(
                    name, metric.text, labels, registry=self.registry, buckets=BATCH_BOUNDS_S
                )

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter; `Defect` when `METRICS` does not name it."""
        counter = _named(self._counters, name)
        (counter.labels(**labels) if labels else counter).inc(amount)
        key = ".".join((name, *labels.values()))
        self._totals[key] = self._totals.get(key, 0) + amount
        if name in NOTEWORTHY:
            self.log(logging.WARNING, name, amount=amount, **labels)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        gauge = _named(self._gauges, name)
        (gauge.labels(**labels) if labels else gauge).set(value)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add to a histogram."""
        histogram = _named(self._histograms, name)
        (histogram.labels(**labels) if labels else histogram).observe(value)

    def moved(self, *, is_ready: bool) -> None:
        """Note that the loop went round; tell the totals now and then."""
        moved_s = time.monotonic()
        if is_ready and not self._is_ready:
            self.log(logging.INFO, "ready")
        self._is_ready, self._moved_s = is_ready, moved_s
        if moved_s - self._told_s >= PROGRESS_INTERVAL_S:
            self._told_s = moved_s
            self.log(logging.INFO, "progress", **self._totals)

    @property
    def is_healthy(self) -> bool:
        """Whether the loop has moved lately."""
        return time.monotonic() - self._moved_s < STALLED_AFTER_S

    @property
    def is_ready(self) -> bool:
        """Whether partitions are owned and the last round succeeded."""
        return self._is_ready and self.is_healthy

    def log(self, level: int, message: str, **numbers: str | float) -> None:
        """Write one log line."""
        self._log.log(level, message, extra={"numbers": numbers})


@contextmanager
def process_telemetry(role: str, *, log_level: str, metrics_port: int) -> Iterator[ProcessTelemetry]:
    """Set logging up, serve metrics and health while the block runs.

    Parameters
    ----------
    metrics_port : 0 serves nothing

    Raises
    ------
    ConfigurationError : the port is taken
    """
    _log_to_stderr(role, log_level)
    telemetry = ProcessTelemetry(role)
    if not metrics_port:
        yield telemetry
        return
    try:
        server = ThreadingHTTPServer(("", metrics_port), _handler(telemetry))
    except OSError as error:
        raise ConfigurationError(
            f"Port {metrics_port} for metrics cannot be opened: {error.strerror}"
        ) from error
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    try:
        yield telemetry
    finally:
        server.shutdown()
        server.server_close()


class _JsonLines(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; an exception becomes its type and text, without the values of its frames."""
        line: dict[str, object] = {
            "time_ms": int(record.created * 1000),
            "level": record.levelname.lower(),
            "role": self._role,
            "message": record.getMessage(),
        }
        line |= getattr(record, "numbers", {})
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        return json.dumps(line)


def _log_to_stderr(role: str, log_level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines(role))
    root = logging.getLogger("upswell")
    root.handlers, root.propagate = [handler], False
    root.setLevel(log_level.upper())


def _handler(telemetry: ProcessTelemetry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers the three pages."""

        def do_GET(self) -> None:
            """Answer one request."""
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(telemetry.registry))
            elif self.path in ("/health", "/ready"):
                is_well = telemetry.is_healthy if self.path == "/health" else telemetry.is_ready
                self._answer(200 if is_well else 503, "text/plain", b"yes\n" if is_well else b"no\n")
            else:
                self._answer(404, "text/plain", b"/metrics, /health and /ready are here\n")

        def log_message(self, *_: object) -> None:
            """Requests of a monitor are no news."""

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _named(metrics: dict[str, Kind], name: str) -> Kind:
    try:
        return metrics[name]
    except KeyError:
        raise Defect(f"metric {name} is not in METRICS") from None
