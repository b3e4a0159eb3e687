"""The whole bank on one machine, as a story: history → segments and seeds → live stream → learning.

Kafka is librdkafka's mock cluster in a process of its own (or a real broker), Redis is real, scorer and
learner are the same processes that a bank runs. Everything lives in one folder and ends with the demo.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from rich.console import Console

from consumer.adapters.kafka_config import client_config
from consumer.adapters.kafka_topics import ALL_ROLES, create_topics
from consumer.features.catalogue import catalogue_for
from consumer.policy.document import Policy, load_policy
from consumer.scoring.seeds import seeds_of
from consumer.settings import DEFAULT_POLICY
from consumer.vocabulary.messages import ModelSnapshot
from consumer.vocabulary.time import DAY_MS, HOUR_MS
from consumer.vocabulary.topics import Topics
from offline.seeding.bundle_file import write_bundle
from offline.seeding.report import write_report
from offline.seeding.seed import seeds_from_history
from producer_sim.bank import Bank
from producer_sim.emit import KafkaBus
from producer_sim.history import write as write_history
from producer_sim.run import run as run_bank
from producer_sim.settings import TYPICAL_FAULTS, BankSettings
from producer_sim.summary import summarise
from producer_sim.truth import write_truth
from upswell.demo_page import DemoResult, demo_page
from upswell.demo_processes import DemoProcesses
from upswell.embedded.kafka import real_kafka
from upswell.embedded.mock_kafka import mock_kafka
from upswell.embedded.redis import real_redis
from upswell.first_day import DayCounts, FirstDay, FirstDayBus, FirstDayCounts, log_losses
from upswell.latency import TimedBus
from upswell.simulation_display import progress_display

PARTITIONS: Final = 4
GROUP_ID: Final = "upswell"
UNSEEDED: Final = Topics("unseeded.")
"""Topics, and so state, of the day without seeds."""

RESULT_FOLDER: Final = Path("build/demo")


@dataclass(frozen=True, slots=True)
class DemoSize:
    """How much is shown: enough to see learning and a lift, little enough for two minutes."""

    customers: int = 2_000
    history_days: int = 90
    live_days: int = 21
    step_hours: int = 2
    seed: int = 7


def run_demo(*, real_broker: bool, size: DemoSize | None = None) -> DemoResult:
    """Run the demo and print what it found.

    Raises
    ------
    ConfigurationError : a service cannot be started; the text says what to install
    """
    console = Console(stderr=True)
    size = size or DemoSize()
    policy = load_policy(DEFAULT_POLICY)
    with tempfile.TemporaryDirectory(prefix="upswell-demo-") as name:
        folder = Path(name)
        with _services(folder, real_broker=real_broker, console=console) as processes:
            result = _story(processes, policy, size, console=console)
        _keep(folder)
    Console().print(demo_page(result, RESULT_FOLDER))
    return result


def _story(processes: DemoProcesses, policy: Policy, size: DemoSize, *, console: Console) -> DemoResult:
    folder = processes.folder
    settings = _bank_settings(policy, size)
    bank = Bank(settings)
    console.print(
        f"[bold]1 of 4[/] A bank of {size.customers:,} customers lives through {size.history_days} days"
    )
    with progress_display() as progress:
        history = write_history(settings, folder / "history", progress, bank=bank)
    console.print(
        f"[bold]2 of 4[/] Segments and first weights from {history.lines['campaign']:,} answers to past offers"
    )
    seeds = folder / "seeds.json"
    with console.status("reading the history with the scorer's own fold") as status:
        seeding = seeds_from_history(folder / "history", policy.catalogue, told=status.update)
        write_bundle(seeding.bundle, seeds)
        write_report(seeding, policy.catalogue, folder / "seeds.html")
    console.print("[bold]3 of 4[/] The first live day without seeds, to see what they are worth")
    unseeded = _day_without_seeds(processes, settings, copy.deepcopy(bank))
    console.print(
        f"[bold]4 of 4[/] {size.live_days} live days from the seeds: events in, offers out, models learn"
    )
    end_ms = settings.start_ms + DAY_MS
    with processes.running(seeds=seeds), _bus(processes) as timed, progress_display() as progress:
        bus, counts = FirstDayBus(timed, end_ms), FirstDayCounts(progress, end_ms)
        truth = run_bank(settings, bus, counts, bank=bank)
    write_truth(truth, folder / "truth.json")
    snapshots = seeds_of(
        seeding.bundle, feature_names=catalogue_for(policy.catalogue.product_ids).names
    ).snapshots
    losses = log_losses(bus.offered, truth, policy, seeded=snapshots, unseeded=unseeded.models)
    return DemoResult(
        summary=summarise(truth),
        latencies_ms=tuple(timed.latencies_ms()),
        models=processes.published_models(),
        live_days=size.live_days,
        first_day=FirstDay(counts.counts, unseeded.counts, losses),
    )


@dataclass(frozen=True, slots=True)
class _UnseededDay:
    """What one day without seeds came to, and the models that it left behind."""

    counts: DayCounts
    models: Mapping[str, ModelSnapshot]


def _day_without_seeds(processes: DemoProcesses, settings: BankSettings, bank: Bank) -> _UnseededDay:
    """Let a copy of the bank live one day against scorers and a learner of their own that start from nothing."""
    apart = replace(processes, topics=UNSEEDED, group_id=f"{GROUP_ID}-unseeded")
    day = replace(settings, days=1)
    bank.settings = day
    bus = KafkaBus(apart.servers, topics=apart.topics, group_id=apart.group_id)
    try:
        with apart.running(seeds=None), progress_display() as progress:
            counts = FirstDayCounts(progress, day.end_ms)
            run_bank(day, bus, counts, bank=bank)
    finally:
        bus.close()
    return _UnseededDay(counts.counts, {model.product_id: model for model in apart.published_models()})


def _bank_settings(policy: Policy, size: DemoSize) -> BankSettings:
    return BankSettings(
        customers=size.customers,
        start=date(2026, 3, 2),
        days=size.live_days,
        history_days=size.history_days,
        seed=size.seed,
        step_ms=size.step_hours * HOUR_MS,
        products=policy.catalogue.product_ids,
        offers={offer.offer_id: offer.products for offer in policy.catalogue.offers},
        faults=TYPICAL_FAULTS,
        campaign_share=0.03,
    )


@contextmanager
def _services(folder: Path, *, real_broker: bool, console: Console) -> Iterator[DemoProcesses]:
    """Run broker and Redis; what was started is stopped, also after Ctrl-C."""
    topics = Topics()
    with ExitStack() as stack:
        with console.status("starting Kafka and Redis"):
            redis = stack.enter_context(real_redis(folder / "redis"))
            if real_broker:
                servers = stack.enter_context(real_kafka(folder / "kafka")).bootstrap_servers
                for each in (topics, UNSEEDED):
                    create_topics(client_config(servers), each, partitions=PARTITIONS)
            else:
                partitions = {
                    each.name(role): PARTITIONS for each in (topics, UNSEEDED) for role in ALL_ROLES
                }
                servers = stack.enter_context(mock_kafka(partitions)).bootstrap_servers
        yield DemoProcesses(
            folder=folder,
            servers=servers,
            redis_url=redis.url,
            topics=topics,
            group_id=GROUP_ID,
            delivery="transactional" if real_broker else "at_least_once",
        )


@contextmanager
def _bus(processes: DemoProcesses) -> Iterator[TimedBus]:
    bus = KafkaBus(processes.servers, topics=processes.topics, group_id=processes.group_id)
    try:
        with TimedBus.over(bus, processes.servers, processes.topics) as timed:
            yield timed
    finally:
        bus.close()


def _keep(folder: Path) -> None:
    """Leave what is worth looking at where the user stands."""
    RESULT_FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("truth.json", "seeds.json", "seeds.html", "scorer.log", "learner.log"):
        if (folder / name).exists():
            shutil.copyfile(folder / name, RESULT_FOLDER / name)
