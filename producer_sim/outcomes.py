"""What becomes of one offer: delivered, seen, answered, bought, with the delays of real life.

The answer is drawn first, with exactly the hidden model's probability; the way to it (viewed, clicked,
rejected) is then made consistent with it. Luck belongs to the decision id: the same decision always
meets the same fate.

Rules of this file: pure; returns records and effects, changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec
import numpy as np

from consumer.vocabulary.ids import MAX_ID_BYTES, stable_hash64
from consumer.vocabulary.messages import SCHEMA_VERSION
from consumer.vocabulary.time import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from consumer.vocabulary.words import CHANNELS
from producer_sim.draws import offer_luck
from producer_sim.records import OutcomeRecord
from producer_sim.settings import FaultRates

_DELIVERY_MEAN_MS: Final = {
    "app": 5 * SECOND_MS,
    "web": 5 * SECOND_MS,
    "push": 3 * SECOND_MS,
    "sms": 30 * SECOND_MS,
    "email": 4 * MINUTE_MS,
    "branch": 20 * HOUR_MS,
    "call_centre": 12 * HOUR_MS,
}
_VIEW_MEAN_MS: Final = 3 * HOUR_MS
_CLICKABLE: Final = frozenset({"app", "web", "email", "sms", "push"})
_REJECT_SHARE: Final = 0.22
_SURVEY_SHARE: Final = 0.06
_REVENUE_SPREAD: Final = 0.35
_LUCK: Final = 16

EffectKind = Literal["purchase", "opt_out", "complaint", "pleased"]


class OfferSeen(msgspec.Struct, frozen=True):
    """What campaign delivery reads of an `nbo.offers` record."""

    decision_id: str
    customer_id: str
    event_time_ms: int
    offer_id: str
    products: list[str]
    channel: str
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that changes the bank's own state at a bank time."""

    time_ms: int
    row: int
    kind: EffectKind
    products: tuple[str, ...] = ()
    revenue_minor: int = 0
    decision_id: str | None = None


@dataclass(frozen=True, slots=True)
class Mood:
    """What the answer depends on besides P(accept)."""

    p_accept: float
    purchase_share: float
    revenue_minor: float
    liking: float
    fatigue: float
    satisfaction: float
    decide_days: float


@dataclass(slots=True)
class Answer:
    """Outcome records in order of event time, effects, and what it came to."""

    outcomes: list[OutcomeRecord] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    is_accepted: bool = False
    accepted_ms: int | None = None
    delivered_ms: int | None = None


class _Teller:
    """Collects the story of one offer."""

    def __init__(self, offer: OfferSeen, row: int) -> None:
        self.offer, self.row, self.answer = offer, row, Answer()

    def say(
        self, kind: str, time_ms: int, *, revenue_minor: int | None = None, satisfaction: int | None = None
    ) -> None:
        """Add an outcome record."""
        offer = self.offer
        event_id = outcome_event_id(offer.decision_id, kind)
        record = OutcomeRecord(
            SCHEMA_VERSION,
            event_id,
            offer.customer_id,
            time_ms,
            offer.decision_id,
            kind,
            revenue_minor,
            satisfaction,
        )
        self.answer.outcomes.append(record)

    def cause(self, kind: EffectKind, time_ms: int, revenue_minor: int = 0) -> None:
        """Add an effect."""
        products = tuple(self.offer.products) if kind == "purchase" else ()
        effect = Effect(time_ms, self.row, kind, products, revenue_minor, self.offer.decision_id)
        self.answer.effects.append(effect)


def answer(offer: OfferSeen, mood: Mood, *, seed: int, row: int, heard_ms: int, faults: FaultRates) -> Answer:
    """Return everything that one offer leads to, in bank time from `heard_ms` on."""
    luck = offer_luck(seed, offer.decision_id, _LUCK).tolist()
    teller = _Teller(offer, row)
    start_ms = max(heard_ms, offer.event_time_ms)
    delivered_ms = start_ms + SECOND_MS + _exponential(luck[0], _DELIVERY_MEAN_MS[offer.channel])
    if luck[1] < faults.delayed_delivery:
        delivered_ms += DAY_MS + int(luck[2] * 2 * DAY_MS)
    if luck[3] < faults.lost_delivery:
        teller.say("undelivered", delivered_ms)
        return teller.answer
    teller.say("delivered", delivered_ms)
    teller.answer.delivered_ms = delivered_ms
    if luck[4] < mood.p_accept and delivered_ms < offer.expires_at_ms:
        _accept(teller, mood, luck, delivered_ms)
    else:
        _decline(teller, mood, luck, delivered_ms)
    if luck[5] < _SURVEY_SHARE:
        felt = mood.satisfaction + 0.6 * teller.answer.is_accepted + 1.4 * (luck[6] - 0.5)
        teller.say("satisfaction", delivered_ms + DAY_MS, satisfaction=int(np.clip(round(felt), 1, 5)))
    teller.answer.outcomes.sort(key=lambda record: record.event_time_ms)
    return teller.answer


def _accept(teller: _Teller, mood: Mood, luck: list[float], delivered_ms: int) -> None:
    """See it, perhaps click it, accept it within its validity, and for most go on to buy."""
    left_ms = max(teller.offer.expires_at_ms - delivered_ms, 4)
    viewed_ms = delivered_ms + min(_exponential(luck[7], _VIEW_MEAN_MS), left_ms // 4)
    decide_ms = _exponential(luck[8], int(mood.decide_days * DAY_MS))
    accepted_ms = viewed_ms + min(decide_ms, left_ms // 2)
    teller.say("viewed", viewed_ms)
    if teller.offer.channel in _CLICKABLE:
        teller.say("clicked", (viewed_ms + accepted_ms) // 2)
    teller.say("accepted", accepted_ms)
    teller.cause("pleased", accepted_ms)
    teller.answer.is_accepted = True
    teller.answer.accepted_ms = accepted_ms
    if luck[9] < mood.purchase_share:
        bought_ms = accepted_ms + MINUTE_MS + _exponential(luck[10], int(0.7 * mood.decide_days * DAY_MS))
        revenue = max(round(mood.revenue_minor * _spread(luck[11], luck[12])), 1)
        teller.say("purchased", bought_ms, revenue_minor=revenue)
        teller.cause("purchase", bought_ms, revenue)


def _decline(teller: _Teller, mood: Mood, luck: list[float], delivered_ms: int) -> None:
    """Perhaps see it, click it, say no; the more contacts lately, the more opt out or complain."""
    weariness = (1.0 + mood.fatigue) ** 2
    viewed_ms = delivered_ms + _exponential(luck[7], _VIEW_MEAN_MS)
    if luck[8] < 1.0 / (1.0 + np.exp(-0.8 - 0.8 * mood.liking)):
        teller.say("viewed", viewed_ms)
        if teller.offer.channel in _CLICKABLE and luck[9] < 0.05 + 0.6 * mood.p_accept:
            teller.say("clicked", viewed_ms + 20 * SECOND_MS)
        if luck[10] < _REJECT_SHARE:
            teller.say("rejected", viewed_ms + MINUTE_MS + _exponential(luck[11], 6 * HOUR_MS))
        if luck[12] < 0.0015 * weariness:
            teller.say("opted_out", viewed_ms + 2 * MINUTE_MS)
            teller.cause("opt_out", viewed_ms + 2 * MINUTE_MS)
        if luck[13] < 0.001 * weariness * np.exp(3.9 - mood.satisfaction):
            teller.say("complained", viewed_ms + HOUR_MS)
            teller.cause("complaint", viewed_ms + HOUR_MS)


def _exponential(draw: float, mean_ms: int) -> int:
    return int(-np.log1p(-draw) * mean_ms)


def _spread(draw: float, angle: float) -> float:
    """Return a log-normal factor of mean 1, by Box and Muller from two uniforms."""
    normal = float(np.sqrt(-2.0 * np.log1p(-draw)) * np.cos(2.0 * np.pi * angle))
    return float(np.exp(_REVENUE_SPREAD * normal - 0.5 * _REVENUE_SPREAD**2))


def outcome_event_id(decision_id: str, kind: str) -> str:
    """Return the id of an outcome record; a long decision id is shortened to its hash.

    Examples
    --------
    >>> outcome_event_id("transactions-3-1289", "viewed")
    'o.transactions-3-1289.viewed'
    """
    event_id = f"o.{decision_id}.{kind}"
    return event_id if len(event_id) <= MAX_ID_BYTES else f"o.{stable_hash64(decision_id):x}.{kind}"


CHANNEL_CODES: Final = {channel: code for code, channel in enumerate(CHANNELS)}
