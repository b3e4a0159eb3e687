"""The two documents of a decision: the record for audit and replay, and the offer for delivery.

Rules of this file: plain Python values only, fields as in `vocabulary/messages.py`, one decision at a
time: this is the part of the pipeline that walks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consumer.features.catalogue import FeatureCatalogue
from consumer.features.event_columns import Bools, Floats, Int64s
from consumer.pipeline.outputs import Document
from consumer.pipeline.working_set import WorkingSet
from consumer.policy.arms import ARMS
from consumer.policy.compiled import CompiledPolicy
from consumer.policy.facts import NO_OFFER, RESULTS, Choices
from consumer.policy.triggers import KINDS_OF_SOURCE
from consumer.scoring.compiled import CompiledModels
from consumer.vocabulary.messages import SCHEMA_VERSION
from consumer.vocabulary.products import Offer, Product
from consumer.vocabulary.reasons import Exclusion
from consumer.vocabulary.time import DAY_MS
from consumer.vocabulary.topics import INPUT_ROLES
from consumer.vocabulary.words import CHANNELS

REASONS = 3
"""Reasons that an offer carries: what a person can take in."""

_CODES = [Exclusion(code).code if code in set(Exclusion) else "" for code in range(256)]


@dataclass(frozen=True, slots=True)
class Decided:
    """n decisions of one wave, everything that their documents need.

    events : event rows; names : decision ids
    draw : shape (n,), the uniform number that chose
    inputs_milli : shape (n, F); is_scored : shape (n,), False where nobody may look at the customer
    segment : shape (n,), -1 unknown
    """

    events: Int64s
    names: Sequence[str]
    choices: Choices
    draw: Floats
    inputs_milli: Int64s
    is_scored: Bools
    segment: Int64s
    models: CompiledModels


@dataclass(frozen=True, slots=True)
class DecisionDocuments:
    """Builds documents under one policy."""

    policy: CompiledPolicy
    features: FeatureCatalogue
    seed_version: str

    def decision(self, work: WorkingSet, decided: Decided, row: int) -> Document:
        """Return the `Decision` record of decision `row`."""
        decoded, event = work.decoded, int(decided.events[row])
        choices, chosen = decided.choices, int(decided.choices.chosen[row])
        segment = int(decided.segment[row])
        return {
            "schema_version": SCHEMA_VERSION,
            "event_id": f"{decided.names[row]}.decision",
            "customer_id": work.loaded.customer_ids[decoded.events.customer[event]],
            "event_time_ms": int(decoded.events.event_time_ms[event]),
            "decision_id": decided.names[row],
            "trigger": self._trigger(work, event),
            "result": RESULTS[choices.result[row]],
            "arm": ARMS[choices.arm[row]],
            "model_input": self._model_input(decided, row),
            "candidates": self._candidates(choices, row),
            "exclusions": self._exclusions(choices, row),
            "no_offer_logging_propensity": float(choices.logging_propensity[row, -1]),
            "exploration_gamma": float(choices.gamma[row]),
            "draw": float(decided.draw[row]),
            "offer_id": None if chosen == NO_OFFER else self._offers[chosen].offer_id,
            "channel": None if chosen == NO_OFFER else CHANNELS[choices.channel[row, chosen]],
            "reasons": [] if chosen == NO_OFFER else self.reasons(decided, row),
            "segment": None if segment < 0 else segment,
            "model_version": decided.models.version,
            "policy_version": self.policy.policy.policy_version,
            "seed_version": self.seed_version,
            "stream_time_ms": int(work.stream_time_ms[event]),
        }

    def offer(self, work: WorkingSet, decided: Decided, row: int) -> Document:
        """Return the `OfferMade` record of decision `row`, which sends an offer."""
        decoded, event = work.decoded, int(decided.events[row])
        choices, column = decided.choices, int(decided.choices.chosen[row])
        offer = self._offers[column]
        channel = CHANNELS[choices.channel[row, column]]
        creative = offer.creatives[channel]
        at_ms = int(decoded.events.event_time_ms[event])
        return {
            "schema_version": SCHEMA_VERSION,
            "event_id": f"{decided.names[row]}.offer",
            "customer_id": work.loaded.customer_ids[decoded.events.customer[event]],
            "event_time_ms": at_ms,
            "decision_id": decided.names[row],
            "offer_id": offer.offer_id,
            "kind": offer.kind,
            "products": list(offer.products),
            "channel": channel,
            "creative_id": creative.creative_id,
            "headline": creative.headline,
            "talking_points": list(creative.talking_points),
            "reasons": self.reasons(decided, row),
            "p_accept": float(choices.p_accept[row, column]),
            "value_minor": self._value_minor(offer),
            "valid_from_ms": at_ms,
            "expires_at_ms": at_ms + offer.validity_days * DAY_MS,
            "attribution_window_ms": self.window_ms(offer),
            "model_version": decided.models.version,
            "policy_version": self.policy.policy.policy_version,
        }

    def reasons(self, decided: Decided, row: int) -> list[Document]:
        """Return the strongest reasons for the chosen offer's score, in words."""
        model = self.policy.catalogue.model_of_offer(self._offers[int(decided.choices.chosen[row])])
        strongest = decided.models.explain(decided.inputs_milli[row], model, REASONS)
        return [
            {
                "feature": name,
                "text": self.features.descriptions.get(name, name),
                "contribution": contribution,
            }
            for name, contribution in strongest
        ]

    def window_ms(self, offer: Offer) -> int:
        """Return how long outcomes of the offer count."""
        return self._product(offer).attribution_window_days * DAY_MS

    @property
    def _offers(self) -> tuple[Offer, ...]:
        return self.policy.catalogue.offers

    def _product(self, offer: Offer) -> Product:
        return self.policy.catalogue.products[self.policy.catalogue.product_index[offer.products[0]]]

    def _value_minor(self, offer: Offer) -> int:
        catalogue = self.policy.catalogue
        return sum(catalogue.products[catalogue.product_index[name]].margin_minor for name in offer.products)

    def _trigger(self, work: WorkingSet, event: int) -> Document:
        decoded = work.decoded
        role = INPUT_ROLES[decoded.events.source[event]]
        kinds = KINDS_OF_SOURCE[role]
        return {
            "topic": role,
            "kind": kinds[decoded.events.kind[event]] if kinds else role,
            "event_id": decoded.event_ids[event],
            "partition": int(decoded.partition[event]),
            "offset": int(decoded.offset[event]),
        }

    def _model_input(self, decided: Decided, row: int) -> Document | None:
        if not decided.is_scored[row]:
            return None
        return {
            "fingerprint": self.features.layout.fingerprint,
            "inputs_milli": decided.inputs_milli[row].tolist(),
        }

    def _candidates(self, choices: Choices, row: int) -> list[Document]:
        return [
            {
                "offer_id": self._offers[column].offer_id,
                "channel": CHANNELS[choices.channel[row, column]],
                "p_accept": float(choices.p_accept[row, column]),
                "context_weight": float(choices.context_weight[row, column]),
                "value": float(choices.value[row, column]),
                "lever": float(choices.lever[row, column]),
                "priority": float(choices.priority[row, column]),
                "logging_propensity": float(choices.logging_propensity[row, column]),
            }
            for column in np.flatnonzero(choices.excluded[row] == 0).tolist()
        ]

    def _exclusions(self, choices: Choices, row: int) -> dict[str, str]:
        codes = choices.excluded[row].tolist()
        return {offer.offer_id: _CODES[code] for offer, code in zip(self._offers, codes, strict=True) if code}
