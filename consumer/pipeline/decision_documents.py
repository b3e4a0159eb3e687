"""The two documents of a decision: the record for audit and replay, and the offer for delivery.

Rules of this file: plain Python values only, fields as in `vocabulary/messages.py`. Each field is a column of
the wave as a list; the lists become structs all at once (`record_forms`), never decision by decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise, repeat
from typing import Any, Final

import numpy as np

from consumer.features.catalogue import FeatureCatalogue
from consumer.features.event_columns import Bools, Floats, Int64s
from consumer.pipeline.record_forms import (
    CANDIDATE,
    DECISION,
    MODEL_INPUT,
    OFFER,
    REASON,
    TRIGGER,
    encoded_once,
    filled,
)
from consumer.pipeline.working_set import WorkingSet
from consumer.policy.arms import ARMS
from consumer.policy.compiled import CompiledPolicy
from consumer.policy.facts import NO_OFFER, RESULTS, Choices
from consumer.policy.triggers import KINDS_OF_SOURCE
from consumer.scoring.compiled import CompiledModels
from consumer.vocabulary.messages import SCHEMA_VERSION
from consumer.vocabulary.products import Creative, Offer, OfferCatalogue, catalogue_key
from consumer.vocabulary.reasons import Exclusion
from consumer.vocabulary.time import DAY_MS
from consumer.vocabulary.topics import INPUT_ROLES
from consumer.vocabulary.words import CHANNELS

REASONS = 3
"""Reasons that an offer carries: what a person can take in."""

_CODES: Final = [Exclusion(code).code if code in set(Exclusion) else "" for code in range(256)]
_KIND_WORDS: Final = [KINDS_OF_SOURCE[role] or (role,) for role in INPUT_ROLES]
"""Kind code → word, by source; what has no kinds has the name of its topic."""

_EXCLUSIONS_REMEMBERED: Final = 4_096


@dataclass(frozen=True, slots=True)
class Decided:
    """n decisions of one wave, everything that their documents need.

    events : event rows; names, customer_ids : of the decisions
    draw : shape (n,), the uniform number that chose
    inputs_milli : shape (n, F); is_scored : shape (n,), False where nobody may look at the customer
    segment : shape (n,), -1 unknown
    """

    events: Int64s
    names: Sequence[str]
    customer_ids: Sequence[str]
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
    kind: str
    products: Sequence[str]
    by_channel: Mapping[str, Creative]


@dataclass(frozen=True, slots=True)
class _Wave:
    """What decisions and their offers both say: columns of n decisions as lists of plain values."""

    at_ms: Sequence[int]
    reasons: Sequence[list[Any]]


@dataclass(frozen=True, slots=True)
class WaveRecords:
    """The records of one wave.

    decisions : n of them, in order
    offers, sent : the offers that go out, and the place of each one's decision
    """

    decisions: Sequence[Any]
    offers: Sequence[Any]
    sent: Int64s


@dataclass(frozen=True, slots=True)
class DecisionDocuments:
    """Builds the records of decisions under one policy.

    texts : one `OfferText` an offer, in column order
    exclusions_of : a row of exclusion codes as bytes → the record's `exclusions`; of the rows that occur, a
        few hundred are nearly all
    """

    policy: CompiledPolicy
    features: FeatureCatalogue
    seed_version: str
    texts: Sequence[OfferText] = field(init=False)
    exclusions_of: Callable[[bytes], Any] = field(init=False)

    def __post_init__(self) -> None:
        """Look up once what the policy says of each offer."""
        catalogue = self.policy.catalogue
        texts = [_offer_text(catalogue, offer) for offer in catalogue.offers]
        names = [text.offer_id for text in texts]

        @lru_cache(_EXCLUSIONS_REMEMBERED)
        def exclusions_of(codes: bytes) -> Any:
            told = zip(names, codes, strict=True)
            return encoded_once({name: _CODES[code] for name, code in told if code})

        object.__setattr__(self, "texts", texts)
        object.__setattr__(self, "exclusions_of", exclusions_of)

    def of_wave(self, work: WorkingSet, decided: Decided) -> WaveRecords:
        """Return the records of one wave's decisions."""
        wave = _Wave(
            at_ms=work.decoded.events.event_time_ms[decided.events].tolist(),
            reasons=self._reasons(decided),
        )
        sent = np.flatnonzero(decided.choices.is_sent)
        return WaveRecords(self._decisions(work, decided, wave), self._offers(decided, wave, sent), sent)

    def _decisions(self, work: WorkingSet, decided: Decided, wave: _Wave) -> list[Any]:
        choices, names = decided.choices, decided.names
        chosen = choices.chosen.tolist()
        # A row without an offer reads the last column, and its word for NO_OFFER.
        channel = choices.channel[np.arange(len(chosen)), choices.chosen]
        offer_ids = [*(text.offer_id for text in self.texts), None]
        return filled(
            DECISION,
            schema_version=repeat(SCHEMA_VERSION),
            event_id=[f"{name}.decision" for name in names],
            customer_id=decided.customer_ids,
            event_time_ms=wave.at_ms,
            decision_id=names,
            trigger=_triggers(work, decided.events),
            result=[RESULTS[code] for code in choices.result.tolist()],
            arm=[ARMS[code] for code in choices.arm.tolist()],
            model_input=self._model_inputs(decided),
            candidates=self._candidates(choices),
            exclusions=self._exclusions(choices),
            no_offer_logging_propensity=choices.logging_propensity[:, -1].tolist(),
            exploration_gamma=choices.gamma.tolist(),
            draw=decided.draw.tolist(),
            offer_id=[offer_ids[column] for column in chosen],
            channel=_words_or_none(CHANNELS, np.where(choices.chosen == NO_OFFER, -1, channel)),
            reasons=wave.reasons,
            segment=[None if segment < 0 else segment for segment in decided.segment.tolist()],
            model_version=repeat(decided.models.version),
            policy_version=repeat(self.policy.policy.policy_version),
            seed_version=repeat(self.seed_version),
            stream_time_ms=work.stream_time_ms[decided.events].tolist(),
        )

    def _offers(self, decided: Decided, wave: _Wave, sent: Int64s) -> list[Any]:
        choices, rows = decided.choices, sent.tolist()
        chosen = choices.chosen[sent]
        texts = [self.texts[column] for column in chosen.tolist()]
        channels = [CHANNELS[code] for code in choices.channel[sent, chosen].tolist()]
        shown = [text.by_channel[channel] for text, channel in zip(texts, channels, strict=True)]
        names, at_ms = [decided.names[row] for row in rows], [wave.at_ms[row] for row in rows]
        return filled(
            OFFER,
            schema_version=repeat(SCHEMA_VERSION),
            event_id=[f"{name}.offer" for name in names],
            customer_id=[decided.customer_ids[row] for row in rows],
            event_time_ms=at_ms,
            decision_id=names,
            offer_id=[text.offer_id for text in texts],
            kind=[text.kind for text in texts],
            products=[text.products for text in texts],
            channel=channels,
            creative_id=[creative.creative_id for creative in shown],
            headline=[creative.headline for creative in shown],
            talking_points=[creative.talking_points for creative in shown],
            reasons=[wave.reasons[row] for row in rows],
            p_accept=choices.p_accept[sent, chosen].tolist(),
            value_minor=[text.value_minor for text in texts],
            valid_from_ms=at_ms,
            expires_at_ms=[at + text.validity_ms for at, text in zip(at_ms, texts, strict=True)],
            attribution_window_ms=[text.window_ms for text in texts],
            model_version=repeat(decided.models.version),
            policy_version=repeat(self.policy.policy.policy_version),
        )

    def _model_inputs(self, decided: Decided) -> list[Any]:
        inputs = filled(
            MODEL_INPUT,
            fingerprint=repeat(self.features.fingerprint),
            inputs_milli=decided.inputs_milli.tolist(),
        )
        for row in np.flatnonzero(~decided.is_scored).tolist():
            inputs[row] = None
        return inputs

    def _candidates(self, choices: Choices) -> list[list[Any]]:
        """Return the candidates of each decision: all of the wave in one go, then cut by decision."""
        is_candidate = choices.excluded == 0
        rows, columns = np.nonzero(is_candidate)
        offer_ids = [text.offer_id for text in self.texts]
        candidates = filled(
            CANDIDATE,
            offer_id=[offer_ids[column] for column in columns.tolist()],
            channel=[CHANNELS[channel] for channel in choices.channel[rows, columns].tolist()],
            p_accept=choices.p_accept[rows, columns].tolist(),
            context_weight=choices.context_weight[rows, columns].tolist(),
            value=choices.value[rows, columns].tolist(),
            lever=choices.lever[rows, columns].tolist(),
            priority=choices.priority[rows, columns].tolist(),
            logging_propensity=choices.logging_propensity[rows, columns].tolist(),
        )
        ends = np.cumsum(is_candidate.sum(axis=1)).tolist()
        return [candidates[start:end] for start, end in pairwise([0, *ends])]

    def _exclusions(self, choices: Choices) -> list[Any]:
        """Return offer → reason code of each decision; equal rows, of which there are many, share one."""
        n_offers, flat = len(self.texts), choices.excluded.tobytes()
        told = self.exclusions_of
        return [told(flat[start : start + n_offers]) for start in range(0, len(flat), n_offers)]

    def _reasons(self, decided: Decided) -> list[list[Any]]:
        """Return the strongest reasons for the chosen offers' scores, in words."""
        reasons: list[list[Any]] = [[] for _ in decided.names]
        chosen = decided.choices.chosen
        rows = np.flatnonzero(chosen != NO_OFFER)
        models = np.array([self.texts[column].model for column in chosen[rows].tolist()], dtype=np.int64)
        strongest = decided.models.explain_rows(decided.inputs_milli[rows], models, REASONS)
        words = self.features.descriptions
        for row, found in zip(rows.tolist(), strongest, strict=True):
            reasons[row] = [REASON(name, words.get(name, name), share) for name, share in found]
        return reasons


def _words_or_none(words: Sequence[str], codes: Int64s) -> list[str | None]:
    """Return the word of each code, None for -1."""
    known = (*words, None)
    return [known[code] for code in codes.tolist()]


def _triggers(work: WorkingSet, events: Int64s) -> list[Any]:
    columns = work.decoded.events
    roles = columns.source[events].tolist()
    return filled(
        TRIGGER,
        topic=[INPUT_ROLES[role] for role in roles],
        kind=[
            _KIND_WORDS[role][kind] for role, kind in zip(roles, columns.kind[events].tolist(), strict=True)
        ],
        event_id=work.decoded.event_ids[events].tolist(),
        partition=work.decoded.partition[events].tolist(),
        offset=work.decoded.offset[events].tolist(),
    )


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
        kind=offer.kind,
        products=offer.products,
        by_channel=offer.creatives,
    )
