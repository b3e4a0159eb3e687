"""The shape of a policy file: every key, its type and its bounds.

Rules of this file: shape only. What must agree across the file (references, reachability, budgets of the
contact ring) is checked in `checks.py`; meaning is explained in docs/policy.md.
Unknown keys are refused, so that a typing mistake never becomes a rule that silently does not apply.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from consumer.vocabulary.ids import ID_PATTERN
from consumer.vocabulary.products import MAX_PRODUCTS
from consumer.vocabulary.words import Channel, OfferKind

OFFERS_MAX: Final = 200
"""Offer columns fit one signed byte with room for marks, and a decision record stays readable."""

LEVER_MIN, LEVER_MAX = 0.1, 10.0
"""A lever can move an offer by one order of magnitude; more is a rule and belongs into the rules."""

Id = Annotated[str, Field(pattern=ID_PATTERN)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Minor = Annotated[int, Field(ge=0, le=10**15)]
Days = Annotated[int, Field(ge=1, le=3_650)]
Weight = Annotated[float, Field(ge=0.0, le=10.0)]
Words = Annotated[str, Field(min_length=1, max_length=200)]
TalkingPoint = Annotated[str, Field(min_length=1, max_length=300)]
ClockTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
TriggerSource = Literal["customers", "traits", "transactions", "interactions", "outcomes"]
Operator = Literal["at_least", "at_most", "above", "below", "equals", "differs", "one_of", "none_of"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
RuleValue = float | str | list[float | str]


class Section(BaseModel):
    """A mapping in the file."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class RuleText(Section):
    """One condition: `field operator value`, the value times another field when `times_field` is given."""

    field: Id
    operator: Operator
    value: RuleValue
    times_field: Id | None = None


Rules = list[RuleText]


class RuleSetText(Section):
    """Rules that several offers share, such as affordability of credit."""

    eligibility: Rules = []
    applicability: Rules = []
    suitability: Rules = []


class ProductText(Section):
    """What is bought."""

    id: Id
    name: Words
    group: Id
    margin_minor: Minor
    attribution_window_days: Days = 30
    is_credit: bool = False


class CreativeText(Section):
    """How the offer is rendered on some channels."""

    id: Id
    channels: Annotated[list[Channel], Field(min_length=1)]
    headline: Words
    talking_points: Annotated[list[TalkingPoint], Field(max_length=8)] = []


class LeverText(Section):
    """A person's thumb on the scale: who, why, and until when."""

    factor: Annotated[float, Field(ge=LEVER_MIN, le=LEVER_MAX)]
    author: Words
    reason: Words
    expires_on: date


class OfferText(Section):
    """What is proposed, to whom, when and how often."""

    id: Id
    kind: OfferKind
    products: Annotated[list[Id], Field(min_length=1, max_length=8)]
    requires_held: list[Id] = []
    excludes_held: list[Id] = []
    rule_sets: list[Id] = []
    eligibility: Rules = []
    applicability: Rules = []
    suitability: Rules = []
    triggers: list[Id] | None = None
    context_weights: dict[Id, Weight] = {}
    same_product_weight: Weight = 1.0
    at_risk_share: Share = 0.0
    lever: LeverText | None = None
    validity_days: Annotated[int, Field(ge=1, le=365)] = 14
    budget_per_day: Annotated[int, Field(ge=0, le=10**9)] | None = None
    is_active: bool = True
    active_from: date | None = None
    active_to: date | None = None
    creatives: Annotated[list[CreativeText], Field(min_length=1)]


class TriggerText(Section):
    """Events that open a decision."""

    name: Id
    source: TriggerSource
    kinds: list[Id] = []


class GatesText(Section):
    """What closes every offer to a customer."""

    adult_age_years: Annotated[int, Field(ge=16, le=25)] = 18
    retention_only_when: Rules = []


class QuietHoursText(Section):
    """When a channel must be silent, in bank time: [from, until), over midnight when from > until."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=True)

    start: Annotated[ClockTime, Field(alias="from")]
    until: ClockTime


class ChannelText(Section):
    """One channel: what a contact costs, when it may be used, and by whom it is opened."""

    cost_minor: Minor
    is_inbound_only: bool = False
    quiet_hours: QuietHoursText | None = None
    quiet_days: list[Weekday] = []


class ChannelChoiceText(Section):
    """How the channel of an offer is chosen among the open ones."""

    cost_weight: Weight = 0.3
    present_weight: Weight = 0.5


class CapText(Section):
    """At most `max` contacts in a rolling window, in total, for each channel or for each offer."""

    scope: Literal["total", "channel", "offer"]
    window_days: Annotated[int, Field(ge=1, le=730)]
    max: Annotated[int, Field(ge=1, le=16)]
    channel: Channel | None = None
    offer: Id | None = None


class ContactPolicyText(Section):
    """How often a customer may be contacted."""

    caps: Annotated[list[CapText], Field(min_length=1)]
    cooling_off_days: Annotated[int, Field(ge=0, le=730)]
    cooling_off_days_by_group: dict[Id, Annotated[int, Field(ge=0, le=730)]] = {}
    mutually_exclusive: list[Annotated[list[Id], Field(min_length=2)]] = []


class ValueScaleText(Section):
    """Bounds of the log scale on which margins are compared."""

    floor: Annotated[float, Field(gt=0.0, le=1.0)] = 0.2
    scale_minor: Annotated[int, Field(gt=0)] = 5_000
    ceiling_minor: Annotated[int, Field(gt=0)] = 200_000


class ExplorationText(Section):
    """SquareCB: how fast exploration narrows, and how slowly a young offer gains its share."""

    salt: Id
    gamma_scale: Annotated[float, Field(gt=0.0, le=10_000.0)] = 10.0
    gamma_evidence: Annotated[float, Field(gt=0.0)] = 500.0
    gamma_max: Annotated[float, Field(gt=0.0, le=1_000_000.0)] = 1_000.0
    young_share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.02
    mature_evidence: Annotated[float, Field(gt=0.0)] = 200.0
    no_offer_priority: Annotated[float, Field(gt=0.0, le=1.0)] = 0.005


class ArmsText(Section):
    """Who is left alone (holdout) and who is treated by a simpler rule (control arms)."""

    holdout_salt: Id
    holdout_share: Annotated[float, Field(ge=0.0, le=0.5)]
    arms_salt: Id
    random_relevant_share: Share = 0.0
    p_accept_only_share: Share = 0.0
    no_levers_share: Share = 0.0


class DeadLetterLimitText(Section):
    """When the scorer stops instead of filling the dead-letter topic."""

    max_run: Annotated[int, Field(ge=1)] = 500
    max_ratio: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    window: Annotated[int, Field(ge=1)] = 2_000


class PolicyText(Section):
    """A whole policy file."""

    policy: Id
    format: Literal[1]
    time_zone: Words
    decision_gap_hours: Annotated[float, Field(ge=0.0, le=8_760.0)]
    decision_staleness_minutes: Annotated[float, Field(gt=0.0, le=525_600.0)]
    dead_letter_limit: DeadLetterLimitText = DeadLetterLimitText()
    triggers: Annotated[list[TriggerText], Field(min_length=1, max_length=100)]
    gates: GatesText = GatesText()
    channels: Annotated[dict[Channel, ChannelText], Field(min_length=1)]
    channel_choice: ChannelChoiceText = ChannelChoiceText()
    contact_policy: ContactPolicyText
    value_scale: ValueScaleText = ValueScaleText()
    exploration: ExplorationText
    arms: ArmsText
    rule_sets: dict[Id, RuleSetText] = {}
    products: Annotated[list[ProductText], Field(min_length=1, max_length=MAX_PRODUCTS)]
    offers: Annotated[list[OfferText], Field(min_length=1, max_length=OFFERS_MAX)]
