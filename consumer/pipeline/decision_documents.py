"""The two documents of a decision: the record for audit and replay, and the offer for delivery.

Rules of this file: plain Python values only, fields as in `vocabulary/messages.py`. This is the part of the
pipeline that walks, so the columns of a wave become lists once, and only then each decision its documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

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
from consumer.vocabulary.products import Offer, OfferCatalogue, catalogue_key
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
class OfferText:
    """What is the same whenever an offer is named. `model` is the column that scores it.

    model_key, product_key, offer_key : as stored with open decisions (`catalogue_key`)
    """

    offer_id: str
    model: int
    model_key: int
    product_key: int
    offer_key: int
    value_minor: int
    validity_ms: int
    window_ms: int
    by_channel: Mapping[str, Document]


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents of one decision; `offer` is None where nothing is sent."""

    decision: Document
    offer: Document | None


@dataclass(frozen=True, slots=True)
class _Wave:
    """Columns of n decisions as lists of plain values; channel and chances are those of the chosen offer."""

    names: Sequence[str]
    customer_ids: Sequence[str]
    at_ms: Sequence[int]
    stream_ms: Sequence[int]
    triggers: Sequence[Document]
    result: Sequence[int]
    arm: Sequence[int]
    segment: Sequence[int]
    chosen: Sequence[int]
    channel: Sequence[int]
    p_accept: Sequence[float]
    no_offer: Sequence[float]
    gamma: Sequence[float]
    draw: Sequence[float]
    model_inputs: Sequence[Document | None]
    candidates: Sequence[list[Document]]
    exclusions: Sequence[dict[str, str]]
    reasons: Sequence[list[Document]]


@dataclass(frozen=True, slots=True)
class DecisionDocuments:
    """Builds documents under one policy. `texts` has one `OfferText` an offer, in column order."""

    policy: CompiledPolicy
    features: FeatureCatalogue
    seed_version: str
    texts: Sequence[OfferText] = field(init=False)

    def __post_init__(self) -> None:
        """Look up once what the policy says of each offer."""
        catalogue = self.policy.catalogue
        object.__setattr__(self, "texts", [_offer_text(catalogue, offer) for offer in catalogue.offers])

    def of_wave(self, work: WorkingSet, decided: Decided) -> Iterator[Documents]:
        """Yield the documents of each decision, in their order."""
        wave = self._wave(work, decided)
        is_sent = decided.choices.is_sent.tolist()
        for row, sends in enumerate(is_sent):
            offer = self._offer(wave, row, decided.models.version) if sends else None
            yield Documents(self._decision(wave, row, decided.models.version), offer)

    def _decision(self, wave: _Wave, row: int, model_version: str) -> Document:
        """Return the `Decision` record of decision `row`."""
        chosen, segment, name = wave.chosen[row], wave.segment[row], wave.names[row]
        return {
            "schema_version": SCHEMA_VERSION,
            "event_id": f"{name}.decision",
            "customer_id": wave.customer_ids[row],
            "event_time_ms": wave.at_ms[row],
            "decision_id": name,
            "trigger": wave.triggers[row],
            "result": RESULTS[wave.result[row]],
            "arm": ARMS[wave.arm[row]],
            "model_input": wave.model_inputs[row],
            "candidates": wave.candidates[row],
            "exclusions": wave.exclusions[row],
            "no_offer_logging_propensity": wave.no_offer[row],
            "exploration_gamma": wave.gamma[row],
            "draw": wave.draw[row],
            "offer_id": None if chosen == NO_OFFER else self.texts[chosen].offer_id,
            "channel": None if chosen == NO_OFFER else CHANNELS[wave.channel[row]],
            "reasons": wave.reasons[row],
            "segment": None if segment < 0 else segment,
            "model_version": model_version,
            "policy_version": self.policy.policy.policy_version,
            "seed_version": self.seed_version,
            "stream_time_ms": wave.stream_ms[row],
        }

    def _offer(self, wave: _Wave, row: int, model_version: str) -> Document:
        """Return the `OfferMade` record of decision `row`, which sends an offer."""
        text, name, at_ms = self.texts[wave.chosen[row]], wave.names[row], wave.at_ms[row]
        return {
            "schema_version": SCHEMA_VERSION,
            "event_id": f"{name}.offer",
            "customer_id": wave.customer_ids[row],
            "event_time_ms": at_ms,
            "decision_id": name,
            **text.by_channel[CHANNELS[wave.channel[row]]],
            "reasons": wave.reasons[row],
            "p_accept": wave.p_accept[row],
            "value_minor": text.value_minor,
            "valid_from_ms": at_ms,
            "expires_at_ms": at_ms + text.validity_ms,
            "attribution_window_ms": text.window_ms,
            "model_version": model_version,
            "policy_version": self.policy.policy.policy_version,
        }

    def _wave(self, work: WorkingSet, decided: Decided) -> _Wave:
        columns, choices, events = work.decoded.events, decided.choices, decided.events
        ids = work.loaded.customer_ids
        # A row without an offer reads the last column, which nobody looks at.
        rows = np.arange(len(events))
        return _Wave(
            names=decided.names,
            customer_ids=[ids[customer] for customer in columns.customer[events].tolist()],
            at_ms=columns.event_time_ms[events].tolist(),
            stream_ms=work.stream_time_ms[events].tolist(),
            triggers=_triggers(work, events),
            result=choices.result.tolist(),
            arm=choices.arm.tolist(),
            segment=decided.segment.tolist(),
            chosen=choices.chosen.tolist(),
            channel=choices.channel[rows, choices.chosen].tolist(),
            p_accept=choices.p_accept[rows, choices.chosen].tolist(),
            no_offer=choices.logging_propensity[:, -1].tolist(),
            gamma=choices.gamma.tolist(),
            draw=decided.draw.tolist(),
            model_inputs=self._model_inputs(decided),
            candidates=self._candidates(choices),
            exclusions=self._exclusions(choices),
            reasons=self._reasons(decided),
        )

    def _model_inputs(self, decided: Decided) -> list[Document | None]:
        fingerprint = self.features.layout.fingerprint
        return [
            {"fingerprint": fingerprint, "inputs_milli": inputs} if is_scored else None
            for inputs, is_scored in zip(
                decided.inputs_milli.tolist(), decided.is_scored.tolist(), strict=True
            )
        ]

    def _candidates(self, choices: Choices) -> list[list[Document]]:
        """Return the candidates of each decision: all of the wave in one go, then cut by decision."""
        is_candidate = choices.excluded == 0
        rows, columns = np.nonzero(is_candidate)
        factors = (
            choices.p_accept,
            choices.context_weight,
            choices.value,
            choices.lever,
            choices.priority,
            choices.logging_propensity,
        )
        documents: list[Document] = [
            {
                "offer_id": self.texts[column].offer_id,
                "channel": CHANNELS[channel],
                "p_accept": p_accept,
                "context_weight": context_weight,
                "value": value,
                "lever": lever,
                "priority": priority,
                "logging_propensity": logging_propensity,
            }
            for column, channel, p_accept, context_weight, value, lever, priority, logging_propensity in zip(
                columns.tolist(),
                choices.channel[rows, columns].tolist(),
                *(factor[rows, columns].tolist() for factor in factors),
                strict=True,
            )
        ]
        ends = np.cumsum(is_candidate.sum(axis=1)).tolist()
        return [documents[start:end] for start, end in pairwise([0, *ends])]

    def _exclusions(self, choices: Choices) -> list[dict[str, str]]:
        """Return offer → reason code of each decision; equal rows, of which there are many, share one."""
        n_offers = len(self.texts)
        flat = choices.excluded.tobytes()
        keys = [flat[start : start + n_offers] for start in range(0, len(flat), n_offers)]
        told = {
            key: {text.offer_id: _CODES[code] for text, code in zip(self.texts, key, strict=True) if code}
            for key in set(keys)
        }
        return [told[key] for key in keys]

    def _reasons(self, decided: Decided) -> list[list[Document]]:
        """Return the strongest reasons for the chosen offers' scores, in words."""
        reasons: list[list[Document]] = [[] for _ in decided.names]
        chosen = decided.choices.chosen
        rows = np.flatnonzero(chosen != NO_OFFER)
        models = np.array([self.texts[column].model for column in chosen[rows].tolist()], dtype=np.int64)
        strongest = decided.models.explain_rows(decided.inputs_milli[rows], models, REASONS)
        for row, found in zip(rows.tolist(), strongest, strict=True):
            reasons[row] = [
                {
                    "feature": name,
                    "text": self.features.descriptions.get(name, name),
                    "contribution": contribution,
                }
                for name, contribution in found
            ]
        return reasons


def _triggers(work: WorkingSet, events: Int64s) -> list[Document]:
    decoded = work.decoded
    event_ids = decoded.event_ids[events].tolist()
    return [
        {
            "topic": INPUT_ROLES[place.role],
            "kind": kinds[kind]
            if (kinds := KINDS_OF_SOURCE[INPUT_ROLES[place.role]])
            else INPUT_ROLES[place.role],
            "event_id": event_id,
            "partition": place.partition,
            "offset": place.offset,
        }
        for place, kind, event_id in zip(
            work.places(events), decoded.events.kind[events].tolist(), event_ids, strict=True
        )
    ]


def _offer_text(catalogue: OfferCatalogue, offer: Offer) -> OfferText:
    model = catalogue.model_of_offer(offer)
    products = [catalogue.products[catalogue.product_index[name]] for name in offer.products]
    return OfferText(
        offer_id=offer.offer_id,
        model=model,
        model_key=catalogue_key(catalogue.model_ids[model]),
        product_key=catalogue_key(offer.products[0]),
        offer_key=offer.offer_key,
        value_minor=sum(product.margin_minor for product in products),
        validity_ms=offer.validity_days * DAY_MS,
        window_ms=products[0].attribution_window_days * DAY_MS,
        by_channel={
            channel: {
                "offer_id": offer.offer_id,
                "kind": offer.kind,
                "products": list(offer.products),
                "channel": channel,
                "creative_id": creative.creative_id,
                "headline": creative.headline,
                "talking_points": list(creative.talking_points),
            }
            for channel, creative in offer.creatives.items()
        },
    )
