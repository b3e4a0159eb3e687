"""`upswell simulate`: the simulated bank, a past for the laboratory, or a real file as a stream."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Final

import typer

from consumer.settings import Settings
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.topics import Topics
from upswell.commands.setup import settings

if TYPE_CHECKING:
    from producer_sim.emit import KafkaBus
    from producer_sim.settings import BankSettings, Pace

app = typer.Typer(help="A simulated bank, its past, or a real file, as a stream.", no_args_is_help=True)

PACES: Final = "lockstep, free, a speed-up such as 3600x, or a rate such as 5000/s"

Customers = Annotated[int, typer.Option(help="Customers of the bank.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same bank.")]
HistoryDays = Annotated[int, typer.Option(help="Days of history before the first live day.")]
PaceText = Annotated[
    str,
    typer.Option(
        "--pace",
        help="lockstep: wait for the scorers after each step, so that a run repeats; free: as fast as it goes; "
        "3600x: an hour of the bank a second at most; 5000/s: so many events a second at most.",
    ),
]


class Faults(StrEnum):
    """How rough the stream is."""

    NONE = "none"
    TYPICAL = "typical"


@app.command()
def run(
    *,
    customers: Customers = 5_000,
    days: Annotated[int, typer.Option(help="Live days to simulate.")] = 30,
    history_days: HistoryDays = 0,
    seed: Seed = 1,
    faults: Annotated[
        Faults, typer.Option(help="typical: some records twice, late, malformed, some deliveries lost.")
    ] = Faults.TYPICAL,
    pace: PaceText = "lockstep",
    truth: Annotated[
        Path | None, typer.Option(help="Write the hidden truth here (JSON), to judge the offers by.")
    ] = None,
) -> None:
    """Run a bank against the scorers: events go out, offers come back, customers answer.

    Example: upswell simulate run --customers 5000 --days 30 --seed 7 --truth truth.json
    """
    from producer_sim.run import run as run_bank
    from producer_sim.settings import NO_FAULTS, TYPICAL_FAULTS
    from producer_sim.summary import summarise
    from producer_sim.truth import write_truth
    from upswell.simulation_display import progress_display, summary_page

    told = settings()
    rates = TYPICAL_FAULTS if faults is Faults.TYPICAL else NO_FAULTS
    bank = _bank(told, customers=customers, days=days, history_days=history_days, seed=seed)
    bank = replace(bank, faults=rates, pace=pace_of(pace))
    bus = _bus(told, hears=True)
    try:
        with _ended_by_sigterm(), progress_display() as progress:
            found = run_bank(bank, bus, progress)
    finally:
        bus.close()
    if truth is not None:
        write_truth(found, truth)
    typer.echo(summary_page(summarise(found)))


@app.command()
def history(
    out_dir: Annotated[Path, typer.Argument(help="Folder to write to.")],
    *,
    customers: Customers = 5_000,
    history_days: HistoryDays = 180,
    seed: Seed = 1,
) -> None:
    """Write the bank's past with a random campaign as files, to learn first weights from.

    Example: upswell simulate history past/ --customers 5000 --history-days 180
    """
    from producer_sim.history import write
    from upswell.simulation_display import progress_display

    bank = _bank(settings(), customers=customers, days=0, history_days=history_days, seed=seed)
    with progress_display() as progress:
        report = write(bank, out_dir, progress)
    for name, lines in report.lines.items():
        typer.echo(f"{report.out_dir / name}.jsonl.gz: {lines:,} lines")


@app.command()
def replay(
    *,
    file: Annotated[Path, typer.Option(help="CSV file with one transaction a row.")],
    mapping: Annotated[Path, typer.Option(help="YAML file that says what the columns mean.")],
    profiles: Annotated[
        bool, typer.Option("--profiles", help="Also publish a profile a customer, from the mapping.")
    ] = False,
    pace: PaceText = "free",
    report: Annotated[
        Path | None, typer.Option(help="Write what became of each row: JSON, or .csv of the refused rows.")
    ] = None,
) -> None:
    """Publish a real file as a stream; rows that cannot be published are listed with their reason.

    Example: upswell simulate replay --file anz.csv --mapping deploy/mappings/anz_transactions.yaml --profiles
    """
    from producer_sim.replay import check_files, write_report
    from producer_sim.replay import replay as replay_file
    from upswell.simulation_display import progress_display, replay_page

    wanted = pace_of(pace)
    check_files(file, mapping, profiles=profiles)
    bus = _bus(settings(), hears=wanted.lockstep)
    try:
        with progress_display() as progress:
            found = replay_file(file, mapping, bus, progress, profiles=profiles, pace=wanted)
            bus.settle(wanted.settle_timeout_s)
    finally:
        bus.close()
    if report is not None:
        write_report(found, report)
    typer.echo(replay_page(found))


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end a run well: what was published is sent, and the exit code is 0."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise typer.Exit

    former = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def pace_of(text: str) -> Pace:
    """Return the pace that a person wrote.

    Raises
    ------
    ConfigurationError : it is no pace

    Examples
    --------
    >>> pace_of("3600x").speed_up, pace_of("5000/s").events_per_s, pace_of("lockstep").lockstep
    (3600.0, 5000.0, True)
    """
    from producer_sim.settings import Pace

    if text in {"lockstep", "free"}:
        return Pace(lockstep=text == "lockstep")
    number = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(x|/s)", text)
    if number is None:
        raise ConfigurationError(f"--pace {text} is none of: {PACES}")
    amount = float(number[1])
    if number[2] == "x":
        return Pace(lockstep=False, speed_up=amount)
    return Pace(lockstep=False, events_per_s=amount)


def _bank(told: Settings, *, customers: int, days: int, history_days: int, seed: int) -> BankSettings:
    """Return a bank that sells what the policy offers."""
    from consumer.pipeline.checked_policy import checked_policy
    from producer_sim.settings import BankSettings

    catalogue = checked_policy(told.policy).policy.catalogue
    return BankSettings(
        customers=customers,
        days=days,
        history_days=history_days,
        seed=seed,
        products=catalogue.product_ids,
        offers={offer.offer_id: offer.products for offer in catalogue.offers},
    )


def _bus(told: Settings, *, hears: bool) -> KafkaBus:
    from producer_sim.emit import KafkaBus

    group_id = told.group_id if hears else None
    topics = Topics(told.topic_prefix)
    return KafkaBus(told.kafka_bootstrap_servers, told.kafka_client(), topics=topics, group_id=group_id)
