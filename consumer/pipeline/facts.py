"""What the policy is told about each customer at a trigger: columns out of records, features and scores.

Rules of this file: translation only. The stages do not know each other; this is where one's words
become another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consumer.features.catalogue import FeatureCatalogue
from consumer.features.event_columns import NO_DAY, EventSource, Int64s
from consumer.features.layout import Records
from consumer.features.profile import as_arrived, consents, is_deceased, is_known, is_vulnerable
from consumer.pipeline.budgets import BudgetLeft
from consumer.pipeline.working_set import WorkingSet
from consumer.policy.compiled import CompiledPolicy
from consumer.policy.draws import salted_draws
from consumer.policy.facts import Codes, Facts, Floats
from consumer.policy.rules import PROFILE_TEXT_FIELDS
from consumer.scoring.compiled import CompiledModels
from consumer.vocabulary.ids import decision_id
from consumer.vocabulary.time import DAY_MS, YEAR_DAYS
from consumer.vocabulary.topics import INPUT_ROLES
from consumer.vocabulary.words import CHANNELS


@dataclass(frozen=True, slots=True)
class Subjects:
    """Whom and what n decisions are about.

    events, customers : shape (n,), rows of the events and of their customers in the working set
    records : shape (n,), the customers' records just after the events; a copy, taken once
    customer_ids, names : ids of customers and decisions
    """

    events: Int64s
    customers: Int64s
    records: Records
    customer_ids: Sequence[str]
    names: Sequence[str]


def subjects_of(work: WorkingSet, events: Int64s) -> Subjects:
    """Return what the decisions that `events` (event rows) open are about."""
    customers = work.decoded.events.customer[events]
    ids = work.loaded.customer_ids
    return Subjects(
        events=events,
        customers=customers,
        records=np.take(work.records, customers),
        customer_ids=[ids[row] for row in customers.tolist()],
        names=decision_names(work, events),
    )


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the models and features say about n decisions.

    values : shape (n, n_features), raw features
    p_accept : shape (n, P); the prior where a customer may not be scored
    """

    values: Floats
    p_accept: Floats


def facts_of(
    work: WorkingSet,
    subjects: Subjects,
    *,
    features: FeatureCatalogue,
    policy: CompiledPolicy,
    models: CompiledModels,
    evidence: Evidence,
    budget: BudgetLeft,
) -> Facts:
    """Return the facts of these decisions."""
    columns, events, records = work.decoded.events, subjects.events, subjects.records
    at_ms = columns.event_time_ms[events]
    return Facts(
        customer_ids=subjects.customer_ids,
        at_ms=at_ms,
        is_known=is_known(records),
        consents=consents(records),
        is_deceased=is_deceased(records),
        age_years=_age_years(as_arrived(records, "birth_day"), at_ms),
        kyc_status=as_arrived(records, "kyc_status"),
        aml_status=as_arrived(records, "aml_status"),
        is_vulnerable=is_vulnerable(records),
        holdings=as_arrived(records, "holdings"),
        fields={name: _field(features, evidence.values, records, name=name) for name in policy.fields_needed},
        contact_s=records["contact_s"],
        contact_offer=records["contact_offer"],
        contact_channel=records["contact_channel"],
        refused_s=records["refused_s"],
        trigger_source=columns.source[events],
        trigger_kind=columns.kind[events],
        trigger_product=columns.product[events],
        trigger_channel=_trigger_channel(columns.source[events], columns.channel[events]),
        p_accept=evidence.p_accept,
        evidence=models.evidence,
        channel_preference=_channel_preference(features, evidence.values),
        draw=salted_draws(policy.policy.exploration_salt, subjects.names),
        budget_group=budget.group,
        budget_left=budget.left,
    )


def decision_names(work: WorkingSet, events: Int64s) -> list[str]:
    """Return the id of the decision that each event opens."""
    decoded = work.decoded
    return [
        decision_id(INPUT_ROLES[role], partition, offset)
        for role, partition, offset in zip(
            decoded.events.source[events].tolist(),
            decoded.partition[events].tolist(),
            decoded.offset[events].tolist(),
            strict=True,
        )
    ]


def _age_years(birth_day: Int64s, at_ms: Int64s) -> Floats:
    years = (at_ms // DAY_MS - birth_day) / YEAR_DAYS
    return np.where(birth_day == NO_DAY, np.nan, years)


def _field(features: FeatureCatalogue, values: Floats, records: Records, *, name: str) -> Codes:
    """Return what a policy's rules read under a name: a feature, or a word of the profile as a code."""
    if name in PROFILE_TEXT_FIELDS:
        return as_arrived(records, name)
    return values[:, features.index[name]]


def _trigger_channel(source: Codes, channel: Codes) -> Int64s:
    is_there = source == EventSource.INTERACTION
    return np.where(is_there, channel.astype(np.int64), -1)


def _channel_preference(features: FeatureCatalogue, values: Floats) -> Floats:
    """Return each channel's share of the customer's recent interactions, one added so that 0/0 is 0."""
    places = [features.index[f"channel_{channel}"] for channel in CHANNELS]
    counts = np.maximum(values[:, places], 0.0)
    total = counts[:, 0].copy()
    for place in range(1, len(CHANNELS)):
        total += counts[:, place]
    return counts / (total + 1.0)[:, None]
