"""From triggering events to decisions: features, scores, policy, contacts, documents.

Rules of this file: everything about many customers is columns; Python walks only over decisions that
were made, to build their documents. A decision sees the record just after its triggering event, and
nothing later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from consumer.features.catalogue import FeatureCatalogue
from consumer.features.contacts import note_contact, note_decision
from consumer.features.event_columns import Bools, Floats, Int64s, UInt8s
from consumer.features.model_input import model_inputs_milli
from consumer.features.profile import is_known, objects_to_profiling
from consumer.features.traits import segment_of
from consumer.features.values import feature_values
from consumer.learning.labels import KEEP_CLOSED_MS
from consumer.learning.open_decisions import Rows, empty_rows
from consumer.pipeline.budgets import BudgetLeft, budget_left, forget_days, rows_within_budgets, spend
from consumer.pipeline.decision_documents import Decided, DecisionDocuments
from consumer.pipeline.facts import Evidence, facts_of, subjects_of
from consumer.pipeline.outputs import OutputEncoder
from consumer.pipeline.past_decisions import decided_as_before, forget_older_inputs, part_by_past
from consumer.pipeline.working_set import WorkingSet
from consumer.policy.budgets import bank_day
from consumer.policy.compiled import CompiledPolicy, is_trigger
from consumer.policy.decide import decide
from consumer.policy.facts import RESULTS
from consumer.policy.triggers import is_decision_due
from consumer.scoring.compiled import CompiledModels
from consumer.vocabulary.reasons import Exclusion

PlaceSegment = Callable[[Floats], Int64s]
"""Feature values → segment of customers that the laboratory has not placed; -1 for none."""


@dataclass(frozen=True, slots=True)
class Deciding:
    """The decision stage, configured once."""

    features: FeatureCatalogue
    policy: CompiledPolicy
    documents: DecisionDocuments
    encoder: OutputEncoder
    place_segment: PlaceSegment
    n_partitions: int

    def may_decide(self, source: UInt8s, kind: UInt8s) -> Bools:
        """Return which events pull a trigger of the policy, shape (n,)."""
        return is_trigger(self.policy, source, kind)

    def apply(self, work: WorkingSet, events: Int64s, models: CompiledModels) -> None:
        """Decide where `events` (event rows, at most one a customer, just folded) are due triggers."""
        is_due = self._is_due(work, events)
        due = self._apply_past(work, events, is_due, models) if work.loaded.past else events[is_due]
        if not len(due):
            return
        decided = self._decided(work, due, models)
        note_decision(work.records, self._customers(work, due), work.decoded.events.event_time_ms[due])
        self._make_offers(work, decided)
        self._publish(work, decided)

    def _apply_past(self, work: WorkingSet, events: Int64s, is_due: Bools, models: CompiledModels) -> Int64s:
        """Apply the decisions that were read back; return the events that are still to be decided on."""
        past = part_by_past(work, events, is_due)
        if len(past.made):
            budget = self._budget(work, past.made)
            decided = decided_as_before(work, past, self.policy.catalogue, budget=budget, models=models)
            note_decision(
                work.records,
                self._customers(work, past.made),
                work.decoded.events.event_time_ms[past.made],
            )
            spend(self.policy, work.extra, budget, decided.choices.budget_reserved)
            self._make_offers(work, decided)
            forget_older_inputs(work, past)
            work.count("decisions_total", "read_back", len(past.made))
        return past.undecided

    def within_budgets(self, work: WorkingSet, events: Int64s) -> int:
        """Return how many of `events` (rows in order) can be decided before a budget could run out."""
        columns = work.decoded.events
        triggers = np.flatnonzero(is_trigger(self.policy, columns.source[events], columns.kind[events]))
        if not len(triggers):
            return len(events)
        n_safe = rows_within_budgets(self._budget(work, events[triggers]))
        return len(events) if n_safe == len(triggers) else int(triggers[n_safe])

    def forget_budgets(self, work: WorkingSet) -> None:
        """Forget spending of days that lie behind what a decision may lag the stream."""
        policy = self.policy.policy
        spenders = [partition for partition in work.stream_end_ms if work.extra[partition]]
        ends_ms = np.array([work.stream_end_ms[partition] for partition in spenders], dtype=np.int64)
        oldest_ms = np.maximum(ends_ms - policy.decision_staleness_ms, 0)
        for partition, day in zip(spenders, bank_day(policy.text, oldest_ms).tolist(), strict=True):
            forget_days(work.extra[partition], day)

    def _budget(self, work: WorkingSet, events: Int64s) -> BudgetLeft:
        return budget_left(
            self.policy,
            work.extra,
            partition=work.decoded.partition[events],
            bank_day=bank_day(self.policy.policy.text, work.decoded.events.event_time_ms[events]),
            n_partitions=self.n_partitions,
        )

    def _is_due(self, work: WorkingSet, events: Int64s) -> Bools:
        columns, policy = work.decoded.events, self.policy.policy
        pulls = is_trigger(self.policy, columns.source[events], columns.kind[events])
        return pulls & is_decision_due(
            columns.event_time_ms[events],
            work.records["last_decision_s"][self._customers(work, events)],
            stream_time_ms=work.stream_time_ms[events],
            gap_ms=policy.decision_gap_ms,
            staleness_ms=policy.decision_staleness_ms,
        )

    def _decided(self, work: WorkingSet, events: Int64s, models: CompiledModels) -> Decided:
        subjects = subjects_of(work, events)
        records = subjects.records
        values = feature_values(self.features, records)
        segment = self._segment(records_segment=segment_of(records), values=values)
        inputs_milli = model_inputs_milli(self.features, values, segment)
        is_scored = is_known(records) & ~objects_to_profiling(work.records, subjects.customers)
        p_accept = np.zeros((len(events), len(models.model_ids)))
        p_accept[is_scored] = models.score(inputs_milli[is_scored]).p_accept
        budget = self._budget(work, events)
        facts = facts_of(
            work,
            subjects,
            features=self.features,
            policy=self.policy,
            models=models,
            evidence=Evidence(values, p_accept),
            budget=budget,
        )
        choices = decide(self.policy, facts)
        ran_out = spend(self.policy, work.extra, budget, choices.budget_reserved)
        work.has_spent_budget = work.has_spent_budget or ran_out
        return Decided(
            events=events,
            names=subjects.names,
            customer_ids=subjects.customer_ids,
            choices=choices,
            draw=facts.draw,
            inputs_milli=inputs_milli,
            is_scored=is_scored,
            segment=np.where(is_scored, segment, -1),
            models=models,
        )

    def _segment(self, *, records_segment: Int64s, values: Floats) -> Int64s:
        """The laboratory's word first; a customer it has not seen is placed by the seed's centroids."""
        if (records_segment >= 0).all():
            return records_segment
        return np.where(records_segment >= 0, records_segment, self.place_segment(values))

    def _make_offers(self, work: WorkingSet, decided: Decided) -> None:
        """Reserve the contact and open the decision of each offer that is sent."""
        sent = np.flatnonzero(decided.choices.is_sent)
        if not len(sent):
            return
        customers = self._customers(work, decided.events[sent])
        rows = self._open_rows(work, decided, sent)
        note_contact(
            work.records,
            customers,
            offer_key=rows["offer_key"],
            channel=rows["channel"].astype(np.int64),
            product=self.policy.catalogue.columns_of_products(rows["product_key"]),
            at_ms=rows["decided_ms"],
        )
        work.open(customers, rows)

    def _open_rows(self, work: WorkingSet, decided: Decided, sent: Int64s) -> Rows:
        choices, columns = decided.choices, work.decoded.events
        chosen, events = choices.chosen[sent], decided.events[sent]
        texts = [self.documents.texts[column] for column in chosen.tolist()]
        rows = empty_rows(decided.inputs_milli.shape[1], len(sent))
        rows["topic_code"] = columns.source[events]
        rows["offset"] = work.decoded.offset[events]
        rows["channel"] = choices.channel[sent, chosen]
        rows["model_key"] = [text.model_key for text in texts]
        rows["product_key"] = [text.product_key for text in texts]
        rows["offer_key"] = [text.offer_key for text in texts]
        rows["segment"] = decided.segment[sent]
        rows["decided_ms"] = columns.event_time_ms[events]
        rows["window_ms"] = [text.window_ms for text in texts]
        rows["deadline_ms"] = rows["decided_ms"] + [text.validity_ms for text in texts]
        rows["forget_ms"] = rows["deadline_ms"] + KEEP_CLOSED_MS
        rows["logging_propensity"] = choices.logging_propensity[sent, chosen]
        rows["inputs_milli"] = decided.inputs_milli[sent]
        return rows

    def _publish(self, work: WorkingSet, decided: Decided) -> None:
        """Emit an offer that is sent, then its decision, in the order of the decisions."""
        wave = self.documents.of_wave(work, decided)
        outputs = [*self.encoder.offers(wave.offers), *self.encoder.decisions(wave.decisions)]
        place = np.concatenate([wave.sent, np.arange(len(decided.events))])
        order = np.argsort(place, kind="stable")
        work.emit_all([outputs[i] for i in order.tolist()], decided.events[place[order]])
        made = np.bincount(decided.choices.result, minlength=len(RESULTS))
        for result, amount in zip(RESULTS, made.tolist(), strict=True):
            work.count("decisions_total", result, amount)
        self._count_exclusions(work, decided)

    def _count_exclusions(self, work: WorkingSet, decided: Decided) -> None:
        counts = np.bincount(decided.choices.excluded.ravel())
        for code in np.flatnonzero(counts).tolist():
            name = "exclusions_total" if code else "candidates_total"
            work.count(name, Exclusion(code).code, int(counts[code]))

    @staticmethod
    def _customers(work: WorkingSet, events: Int64s) -> Int64s:
        return work.decoded.events.customer[events]
