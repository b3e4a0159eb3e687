"""The past: days of history with a random campaign, as files that the laboratory can learn from.

The past campaign contacted customers at random with random products, and everybody's answers follow
the same hidden model as in the live stream. Its file, `campaign.jsonl.gz`, has a line for each contact:

    {"decision_id":"past-20100-17","customer_id":"c0000017","product_id":"mortgage","channel":"email",
     "offered_at_ms":1736600000000,"accepted":0,"purchased":0,"revenue_minor":0}

The other files hold the records of their topic, one JSON document a line, in the order of event time.
The live stream of the same settings continues where the history ends, with the same customers.

Rules of this file: the archive is clean (no faults); everything follows from the seed.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.time import DAY_MS, HOUR_MS
from consumer.vocabulary.words import CHANNELS
from producer_sim.bank import Bank
from producer_sim.draws import Floats, Ints, Purpose, uniforms
from producer_sim.outcomes import Answer, OfferSeen
from producer_sim.population import CONSENT_NAMES
from producer_sim.progress import Progress, ProgressCounts, silent
from producer_sim.records import Outgoing
from producer_sim.settings import BankSettings

FILES: Final = ("customers", "transactions", "interactions", "outcomes")
CAMPAIGN: Final = "campaign"
_REST_DAYS: Final = 5
"""No contacts in the last days, so that nearly all answers are in when the history ends."""

_VALID_DAYS: Final = 14
_FIRST_CHANNEL: Final = len(CONSENT_NAMES) - len(CHANNELS)
_OFFICE_OPENS_MS: Final = 9 * HOUR_MS
_OFFICE_HOURS: Final = 11 * HOUR_MS


class CampaignResponse(msgspec.Struct, frozen=True):
    """One contact of the past campaign and what had come of it by the end of the history."""

    decision_id: str
    customer_id: str
    product_id: str
    channel: str
    offered_at_ms: int
    accepted: int
    purchased: int
    revenue_minor: int


@dataclass(frozen=True, slots=True)
class HistoryReport:
    """What was written: file name → lines."""

    out_dir: Path
    lines: dict[str, int]
    start_ms: int
    end_ms: int
    accepted: int


@dataclass(slots=True)
class PastDay:
    """One day of history: what reached the bus, and the contacts made with their answers."""

    day: int
    records: list[Outgoing] = field(default_factory=list)
    contacts: list[tuple[OfferSeen, Answer]] = field(default_factory=list)


def write(
    settings: BankSettings, out_dir: Path, progress: Progress = silent, *, bank: Bank | None = None
) -> HistoryReport:
    """Write `settings.history_days` days of history below `out_dir`.

    Parameters
    ----------
    bank : give one to hand it on to `run` afterwards, which saves living through the history twice

    Raises
    ------
    ConfigurationError : there are no days to write, or the folder cannot be written
    """
    if settings.history_days < 1:
        raise ConfigurationError("history_days must be at least 1 to write a history")
    bank = bank or Bank(settings)
    lines: Counter[str] = Counter()
    accepted = 0
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            files = {name: _open(stack, out_dir, name) for name in (*FILES, CAMPAIGN)}
            for past in days_of_history(bank, progress):
                _write_records(files, past.records, lines, before_ms=settings.start_ms)
                responses = [_response(offer, told, settings.start_ms) for offer, told in past.contacts]
                accepted += sum(response.accepted for response in responses)
                lines[CAMPAIGN] += len(responses)
                files[CAMPAIGN].writelines(msgspec.json.encode(response) + b"\n" for response in responses)
    except OSError as error:
        raise ConfigurationError(f"cannot write the history to {out_dir}: {error.strerror}") from error
    return HistoryReport(out_dir, dict(lines), settings.first_day * DAY_MS, settings.start_ms, accepted)


def days_of_history(bank: Bank, progress: Progress = silent) -> Iterator[PastDay]:
    """Live through the history day by day; whoever iterates to the end has an aged bank."""
    settings = bank.settings
    opening: list[Outgoing] = []
    if settings.history_days:
        opening = bank.opening_profiles(settings.first_day * DAY_MS)
    for day in range(settings.first_day, settings.start_day):
        past = PastDay(day, opening)
        opening = []
        bank.begin_day(day)
        if day < settings.start_day - _REST_DAYS:
            past.contacts = _contact_some(bank, day)
        past.records += bank.step((day + 1) * DAY_MS)
        if day == settings.start_day - 1:
            past.records += sorted(bank.drop_undelivered(), key=lambda record: record.order)
        done = (day + 1 - settings.first_day) / settings.history_days
        progress(ProgressCounts("history", (day + 1) * DAY_MS, done, 0, 0, 0, 0, 0, 0))
        yield past


def _contact_some(bank: Bank, day: int) -> list[tuple[OfferSeen, Answer]]:
    """Offer random products on random channels to a random few who consent, and let them answer."""
    settings, population = bank.settings, bank.population
    draws = uniforms(settings.seed, Purpose.CAMPAIGN, day, (population.size, 4))
    consents = population.consents
    willing = consents[:, CONSENT_NAMES.index("marketing")] & consents[:, CONSENT_NAMES.index("profiling")]
    willing = willing & ~population.minor & ~population.deceased & (draws[:, 0] < settings.campaign_share)
    offers = []
    for row in np.flatnonzero(willing).tolist():
        channels = np.flatnonzero(consents[row, _FIRST_CHANNEL:])
        products = np.flatnonzero(~population.holdings[row])
        if len(channels) and len(products):
            offers.append(
                _random_offer(bank, row, day, draws=draws[row], products=products, channels=channels)
            )
    answers = bank.answer(offers, day * DAY_MS)
    return list(zip(offers, answers, strict=True))


def _random_offer(
    bank: Bank, row: int, day: int, *, draws: Floats, products: Ints, channels: Ints
) -> OfferSeen:
    product_id = bank.settings.products[products[int(draws[1] * len(products))]]
    time_ms = day * DAY_MS + _OFFICE_OPENS_MS + int(draws[3] * _OFFICE_HOURS)
    return OfferSeen(
        decision_id=f"past-{day}-{row}",
        customer_id=bank.population.ids[row],
        event_time_ms=time_ms,
        offer_id=f"past_{product_id}",
        products=[product_id],
        channel=CHANNELS[channels[int(draws[2] * len(channels))]],
        expires_at_ms=time_ms + _VALID_DAYS * DAY_MS,
    )


def _response(offer: OfferSeen, told: Answer, end_ms: int) -> CampaignResponse:
    purchases = [effect for effect in told.effects if effect.kind == "purchase" and effect.time_ms < end_ms]
    return CampaignResponse(
        decision_id=offer.decision_id,
        customer_id=offer.customer_id,
        product_id=offer.products[0],
        channel=offer.channel,
        offered_at_ms=offer.event_time_ms,
        accepted=int(told.accepted_ms is not None and told.accepted_ms < end_ms),
        purchased=len(purchases),
        revenue_minor=sum(purchase.revenue_minor for purchase in purchases),
    )


def _write_records(
    files: Mapping[str, gzip.GzipFile], records: Iterable[Outgoing], lines: Counter[str], *, before_ms: int
) -> None:
    for record in records:
        if record.event_time_ms < before_ms and record.value is not None:
            files[record.role].write(record.value + b"\n")
            lines[record.role] += 1


def _open(stack: ExitStack, out_dir: Path, name: str) -> gzip.GzipFile:
    # A fixed mtime and name make the bytes a function of the seed alone; level 1 is three times faster than 9.
    raw = stack.enter_context((out_dir / f"{name}.jsonl.gz").open("wb"))
    packed = gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=1, mtime=0)
    stack.callback(packed.close)
    return packed
