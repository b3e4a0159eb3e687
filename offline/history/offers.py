"""The offers of the past: contacts of earlier campaigns, and decisions that were logged.

An offer changes its customer's record when it is made, and later through its outcomes: they tell about the
offer's product, and an offer that was never delivered gives its contact back. So the fold has to know the
offers, and each has a row here, in the form and with the states of an open decision.

    campaign.jsonl.gz    contacts of another system: seen by the events from that time on, never forgotten
    decisions.jsonl.gz   what this service decided (`nbo.decisions`, a document a line): made right after the
                         event that triggered it, forgotten when the service forgets it

Rules of this file: read whole, since an event anywhere may be a trigger; about 400 bytes an offer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from consumer.features.event_columns import Int64s
from consumer.learning.labels import KEEP_CLOSED_MS
from consumer.learning.open_decisions import Rows, empty_rows
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.products import Offer, OfferCatalogue, catalogue_key
from consumer.vocabulary.time import DAY_MS
from consumer.vocabulary.words import CHANNELS, code_of
from offline.history.past_files import CAMPAIGN, PastOffer, read_offers
from offline.history.reading import block_lines, history_file

DECISIONS: Final = "decisions"
NEVER_MS: Final = 2**60
_CHANNEL: Final = code_of(CHANNELS)
Wanted = Callable[[str], bool]
"""Customer id → whether the customer is looked at."""


class _Trigger(msgspec.Struct, frozen=True, gc=False):
    event_id: str
    topic: str


class _ModelInput(msgspec.Struct, frozen=True, gc=False):
    fingerprint: str = ""
    inputs_milli: list[int] = []


class LoggedDecision(msgspec.Struct, frozen=True):
    """What is needed of one document of `nbo.decisions`."""

    customer_id: str
    decision_id: str
    event_time_ms: int
    trigger: _Trigger
    result: str
    offer_id: str | None = None
    channel: str | None = None
    segment: int | None = None
    model_input: _ModelInput | None = None


@dataclass(slots=True)
class PastOffers:
    """All offers and decisions, campaign first, each in order of time.

    rows : state of each (`open_decision_dtype`); customer : its row in `Customers`, -1 while unmet
    campaign : the contacts; at_ms : shape (n_campaign,), times of the contacts, rising
    decisions : what was logged; `rows[len(campaign) + i]` belongs to `decisions[i]`
    by_decision : decision id → row of `rows`, where an offer was made
    by_trigger : (topic role, customer id, event id) → place in `decisions`
    """

    rows: Rows
    campaign: Sequence[PastOffer]
    decisions: Sequence[LoggedDecision]
    customer: Int64s = field(init=False)
    at_ms: Int64s = field(init=False)
    by_decision: dict[str, int] = field(init=False)
    by_trigger: dict[tuple[str, str, str], int] = field(init=False)

    def __post_init__(self) -> None:
        """Index what the outcomes and events will ask for."""
        start = len(self.campaign)
        self.customer = np.full(len(self.rows), -1, dtype=np.int64)
        self.at_ms = np.array([offer.offered_at_ms for offer in self.campaign], dtype=np.int64)
        self.by_decision = {o.decision_id: row for row, o in enumerate(self.campaign) if o.decision_id}
        self.by_decision |= {
            decision.decision_id: start + place
            for place, decision in enumerate(self.decisions)
            if self.rows["product_key"][start + place]
        }
        self.by_trigger = {
            (decision.trigger.topic, decision.customer_id, decision.trigger.event_id): place
            for place, decision in enumerate(self.decisions)
        }


def is_offer(decision: LoggedDecision) -> bool:
    """Return whether an offer went out."""
    return decision.result == "offered" and decision.offer_id is not None and decision.channel is not None


def read_past_offers(
    history_dir: Path, catalogue: OfferCatalogue, *, is_wanted: Wanted = lambda _: True
) -> PastOffers:
    """Return the offers that a history tells of; neither file has to be there.

    Raises
    ------
    ConfigurationError : a line is no contact or no decision, or names a product or channel that the policy
        does not have
    """
    campaign: list[PastOffer] = []
    if history_file(history_dir, CAMPAIGN).is_file():
        campaign = [offer for offer in read_offers(history_dir) if is_wanted(offer.customer_id)]
    decisions = _decisions(history_file(history_dir, DECISIONS), is_wanted)
    rows = empty_rows(0, len(campaign) + len(decisions))
    _fill_campaign(rows[: len(campaign)], campaign, catalogue)
    _fill_decisions(rows[len(campaign) :], decisions, catalogue)
    return PastOffers(rows, campaign, decisions)


def _decisions(path: Path, is_wanted: Wanted) -> list[LoggedDecision]:
    if not path.is_file():
        return []
    decoder = msgspec.json.Decoder(LoggedDecision)
    decisions: list[LoggedDecision] = []
    number = 0
    for lines in block_lines(path):
        for line in lines:
            number += 1
            try:
                decision = decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise ConfigurationError(f"{path}, line {number}: {error}.") from error
            if is_wanted(decision.customer_id):
                decisions.append(decision)
    return sorted(decisions, key=lambda decision: decision.event_time_ms)


def _fill_campaign(rows: Rows, campaign: Sequence[PastOffer], catalogue: OfferCatalogue) -> None:
    if not len(rows):
        return
    for offer in campaign:
        _check_known(catalogue.product_index, offer.product_id, "product")
        _check_known(_CHANNEL, offer.channel, "channel")
    rows["product_key"] = [catalogue_key(offer.product_id) for offer in campaign]
    rows["offer_key"] = [catalogue_key(f"past_{offer.product_id}") for offer in campaign]
    rows["channel"] = [_CHANNEL[offer.channel] for offer in campaign]
    rows["decided_ms"] = [offer.offered_at_ms for offer in campaign]
    rows["window_ms"] = rows["deadline_ms"] = rows["forget_ms"] = NEVER_MS


def _fill_decisions(rows: Rows, decisions: Sequence[LoggedDecision], catalogue: OfferCatalogue) -> None:
    """Fill in the offers that went out; one that the policy has dropped keeps its row, and is nobody's."""
    for row, decision in zip(rows, decisions, strict=True):
        offer = _offer_of(decision, catalogue)
        row["decided_ms"] = decision.event_time_ms
        if offer is None:
            continue
        product = catalogue.products[catalogue.product_index[offer.products[0]]]
        row["product_key"] = catalogue_key(offer.products[0])
        row["offer_key"] = offer.offer_key
        row["channel"] = _CHANNEL[decision.channel or ""]
        row["window_ms"] = product.attribution_window_days * DAY_MS
        row["deadline_ms"] = decision.event_time_ms + offer.validity_days * DAY_MS
        row["forget_ms"] = row["deadline_ms"] + KEEP_CLOSED_MS


def _offer_of(decision: LoggedDecision, catalogue: OfferCatalogue) -> Offer | None:
    place = catalogue.offer_index.get(decision.offer_id or "") if is_offer(decision) else None
    return None if place is None else catalogue.offers[place]


def _check_known(index: dict[str, int], name: str, what: str) -> None:
    if name not in index:
        raise ConfigurationError(
            f"The past campaign names the {what} {name}, which the policy does not have."
        )
