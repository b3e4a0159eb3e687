"""Where the scorer's time goes: 500,000 events over a real broker and a real Redis, one process.

    python -m benchmarks.profile_scorer [--events 500000] [--customers 50000] [--partitions 12]

Two runs over the same kind of load: one with a clock around each step of the loop (what the steps cost
together with broker and store), one under cProfile (which functions). Prints both, and writes
benchmarks/PROFILE.md unless `--out` says otherwise. Rates depend on the machine; shares do not much.
The customers' profiles are taken in first and are not measured; about 10 % of the events open a decision.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import pstats
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import Producer

from benchmarks.profile_core import TRIGGER_SHARE, models_of
from benchmarks.synthetic_events import Load, events, profiles
from consumer.adapters.kafka_config import client_config, producer_config
from consumer.adapters.kafka_sink import KafkaSink
from consumer.adapters.kafka_source import KafkaSource
from consumer.adapters.kafka_topics import create_topics
from consumer.adapters.lanes import ThreadLane
from consumer.adapters.redis_store import RedisStore
from consumer.assembly import assemble_core
from consumer.policy.document import Policy, load_policy
from consumer.runtime.scorer import Scorer, ScorerLimits, ScorerPorts
from consumer.runtime.serving_models import ServingModels
from consumer.settings import DEFAULT_POLICY
from consumer.vocabulary.log import OutputRecord
from consumer.vocabulary.topics import Topics
from upswell.embedded.kafka import real_kafka
from upswell.embedded.redis import real_redis

Result = TypeVar("Result")
MEGA = 1e6
TOP_FUNCTIONS = 25
PATIENCE_S = 30.0
"""A poll that gives nothing for so long means that nothing comes any more."""


class SystemClock:
    """Real time."""

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start."""
        return time.perf_counter()

    def sleep_s(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class Tallies:
    """Counts by name and kind; forgets gauges and values."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""
        self.counts[name, labels.get("kind", "")] += amount

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Nothing."""

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Count the observations."""
        self.counts[name, ""] += 1

    def moved(self, *, is_ready: bool) -> None:
        """Nothing."""


@dataclass(slots=True)
class Stopwatch:
    """Seconds spent in each step of the loop, on the clock and on the core by this thread."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    cpu_seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def around(self, name: str, call: Callable[..., Result]) -> Callable[..., Result]:
        """Return `call`, timed."""

        def timed(*args: Any, **kwargs: Any) -> Result:
            started, cpu_started = time.perf_counter(), time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                self.seconds[name] += time.perf_counter() - started
                self.cpu_seconds[name] += time.thread_time() - cpu_started

        return timed

    def clear(self) -> None:
        """Start anew."""
        self.seconds.clear()
        self.cpu_seconds.clear()


@dataclass(frozen=True, slots=True)
class Run:
    """What one run over the load gave; `cpu_seconds` are those of this process, its threads included."""

    records: int
    decisions: int
    offers: int
    batches: int
    seconds: float
    cpu_seconds: float
    steps: dict[str, float]
    cpu_steps: dict[str, float]
    functions: str


def publish(servers: str, topics: Topics, records: Iterator[OutputRecord]) -> int:
    """Write input records as fast as the broker takes them; return how many."""
    producer = Producer(producer_config(client_config(servers), transactional_id=None))
    count = 0
    for record in records:
        while True:
            try:
                producer.produce(
                    topics.name(record.role),
                    key=record.key,
                    value=record.value,
                    timestamp=record.event_time_ms,
                )
                break
            except BufferError:
                producer.poll(0.05)
        count += 1
        if count % 10_000 == 0:
            producer.poll(0)
    producer.flush()
    return count


def measured(scorer: Scorer, expected: int, *, with_profile: bool) -> Run:
    """Run the scorer until it has taken in all records; joining the group is not measured."""
    watch, profiler = Stopwatch(), cProfile.Profile()
    if not with_profile:
        _time_steps(scorer, watch)
    step: Callable[[], int] = partial(profiler.runcall, scorer.step) if with_profile else scorer.step
    taken, last = 0, time.perf_counter()
    started, cpu_started = last, time.process_time()
    scorer.ports.source.open(scorer)
    while taken < expected and time.perf_counter() - last < PATIENCE_S:
        if not taken:
            watch.clear()
            started, cpu_started = time.perf_counter(), time.process_time()
        count = step()
        taken += count
        last = time.perf_counter() if count else last
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    scorer.ports.source.close()
    scorer.ports.sink.close()
    telemetry = scorer.ports.telemetry
    assert isinstance(telemetry, Tallies)
    return Run(
        records=taken,
        decisions=sum(n for (name, _), n in telemetry.counts.items() if name == "decisions_total"),
        offers=telemetry.counts["decisions_total", "offered"],
        batches=telemetry.counts["batch_seconds", ""],
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        steps=dict(watch.seconds),
        cpu_steps=dict(watch.cpu_seconds),
        functions=_top(profiler) if with_profile else "",
    )


def _time_steps(scorer: Scorer, watch: Stopwatch) -> None:
    ports, core = scorer.ports, scorer
    for owner, names in (
        (ports.source, ("poll",)),
        (ports.store, ("load", "due", "write")),
        (ports.sink, ("publish",)),
    ):
        for name in names:
            setattr(owner, name, watch.around(name, getattr(owner, name)))
    core.decoder = _Timed(core.decoder, "decode", watch)  # type: ignore[assignment]
    core.decider = _Timed(core.decider, "run", watch)  # type: ignore[assignment]


class _Timed:
    """A frozen object with one of its methods timed."""

    def __init__(self, inner: object, name: str, watch: Stopwatch) -> None:
        setattr(self, name, watch.around(name, getattr(inner, name)))


def _top(profiler: cProfile.Profile) -> str:
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(TOP_FUNCTIONS)
    lines = [line for line in text.getvalue().splitlines() if line.strip()]
    return "\n".join(line.replace(str(Path.cwd()) + "/", "") for line in lines)


def report(load: Load, partitions: int, plain: Run, profiled: Run) -> str:
    """Return the profile as Markdown."""
    # A publication goes on beside the other steps.
    rest = plain.seconds - sum(seconds for name, seconds in plain.steps.items() if name != "publish")
    names = {
        "publish": "publish (beside the others)",
        "run": "fold, attribute, score, decide",
        "load": "fetch (MGET)",
        "write": "write (WATCH … EXEC)",
    }
    rows = [
        f"| {names.get(name, name)} | {seconds:.2f} | {seconds * MEGA / plain.records:.2f} | {seconds / plain.seconds:.0%} "
        f"| {_cpu_us(plain, name)} |"
        for name, seconds in sorted(
            [*plain.steps.items(), ("the loop itself", rest)], key=lambda row: -row[1]
        )
    ]
    return "\n".join(
        [
            "# Profile of the scorer",
            "",
            (
                f"`python -m benchmarks.profile_scorer --events {load.n_events} --customers {load.n_customers} "
                f"--partitions {partitions}`: one process, real Kafka with transactions and real Redis on the "
                "same machine."
            ),
            "",
            (
                f"{plain.records:,} events ({plain.decisions / plain.records:.1%} decisions, "
                f"{plain.offers / plain.records:.1%} offers) in {plain.seconds:.1f} s and {plain.batches} batches: "
                f"{plain.records / plain.seconds:,.0f} events/s; "
                f"{plain.cpu_seconds * MEGA / plain.records:.1f} µs of CPU time an event in this process "
                f"({plain.records / plain.cpu_seconds:,.0f} events/s). Seconds are on the clock and so depend on what "
                "else the machine does; CPU time by step is that of the loop's thread, without waiting and without "
                "the Kafka client's own threads."
            ),
            "",
            "| step | seconds | µs an event | share | µs of CPU an event |",
            "|---|---:|---:|---:|---:|",
            *rows,
            "",
            "Functions by own time, under cProfile (which makes Python calls dearer than they are):",
            "",
            "```text",
            profiled.functions,
            "```",
            "",
        ]
    )


def _cpu_us(run: Run, step: str) -> str:
    return f"{run.cpu_steps[step] * MEGA / run.records:.2f}" if step in run.cpu_steps else "–"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run both measurements and write the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--batch", type=int, default=ScorerLimits().batch_records)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "PROFILE.md")
    options = parser.parse_args(arguments)
    load = Load(options.customers, options.events, trigger_share=TRIGGER_SHARE)
    with tempfile.TemporaryDirectory() as folder, real_kafka(Path(folder) / "k") as broker:
        runs = []
        for number in range(2):
            topics = Topics(f"profile{number}.")
            with real_redis(Path(folder) / f"r{number}") as redis:
                services = Services(broker.bootstrap_servers, redis.url, topics)
                runs.append(_run(services, load, options, with_profile=bool(number)))
        text = report(load, options.partitions, *runs)
    options.out.write_text(text)
    print(text)


@dataclass(frozen=True, slots=True)
class Services:
    """Where broker and store are."""

    servers: str
    redis_url: str
    topics: Topics


def _run(services: Services, load: Load, options: argparse.Namespace, *, with_profile: bool) -> Run:
    """Let one scorer take in the profiles, then measure another over the events."""
    client, policy = client_config(services.servers), load_policy(DEFAULT_POLICY)
    create_topics(client, services.topics, partitions=options.partitions)
    n_profiles = publish(services.servers, services.topics, profiles(load))
    measured(_scorer(services, policy, options), n_profiles, with_profile=False)
    products = policy.catalogue.product_ids
    n_events = publish(services.servers, services.topics, events(load, products=products))
    return measured(_scorer(services, policy, options), n_events, with_profile=with_profile)


def _scorer(services: Services, policy: Policy, options: argparse.Namespace) -> Scorer:
    client, topics = client_config(services.servers), services.topics
    core = assemble_core(policy, n_partitions=options.partitions, topics=topics)
    source = KafkaSource(client, topics, group_id="profile")
    telemetry = Tallies()
    return Scorer(
        ScorerPorts(
            source,
            KafkaSink(client, topics, source=source, transactional_id=f"{topics.prefix}profile"),
            RedisStore(services.redis_url, namespace=topics.prefix),
            SystemClock(),
            telemetry,
            ThreadLane("publisher"),
        ),
        core.decoder,
        core.pipeline,
        ServingModels(core.model_shape, seeds={}, feed=None, telemetry=telemetry, _compiled=models_of(core)),
        options.partitions,
        limits=ScorerLimits(batch_records=options.batch),
    )


if __name__ == "__main__":
    main()
