"""Arbitration: one number for each candidate, priority = P x C x V x L.

* P, `p_accept`: calibrated probability of acceptance.
* C, context weight: weight of the trigger for the offer, times `same_product_weight` when the triggering
  event was about a product of the offer.
* V, value on a bounded log scale, so that a mortgage does not win always and a savings account can:

      V(m) = floor + (1 - floor) * ln(1 + m / scale) / ln(1 + ceiling / scale),   clipped to [floor, 1]

  with m = yearly margin of the offer's products + at_risk_share * churn_probability * lifetime_value
  (retention offers: what leaves with the customer). With floor 0.2, scale 50 and ceiling 2,000 a margin
  of 40 gives 0.33, one of 1,800 gives 0.98: a ratio of 45 becomes one of 3.
* L, lever: a person's factor with author and expiry; 1 from the day after it expires.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from consumer.policy.arms import NO_LEVERS, P_ACCEPT_ONLY
from consumer.policy.facts import Bools, Codes, Facts, Floats, Int64s, UInt8s
from consumer.policy.schema import PolicyText, ValueScaleText
from consumer.vocabulary.products import OfferCatalogue
from consumer.vocabulary.time import epoch_day

CHURN_FIELD = "churn_probability"
LIFETIME_VALUE_FIELD = "lifetime_value_minor"


@dataclass(frozen=True, slots=True, eq=False)
class PriorityTable:
    """Compiled arbitration.

    model : (O,), column of the model that scores each offer
    trigger_weight : (triggers + 1, O), last row = no trigger of the policy
    same_product_weight, margin_minor, at_risk_share, margin_value : (O,)
    is_about : (products + 1, O), the product is one of the offer's; last row = no product
    lever, lever_last_day : (O,)
    """

    model: Int64s
    trigger_weight: Floats
    same_product_weight: Floats
    is_about: Bools
    margin_minor: Floats
    at_risk_share: Floats
    margin_value: Floats
    scale: ValueScaleText
    lever: Floats
    lever_last_day: Int64s


@dataclass(frozen=True, slots=True, eq=False)
class Priorities:
    """The factors and their product, each (O, n)."""

    p_accept: Floats
    context_weight: Floats
    value: Floats
    lever: Floats
    priority: Floats


def priority_table(text: PolicyText, catalogue: OfferCatalogue) -> PriorityTable:
    """Return the arbitration of a policy."""
    trigger_weight = np.ones((len(text.triggers) + 1, len(text.offers)))
    is_about = np.zeros((len(catalogue.products) + 1, len(text.offers)), np.bool_)
    places = {trigger.name: place for place, trigger in enumerate(text.triggers)}
    for column, offer in enumerate(text.offers):
        is_about[[catalogue.product_index[name] for name in offer.products], column] = True
        for name, weight in offer.context_weights.items():
            trigger_weight[places[name], column] = weight
    margin = np.array(
        [offer_margin_minor(catalogue, column) for column in range(len(text.offers))], np.float64
    )
    levers = [offer.lever for offer in text.offers]
    return PriorityTable(
        model=np.array([catalogue.model_of_offer(offer) for offer in catalogue.offers], np.int64),
        trigger_weight=trigger_weight,
        same_product_weight=np.array([offer.same_product_weight for offer in text.offers]),
        is_about=is_about,
        margin_minor=margin,
        at_risk_share=np.array([offer.at_risk_share for offer in text.offers]),
        margin_value=bounded_value(text.value_scale, margin),
        scale=text.value_scale,
        lever=np.array([1.0 if lever is None else lever.factor for lever in levers]),
        lever_last_day=np.array(
            [-(2**31) if lever is None else epoch_day(lever.expires_on) for lever in levers]
        ),
    )


def offer_margin_minor(catalogue: OfferCatalogue, column: int) -> int:
    """Return the expected margin of the first year if an offer is accepted, in minor units."""
    products = catalogue.offers[column].products
    return sum(catalogue.products[catalogue.product_index[name]].margin_minor for name in products)


def bounded_value(scale: ValueScaleText, margin_minor: Floats) -> Floats:
    """Return V, each in [floor, 1], of margins in minor units.

    Examples
    --------
    >>> bounded_value(ValueScaleText(), np.array([0.0, 4_000.0, 180_000.0, 9e9])).round(2)
    array([0.2 , 0.33, 0.98, 1.  ])
    """
    log_share = np.log1p(np.maximum(margin_minor, 0.0) / scale.scale_minor) / np.log1p(
        scale.ceiling_minor / scale.scale_minor
    )
    value: Floats = scale.floor + (1.0 - scale.floor) * np.minimum(log_share, 1.0)
    return value


def prioritise(
    table: PriorityTable, facts: Facts, *, trigger: Int64s, local_day: Int64s, arm: UInt8s
) -> Priorities:
    """Return the priority of every offer with its factors, as each decision's arm uses them.

    Parameters
    ----------
    table : of the policy
    facts : n decisions
    trigger : shape (n,), place of the trigger in the policy, -1 for none
    local_day : shape (n,), bank day, for the expiry of levers
    arm : shape (n,)
    """
    shape = (len(table.model), len(facts))
    p_accept = np.ascontiguousarray(facts.p_accept.T[table.model])
    is_about = table.is_about[facts.trigger_product].T
    context = table.trigger_weight[trigger].T * np.where(is_about, table.same_product_weight[:, None], 1.0)
    value = _values(table, facts.fields, shape)
    lever = np.where(local_day <= table.lever_last_day[:, None], table.lever[:, None], 1.0)
    bare = np.flatnonzero(arm == P_ACCEPT_ONLY)
    context[:, bare] = value[:, bare] = lever[:, bare] = 1.0
    lever[:, np.flatnonzero(arm == NO_LEVERS)] = 1.0
    return Priorities(p_accept, context, value, lever, p_accept * context * value * lever)


def _values(table: PriorityTable, fields: Mapping[str, Codes], shape: tuple[int, int]) -> Floats:
    value = np.broadcast_to(table.margin_value[:, None], shape).copy()
    at_risk = np.flatnonzero(table.at_risk_share)
    if not len(at_risk):
        return value
    at_risk_minor = fields[CHURN_FIELD] * np.maximum(fields[LIFETIME_VALUE_FIELD], 0.0)
    at_risk_minor = np.where(np.isnan(at_risk_minor), 0.0, at_risk_minor)
    margin_minor = table.margin_minor[at_risk, None] + table.at_risk_share[at_risk, None] * at_risk_minor
    value[at_risk] = bounded_value(table.scale, margin_minor)
    return value
