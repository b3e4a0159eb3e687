"""One batch, start to end: fold each event, settle outcomes, decide at triggers, close what is over.

    for each wave (the k-th event of every customer)
        outcomes find their open decision       attribute.py
        the events are folded into the records  features/fold.py
        outcomes settle their decision          attribute.py
        triggers open decisions                 decide.py
    deadlines up to the stream's time close     attribute.py

A batch in which a budget ran out is run a second time in smaller parts (budgets.py).

Rules of this file: pure (the batch's own working set is all that changes), and the order above is the
meaning: a decision sees its triggering event and everything before it, nothing later. Law: cutting the
same events into other batches changes no record, no decision and no example.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from consumer.features.catalogue import FeatureCatalogue
from consumer.features.event_columns import Bools, EventSource, Int64s
from consumer.features.fold import Disposition, fold_wave, waves
from consumer.features.profile import objects_to_profiling
from consumer.pipeline.attribute import Attribution
from consumer.pipeline.batch import BatchResult, LoadedBatch
from consumer.pipeline.decide import Deciding
from consumer.pipeline.outputs import dead_letter_record
from consumer.pipeline.working_set import StoredForms, WorkingSet, open_working_set
from consumer.scoring.compiled import CompiledModels
from consumer.vocabulary.topics import Topics

_APPLIED, _SUPPRESSED = Disposition.APPLIED.value, Disposition.SUPPRESSED.value
_DISPOSITIONS: Final = [disposition.name.lower() for disposition in Disposition]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The pure core of a scorer, configured once."""

    features: FeatureCatalogue
    forms: StoredForms
    attribution: Attribution
    deciding: Deciding
    topics: Topics

    def run(self, loaded: LoadedBatch, models: CompiledModels) -> BatchResult:
        """Return what a batch changes; `loaded` is used up (its columns are completed in place)."""
        work = self._worked(loaded, models, is_cut=False)
        if work.has_spent_budget:
            work = self._worked(loaded, models, is_cut=True)
        return work.close()

    def _worked(self, loaded: LoadedBatch, models: CompiledModels, *, is_cut: bool) -> WorkingSet:
        """Work through the batch; `is_cut` keeps the order of decisions where budgets run out."""
        work = open_working_set(loaded, self.forms, self._to_open(loaded))
        for rows, erased, end in _segments(work):
            for part in self._parts(work, rows) if is_cut else (rows,):
                for wave in waves(work.decoded.events.customer[part]):
                    self._wave(work, part[wave], models)
            for customer in erased:
                self.attribution.forget(work, customer, before_event=end)
                work.erase(customer)
        self.attribution.close_due(work)
        self.deciding.forget_budgets(work)
        self._emit_dead_letters(work)
        return work

    def _to_open(self, loaded: LoadedBatch) -> Bools:
        """Return whose open decisions something may happen to: nine in ten customers of a batch have none of these.

        Outcomes settle them, triggers may add one, profiles may object, erasures end them, time closes them.
        """
        decoded, opens = loaded.decoded, np.zeros(len(loaded.customer_ids), dtype=bool)
        if loaded.past:
            # Any event may have been a trigger under the policy of that time.
            return ~opens
        events = decoded.events
        concerns = self.deciding.may_decide(events.source, events.kind)
        concerns |= (events.source == EventSource.OUTCOME) | (events.source == EventSource.PROFILE)
        opens[events.customer[concerns]] = True
        opens[decoded.erasures.customer] = True
        opens[list(loaded.due)] = True
        return opens

    def _parts(self, work: WorkingSet, rows: Int64s) -> Iterator[Int64s]:
        """Cut rows where the order of decisions could matter; the next cut is made after a part is done."""
        start = 0
        while start < len(rows):
            end = start + self.deciding.within_budgets(work, rows[start:])
            yield rows[start:end]
            start = end

    def _wave(self, work: WorkingSet, rows: Int64s, models: CompiledModels) -> None:
        """Process events of which no two belong to one customer."""
        source = work.decoded.events.source[rows]
        outcomes = rows[source == EventSource.OUTCOME]
        decisions = self.attribution.find(work, outcomes) if len(outcomes) else outcomes
        dispositions = fold_wave(self.features, work.records, work.decoded.events, rows)
        for name, amount in zip(_DISPOSITIONS, np.bincount(dispositions).tolist(), strict=False):
            work.count("events_total", name, amount)
        if len(outcomes):
            is_new = dispositions[source == EventSource.OUTCOME] == _APPLIED
            self.attribution.apply(work, outcomes[is_new], decisions[is_new])
        is_looked_at = (dispositions == _APPLIED) | (dispositions == _SUPPRESSED)
        self.deciding.apply(work, rows[is_looked_at], models)
        profiles = rows[source == EventSource.PROFILE]
        if len(profiles):
            self._forget_objectors(work, profiles)

    def _forget_objectors(self, work: WorkingSet, profiles: Int64s) -> None:
        """Drop the open decisions, inputs included, of customers whose profile objects to profiling."""
        customers = work.decoded.events.customer[profiles]
        is_leaving = objects_to_profiling(work.records, customers) & np.isin(customers, work.book.owner)
        for customer, event in zip(
            customers[is_leaving].tolist(), profiles[is_leaving].tolist(), strict=True
        ):
            self.attribution.forget(work, customer, before_event=event)
            work.count("open_decisions_total", "dropped_by_objection")

    def _emit_dead_letters(self, work: WorkingSet) -> None:
        for letter in work.decoded.dead_letters:
            topic = self.topics.name(letter.record.role)
            work.emit_at(dead_letter_record(letter, topic), letter.record)
            work.count("dead_letters_total", str(letter.code))


def _segments(work: WorkingSet) -> Iterator[tuple[Int64s, list[int], int]]:
    """Cut the batch after each run of erasures: (event rows before them, customers erased then, end)."""
    decoded = work.decoded
    cuts, places = np.unique(decoded.erasures.before_event, return_inverse=True)
    start = 0
    for number, cut in enumerate(cuts.tolist()):
        yield np.arange(start, cut), decoded.erasures.customer[places == number].tolist(), cut
        start = cut
    yield np.arange(start, len(decoded.events)), [], len(decoded.events)
