"""One run of the simulated bank against a bus, in closed loop.

    for each step of bank time:  publish what arrived  →  (lockstep: wait for the scorers)
                                 →  judge their decisions  →  answer their offers  →  report progress

In lockstep a run repeats: the same settings and the same offers give the same bytes. Running freely,
offers are heard when they come, so only the bank's own records repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec

from consumer.vocabulary.errors import Defect, Retryable
from consumer.vocabulary.time import DAY_MS
from producer_sim.bank import Bank
from producer_sim.bus import Bus
from producer_sim.history import days_of_history
from producer_sim.outcomes import OfferSeen
from producer_sim.pacing import Pacer
from producer_sim.progress import Progress, ProgressCounts, silent
from producer_sim.recorder import DecisionSeen, Recorder
from producer_sim.records import Outgoing
from producer_sim.settings import BankSettings
from producer_sim.truth import Truth

_PUBLISH_AT_ONCE: Final = 20_000
T = TypeVar("T")
_read_offer: Final = msgspec.json.Decoder(OfferSeen).decode
_read_decision: Final = msgspec.json.Decoder(DecisionSeen).decode


def run(
    settings: BankSettings,
    bus: Bus,
    progress: Progress = silent,
    *,
    bank: Bank | None = None,
    pacer: Pacer | None = None,
) -> Truth:
    """Run the live days of a bank against a bus and return what was true.

    Parameters
    ----------
    bank : a bank whose history was lived already (see `history.write`); made and aged when not given
    pacer : only tests give one

    Raises
    ------
    Retryable : in lockstep, the scorers did not process a step within `pace.settle_timeout_s`
    """
    if bank is None:
        bank = Bank(settings)
        live_through_history(bank, progress)
    bank.go_live()
    loop = _Loop(bank, bus, progress, pacer or Pacer(settings.pace))
    loop.publish(bank.opening_profiles(settings.start_ms), settings.start_ms)
    if settings.pace.lockstep:
        bus.settle(settings.pace.settle_timeout_s)
    for day in range(settings.start_day, settings.start_day + settings.days):
        bank.begin_day(day)
        for end_ms in range(day * DAY_MS + settings.step_ms, (day + 1) * DAY_MS + 1, settings.step_ms):
            loop.step(end_ms)
    loop.finish()
    return loop.recorder.truth()


def live_through_history(bank: Bank, progress: Progress = silent) -> None:
    """Age a bank to its first live day exactly as `history.write` does, without writing anything."""
    for _day in days_of_history(bank, progress):
        pass


class _Loop:
    """The moving parts of one run."""

    def __init__(self, bank: Bank, bus: Bus, progress: Progress, pacer: Pacer) -> None:
        self._bank, self._bus, self._progress, self._pacer = bank, bus, progress, pacer
        self._settings = bank.settings
        self.recorder = Recorder(bank)

    def step(self, end_ms: int) -> None:
        """Publish one step and answer what came of it."""
        records = self._bank.step(end_ms)
        self.publish(records, end_ms)
        if self._settings.pace.lockstep:
            self._bus.settle(self._settings.pace.settle_timeout_s)
        self._hear(end_ms)
        self._report("live", end_ms)
        self._pacer.wait(self._settings.step_ms, len(records))

    def publish(self, records: Sequence[Outgoing], heard_ms: int) -> None:
        """Hand records to the bus in portions, so that a display moves and memory stays bounded."""
        for start in range(0, len(records), _PUBLISH_AT_ONCE):
            portion = records[start : start + _PUBLISH_AT_ONCE]
            self._bus.publish(portion)
            self.recorder.note_published(portion)
            self._report("live", heard_ms)

    def finish(self) -> None:
        """Wait for the scorers a last time, so that the truth holds all their decisions."""
        pace = self._settings.pace
        try:
            self._bus.settle(pace.settle_timeout_s)
        except Retryable:
            if pace.lockstep:
                raise
            self.recorder.is_settled = False
        self._hear(self._settings.end_ms)
        self.recorder.note_unpublished(self._bank.drop_undelivered())
        self._report("done", self._settings.end_ms)

    def _hear(self, heard_ms: int) -> None:
        offers = self.recorder.new_offers(_decoded(self._bus.take_offers(), _read_offer, "nbo.offers"))
        for offer in offers:
            self._bank.response.book.learn(offer.offer_id, offer.products)
        self.recorder.note_decisions(_decoded(self._bus.take_decisions(), _read_decision, "nbo.decisions"))
        # Partitions are read in any order; the order of answers must not depend on it.
        offers.sort(key=lambda offer: (offer.event_time_ms, offer.decision_id))
        self.recorder.note_answers(len(offers), self._bank.answer(offers, heard_ms))

    def _report(self, phase: str, heard_ms: int) -> None:
        settings, recorder = self._settings, self.recorder
        outcomes = recorder.outcome_counts
        whole_ms = max(settings.end_ms - settings.start_ms, 1)
        self._progress(
            ProgressCounts(
                phase=phase,
                bank_time_ms=heard_ms,
                share_done=(heard_ms - settings.start_ms) / whole_ms,
                published=recorder.published_count,
                decisions=recorder.decisions_count,
                offers=recorder.offers_count,
                accepted=outcomes.get("accepted", 0),
                purchased=outcomes.get("purchased", 0),
                revenue_minor=recorder.revenue_minor,
            )
        )


def _decoded(values: Sequence[bytes], read: Callable[[bytes], T], topic: str) -> list[T]:
    try:
        return [read(value) for value in values]
    except msgspec.MsgspecError as error:
        raise Defect(f"a record of {topic} does not read as its schema says: {error}") from error
