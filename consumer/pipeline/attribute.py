"""Outcomes meet the decisions that they answer: contacts, labels, examples.

Rules of this file: an outcome whose decision is unknown is an orphan: counted, and its engagement is not
attributed to any product. Deadlines are checked against the stream time at each outcome, so the labels
do not depend on how the stream is cut into batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from consumer.features.contacts import note_contact, release_contact
from consumer.features.event_columns import Int64s
from consumer.learning.attribution import Effect
from consumer.learning.labels import Label, Step, close_due, labels_of, settle
from consumer.learning.open_decisions import due_ms
from consumer.learning.weighting import importance_weights
from consumer.pipeline.open_book import NOT_FOUND
from consumer.pipeline.outputs import OutputEncoder
from consumer.pipeline.record_forms import EXAMPLE
from consumer.pipeline.working_set import WorkingSet
from consumer.vocabulary.ids import decision_id
from consumer.vocabulary.messages import SCHEMA_VERSION
from consumer.vocabulary.products import OfferCatalogue
from consumer.vocabulary.topics import INPUT_ROLES


@dataclass(frozen=True, slots=True)
class Attribution:
    """What turning effects into examples needs to know."""

    offers: OfferCatalogue
    encoder: OutputEncoder

    def find(self, work: WorkingSet, events: Int64s) -> Int64s:
        """Return the open decision of each outcome event, and fill in its product and channel.

        A decision that is due to be forgotten is found no more, whether or not the store still has it, or has
        noticed yet that its deadline is over. A decision is only found on the partition that its id names.
        """
        decoded = work.decoded
        customers = decoded.events.customer[events]
        index = work.book.find(customers, decoded.decision_role[events], decoded.decision_offset[events])
        rows = work.book.rows[np.maximum(index, 0)] if len(work.book.rows) else work.book.rows
        if len(rows):
            is_forgotten = rows["forget_ms"] <= work.stream_time_ms[events]
            is_elsewhere = decoded.decision_partition[events] != decoded.partition[events]
            index = np.where(is_forgotten | is_elsewhere, NOT_FOUND, index)
        found = index != NOT_FOUND
        decoded.events.product[events] = -1
        keys = work.book.rows["product_key"][index[found]]
        decoded.events.product[events[found]] = self.offers.columns_of_products(keys)
        decoded.events.channel[events[found]] = work.book.rows["channel"][index[found]]
        return index

    def apply(self, work: WorkingSet, events: Int64s, index: Int64s) -> None:
        """Settle the decisions that these outcomes (new ones, at most one a customer) answer."""
        found = index != NOT_FOUND
        work.count("outcomes_total", "orphan", int((~found).sum()))
        work.count("outcomes_total", "attributed", int(found.sum()))
        columns = work.decoded.events
        places, rows = events[found], index[found]
        steps = settle(
            work.book.rows,
            rows,
            columns.kind[places],
            event_time_ms=columns.event_time_ms[places],
            stream_time_ms=work.stream_time_ms[places],
        )
        work.book.changed[work.book.owner[rows]] = True
        self.follow(work, steps, places)

    def follow(self, work: WorkingSet, steps: Sequence[Step], events: Int64s) -> None:
        """Do what the steps say: free or restore contacts, publish examples.

        Parameters
        ----------
        events : event row that caused each step, by the step's `outcome`
        """
        self._move_contacts(work, steps)
        for step in steps:
            for name in _counted(step.effects):
                work.count("outcome_steps_total", name)
            for label in labels_of(step):
                self._emit_example(work, label, int(events[step.outcome]))

    def close_due(self, work: WorkingSet) -> None:
        """Close, or forget, every decision whose time the stream has passed by the end of the batch."""
        book = work.book
        due = np.flatnonzero(due_ms(book.rows) <= work.end_ms[book.owner])
        if not len(due):
            return
        partition = work.partition[book.owner[due]]
        moved, last = _last_events(work)
        is_moved = np.isin(partition, moved)
        due, partition = due[is_moved], partition[is_moved]
        order = np.argsort(partition, kind="stable")
        due, partition = due[order], partition[order]
        book.changed[book.owner[due]] = True
        self._close(work, due, work.end_ms[book.owner[due]], events=last[np.searchsorted(moved, partition)])

    def forget(self, work: WorkingSet, customer: int, *, before_event: int) -> None:
        """Close what came due to a customer before event row `before_event`, then drop the open decisions.

        Without the first step the examples of deadlines that were over would depend on where a batch ends.
        """
        owned = np.flatnonzero(work.book.owner == customer)
        if not len(owned):
            return
        partition = work.loaded.customer_partition[customer]
        earlier = np.flatnonzero(work.decoded.partition[:before_event] == partition)
        if len(earlier):
            events = np.full(len(owned), earlier[-1])
            self._close(work, owned, work.stream_time_ms[events], events=events)
        work.book.remove_owner(customer)

    def _close(self, work: WorkingSet, index: Int64s, end_ms: Int64s, *, events: Int64s) -> None:
        """Close those of the rows at `index` that are over at `end_ms`, because of the event row of each."""
        rows, places = work.book.rows[index], index.tolist()
        steps = [
            Step(places[step.row], step.row, step.is_deadline, step.effects, step.at_ms)
            for step in close_due(rows, end_ms)
        ]
        work.book.rows[index] = rows
        self.follow(work, steps, events)

    def _emit_example(self, work: WorkingSet, label: Label, event: int) -> None:
        row = work.book.rows[label.row]
        if not row["has_inputs"]:
            work.count("examples_total", "inputs_of_older_layout")
            return
        model_id = self.offers.name_of_key(int(row["model_key"]))
        if model_id is None:
            work.count("examples_total", "model_dropped_by_policy")
            return
        document = EXAMPLE(**self._example(work, row, label, model_id=model_id))
        work.emit_all(self.encoder.examples([document]), np.array([event]))
        work.count("examples_total", label.cause)

    def _example(self, work: WorkingSet, row: Any, label: Label, *, model_id: str) -> dict[str, Any]:
        loaded, customer = work.loaded, int(work.book.owner[label.row])
        name = decision_id(
            INPUT_ROLES[row["topic_code"]], loaded.customer_partition[customer], int(row["offset"])
        )
        logging_propensity = float(row["logging_propensity"])
        weight = float(importance_weights(np.array([logging_propensity]))[0])
        return {
            "schema_version": SCHEMA_VERSION,
            "event_id": f"{name}.{label.label_kind}.{label.cause}.{label.label}",
            "customer_id": loaded.customer_ids[customer],
            "event_time_ms": label.at_ms,
            "decision_id": name,
            "product_id": model_id,
            "offer_id": self._offer_id(int(row["offer_key"])),
            "label_kind": label.label_kind,
            "label": label.label,
            "weight": label.sign * weight,
            "logging_propensity": logging_propensity,
            "cause": label.cause,
            "model_input": {
                "fingerprint": work.forms.current.fingerprint,
                "inputs_milli": row["inputs_milli"].tolist(),
            },
            "segment": None if row["segment"] < 0 else int(row["segment"]),
            "decided_at_ms": int(row["decided_ms"]),
            "matured_at_ms": label.at_ms,
        }

    def _offer_id(self, offer_key: int) -> str:
        """An offer that the policy has dropped meanwhile keeps its key as its name."""
        return self.offers.name_of_key(offer_key) or f"dropped-{offer_key}"

    def _move_contacts(self, work: WorkingSet, steps: Sequence[Step]) -> None:
        """Give contacts back that were not delivered, and take them again where delivery shows after all."""
        for effect, move in (
            (Effect.RELEASE_CONTACT, release_contact),
            (Effect.RESTORE_CONTACT, note_contact),
        ):
            moved = _rows_with(steps, effect)
            if len(moved):
                rows = work.book.rows[moved]
                move(
                    work.records,
                    work.book.owner[moved],
                    offer_key=rows["offer_key"],
                    channel=rows["channel"].astype(np.int64),
                    product=self.offers.columns_of_products(rows["product_key"]),
                    at_ms=rows["decided_ms"],
                )


@cache
def _counted(effects: Effect) -> tuple[str, ...]:
    """Return under which names a step is counted."""
    flags = (Effect.DUPLICATE, Effect.CONTRADICTION, Effect.UNCONFIRMED)
    return tuple(str(flag.name).lower() for flag in flags if effects & flag)


def _rows_with(steps: Sequence[Step], effect: Effect) -> Int64s:
    return np.array([step.row for step in steps if step.effects & effect], dtype=np.int64)


def _last_events(work: WorkingSet) -> tuple[Int64s, Int64s]:
    """Return the partitions of the batch and each one's last event row: what moved its clock to where it is."""
    partition = work.decoded.partition
    partitions, first_from_end = np.unique(partition[::-1], return_index=True)
    return partitions, len(partition) - 1 - first_from_end
