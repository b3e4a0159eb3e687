"""Keeping account of a run: every record by its fate, every decision beside the oracle's.

Rules of this file: counts and truths only ever grow; `truth` may be called at any time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import numpy as np

from producer_sim.bank import Bank
from producer_sim.malformed import EXPECTED_CODES
from producer_sim.outcomes import CHANNEL_CODES, Answer, OfferSeen
from producer_sim.records import MALFORMED_PREFIX, Outgoing
from producer_sim.truth import (
    CUSTOMERS_TOLD_MAX,
    CandidateTruth,
    CustomerTruth,
    DecisionTruth,
    PurchaseTruth,
    Truth,
)

_NOTHING: Final = -1


class CandidateSeen(msgspec.Struct, frozen=True, gc=False):
    """What the recorder reads of a candidate."""

    offer_id: str
    channel: str


class DecisionSeen(msgspec.Struct, frozen=True, gc=False):
    """What the recorder reads of an `nbo.decisions` record."""

    decision_id: str
    customer_id: str
    event_time_ms: int
    result: str
    arm: str
    candidates: list[CandidateSeen]
    offer_id: str | None
    channel: str | None


class Recorder:
    """The account of one run."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._published: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._unpublished: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()
        self._decisions: list[DecisionTruth] = []
        self._first_purchase = len(bank.purchases)
        self._offers_heard: set[str] = set()
        self._decisions_heard: set[str] = set()
        self.offers_repeated = 0
        self.is_settled = True
        self.published_count = 0
        self.offers_count = 0
        self.offers_unknown = 0
        self.decisions_count = 0
        self.decisions_unknown = 0

    def note_published(self, records: Sequence[Outgoing]) -> None:
        """Count records that were handed to the bus."""
        self.published_count += len(records)
        for (role, fate), count in Counter((record.role, record.fate) for record in records).items():
            self._published[role][fate] += count

    def note_unpublished(self, records: Iterable[Outgoing]) -> None:
        """Count records that the end of the run overtook."""
        self._unpublished.update(record.fate for record in records)

    def new_offers(self, offers: Sequence[OfferSeen]) -> list[OfferSeen]:
        """Return the offers not heard before: at-least-once delivery repeats some, told by their decision."""
        new = list({o.decision_id: o for o in offers if o.decision_id not in self._offers_heard}.values())
        self._offers_heard.update(offer.decision_id for offer in new)
        self.offers_repeated += len(offers) - len(new)
        return new

    def note_answers(self, offers_count: int, answers: Sequence[Answer]) -> None:
        """Count what offers led to."""
        self.offers_count += offers_count
        self.offers_unknown += offers_count - len(answers)
        self._outcomes.update(record.kind for told in answers for record in told.outcomes)

    def note_decisions(self, decisions: Sequence[DecisionSeen]) -> None:
        """Put the truth beside decisions; all are judged as of now, before the next contact counts."""
        new = {d.decision_id: d for d in decisions if d.decision_id not in self._decisions_heard}
        self._decisions_heard.update(new)
        self.decisions_count += len(new)
        known = [decision for decision in new.values() if self._is_known(decision)]
        self.decisions_unknown += len(new) - len(known)
        index = self._bank.response.book.index
        proposals = [
            (
                self._bank.row_of(decision.customer_id) or 0,
                index[c.offer_id],
                CHANNEL_CODES[c.channel],
                decision.event_time_ms,
            )
            for decision in known
            for c in decision.candidates
        ]
        truth = self._bank.judge(proposals)
        p_accept, values = np.round(truth.p_accept, 6).tolist(), np.round(truth.value_minor, 2).tolist()
        start = 0
        for decision in known:
            end = start + len(decision.candidates)
            self._decisions.append(_beside(decision, p_accept[start:end], values[start:end]))
            start = end

    @property
    def outcome_counts(self) -> dict[str, int]:
        """Outcome kinds that offers led to so far, also those still on their way."""
        return dict(self._outcomes)

    @property
    def revenue_minor(self) -> int:
        """Revenue of all purchases of this run so far."""
        return sum(purchase.revenue_minor for purchase in self._bank.purchases[self._first_purchase :])

    def truth(self) -> Truth:
        """Return the whole account."""
        settings = self._bank.settings
        return Truth(
            seed=settings.seed,
            currency=settings.currency,
            products=list(settings.products),
            start_ms=settings.start_ms,
            end_ms=settings.end_ms,
            customers_count=settings.customers,
            published={role: dict(sorted(fates.items())) for role, fates in sorted(self._published.items())},
            dead_letters_expected=_expected_dead_letters(self._published),
            is_settled=self.is_settled,
            unpublished=dict(sorted(self._unpublished.items())),
            outcomes=dict(sorted(self._outcomes.items())),
            offers_count=self.offers_count,
            offers_repeated=self.offers_repeated,
            offers_unknown=self.offers_unknown,
            decisions_unknown=self.decisions_unknown,
            decisions=self._decisions,
            purchases=[
                PurchaseTruth(p.customer_id, list(p.product_ids), p.time_ms, p.revenue_minor, p.decision_id)
                for p in self._bank.purchases[self._first_purchase :]
            ],
            customers=_customers(self._bank),
        )

    def _is_known(self, decision: DecisionSeen) -> bool:
        offers = self._bank.response.book.index
        return self._bank.row_of(decision.customer_id) is not None and all(
            candidate.offer_id in offers and candidate.channel in CHANNEL_CODES
            for candidate in decision.candidates
        )


def _beside(decision: DecisionSeen, p_accept: list[float], values: list[float]) -> DecisionTruth:
    candidates = [
        CandidateTruth(c.offer_id, c.channel, p, value)
        for c, p, value in zip(decision.candidates, p_accept, values, strict=True)
    ]
    chosen = _NOTHING
    if decision.result == "offered":
        pairs = [(c.offer_id, c.channel) for c in candidates]
        done = (decision.offer_id, decision.channel)
        chosen = pairs.index(done) if done in pairs else _NOTHING
    best = max(range(len(values)), key=values.__getitem__, default=_NOTHING)
    return DecisionTruth(
        decision.decision_id,
        decision.customer_id,
        decision.event_time_ms,
        decision.arm,
        decision.result,
        candidates,
        chosen,
        best,
    )


def _expected_dead_letters(published: defaultdict[str, Counter[str]]) -> dict[str, dict[str, int]]:
    expected: dict[str, dict[str, int]] = {}
    for role, fates in sorted(published.items()):
        codes: Counter[str] = Counter()
        for fate, count in fates.items():
            if fate.startswith(MALFORMED_PREFIX):
                codes[EXPECTED_CODES[fate.removeprefix(MALFORMED_PREFIX)].value] += count
        if codes:
            expected[role] = dict(sorted(codes.items()))
    return expected


def _customers(bank: Bank) -> list[CustomerTruth]:
    population = bank.population
    if population.size > CUSTOMERS_TOLD_MAX:
        return []
    rows = zip(
        population.ids,
        np.round(bank.response.need_logits, 3).tolist(),
        np.round(population.channel_liking, 3).tolist(),
        np.round(population.satisfaction, 2).tolist(),
        np.round(population.saver, 3).tolist(),
        strict=True,
    )
    return [CustomerTruth(*row) for row in rows]
