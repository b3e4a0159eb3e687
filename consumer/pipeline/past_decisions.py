"""Decisions that readers can see already, applied as they were instead of made again.

When the store has lost its newest writes, events are folded again that were decided on before. The models
may have changed meanwhile, so deciding anew could reserve other contacts than the offers that customers
really got. What was decided is therefore read back from `nbo.decisions`:

    the event's position is below `until` and in the log     apply what the log says
    below `until`, not in the log                            no decision was made, so none is made now
    below `until`, and the log does not reach back so far    made again; its outputs stay unpublished
    at or beyond `until`                                     a new decision

Rules of this file: pure; applying takes the way of a new decision (contacts, open decisions, budgets),
so that both leave the same state behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consumer.features.event_columns import Bools, Int64s
from consumer.pipeline.budgets import BudgetLeft
from consumer.pipeline.decision_documents import Decided
from consumer.pipeline.open_book import NOT_FOUND
from consumer.pipeline.working_set import WorkingSet
from consumer.policy.facts import NO_OFFER, RESULTS, Choices
from consumer.scoring.compiled import CompiledModels
from consumer.vocabulary.past import PastDecision, PastDecisions, PastOffer
from consumer.vocabulary.products import OfferCatalogue
from consumer.vocabulary.words import CHANNELS

_OFFERED, _NOT_OFFERED = RESULTS.index("offered"), RESULTS.index("no_offer")


@dataclass(frozen=True, slots=True)
class PastEvents:
    """Event rows, parted by what is known of them.

    made, decisions : rows whose decision was read back, and that decision
    undecided : rows that need a decision now
    """

    made: Int64s
    decisions: Sequence[PastDecision]
    undecided: Int64s


def part_by_past(work: WorkingSet, events: Int64s, is_due: Bools) -> PastEvents:
    """Return which of `events` (event rows) were decided on before, and which are to be decided on now.

    Parameters
    ----------
    is_due : shape (n,), whether the event would open a decision today
    """
    decoded, past = work.decoded, work.loaded.past
    places = zip(
        decoded.partition[events].tolist(),
        decoded.events.source[events].tolist(),
        decoded.offset[events].tolist(),
        strict=True,
    )
    known = [_known(past.get(partition), role, offset) for partition, role, offset in places]
    is_made = np.array([isinstance(decision, PastDecision) for decision in known], dtype=bool)
    is_open = np.array([decision is None for decision in known], dtype=bool)
    return PastEvents(
        made=events[is_made],
        decisions=[decision for decision in known if isinstance(decision, PastDecision)],
        undecided=events[is_open & is_due],
    )


def _known(past: PastDecisions | None, role: int, offset: int) -> PastDecision | bool | None:
    """Return the decision, False where surely none was made, None where nobody knows or none can exist yet."""
    if past is None or not past.covers(role, offset):
        return None
    return past.made.get((role, offset)) or (False if past.is_complete else None)


def decided_as_before(
    work: WorkingSet,
    past: PastEvents,
    catalogue: OfferCatalogue,
    *,
    budget: BudgetLeft,
    models: CompiledModels,
) -> Decided:
    """Return the decisions that were read back, in the form of new ones.

    Only what state depends on is filled in: the offer that went out, its channel, probabilities and inputs.
    """
    offers = [_still_offered(work, decision.offer, catalogue) for decision in past.decisions]
    n, n_offers = len(offers), len(catalogue.offers)
    inputs_milli = np.zeros((n, work.forms.n_inputs), dtype=np.int64)
    choices = _no_choices(n, n_offers, budget)
    segment = np.full(n, -1, dtype=np.int64)
    for row, offer in enumerate(offers):
        if offer is None:
            continue
        column = catalogue.offer_index[offer.offer_id]
        choices.chosen[row], choices.result[row] = column, _OFFERED
        choices.channel[row, column] = CHANNELS.index(offer.channel)
        choices.p_accept[row, column] = offer.p_accept
        choices.logging_propensity[row, column] = offer.logging_propensity
        choices.budget_reserved[budget.group[row], column] += 1
        segment[row] = offer.segment
        if has_todays_inputs(work, offer):
            inputs_milli[row] = offer.inputs_milli
    nothing = np.zeros(n)
    return Decided(
        events=past.made,
        names=[""] * n,
        customer_ids=[""] * n,
        choices=choices,
        draw=nothing,
        inputs_milli=inputs_milli,
        is_scored=np.zeros(n, dtype=bool),
        segment=segment,
        models=models,
    )


def forget_older_inputs(work: WorkingSet, past: PastEvents) -> None:
    """Say of offers whose inputs have another feature layout that no example can come of them."""
    decoded = work.decoded
    rows = [
        row
        for row, decision in enumerate(past.decisions)
        if decision.offer is not None and not has_todays_inputs(work, decision.offer)
    ]
    events = past.made[rows]
    if len(events):
        role = decoded.events.source[events].astype(np.int64)
        found = work.book.find(decoded.events.customer[events], role, decoded.offset[events])
        # Just opened, so their owners are written anyway.
        work.book.rows["has_inputs"][found[found != NOT_FOUND]] = 0


def has_todays_inputs(work: WorkingSet, offer: PastOffer) -> bool:
    """Return whether models of today could learn from the inputs."""
    return (
        offer.fingerprint == work.forms.current.fingerprint and len(offer.inputs_milli) == work.forms.n_inputs
    )


def _still_offered(work: WorkingSet, offer: PastOffer | None, catalogue: OfferCatalogue) -> PastOffer | None:
    """An offer that the policy has dropped has no contact limits and no model any more: counted, left out."""
    if offer is not None and offer.offer_id not in catalogue.offer_index:
        work.count("decisions_total", "read_back_offer_dropped")
        return None
    return offer


def _no_choices(n: int, n_offers: int, budget: BudgetLeft) -> Choices:
    def per_offer() -> NDArray[np.float64]:
        return np.zeros((n, n_offers))

    return Choices(
        excluded=np.zeros((n, n_offers), dtype=np.uint8),
        p_accept=per_offer(),
        context_weight=per_offer(),
        value=per_offer(),
        lever=per_offer(),
        priority=per_offer(),
        channel=np.full((n, n_offers), -1, dtype=np.int8),
        logging_propensity=np.zeros((n, n_offers + 1)),
        gamma=np.zeros(n),
        chosen=np.full(n, NO_OFFER, dtype=np.int64),
        arm=np.zeros(n, dtype=np.uint8),
        result=np.full(n, _NOT_OFFERED, dtype=np.uint8),
        budget_reserved=np.zeros_like(budget.left),
    )
