"""The records of the ten topics: the single source of every schema.

JSON Schema files, the AsyncAPI document, the fast decoders of the hot path and the validation of
everything else come from these models, so a field is changed here and nowhere else.

Rules of this file: readers ignore unknown fields and refuse an unknown major version; money is an
integer of minor units; times are integer milliseconds UTC; ids are printable ASCII of at most 64 bytes.
Money is in the currency of the customer's account: a bank that mixes currencies converts before it
publishes (docs/adr/0006-money-in-account-currency.md).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from consumer.vocabulary.ids import ID_PATTERN
from consumer.vocabulary.time import LATEST_EVENT_TIME_MS
from consumer.vocabulary.words import (
    AmlStatus,
    Channel,
    DecisionResult,
    Direction,
    EmploymentStatus,
    ExampleCause,
    InteractionKind,
    KycStatus,
    LabelKind,
    OfferKind,
    OutcomeKind,
    TransactionChannel,
    TransactionKind,
)

SCHEMA_VERSION: Final = "1.0"
MAX_MONEY_MINOR: Final = 10**14
"""A trillion in a two-decimal currency: beyond it a number is a mistake. A signed 64-bit sum holds 92,000
such amounts, more than the 65,535 events that a tile counts."""

MAX_PRODUCTS_HELD: Final = 63

Id = Annotated[str, Field(pattern=ID_PATTERN)]
TimeMs = Annotated[int, Field(ge=0, le=LATEST_EVENT_TIME_MS)]
EventTimeMs = Annotated[int, Field(ge=1, le=LATEST_EVENT_TIME_MS)]
"""A customer record keeps 0 for "never", so an event has a later time."""

MoneyMinor = Annotated[int, Field(ge=0, le=MAX_MONEY_MINOR)]
SignedMoneyMinor = Annotated[int, Field(ge=-MAX_MONEY_MINOR, le=MAX_MONEY_MINOR)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Label = Annotated[str, Field(max_length=64)]


class Record(BaseModel):
    """What every record on every topic carries."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    schema_version: Annotated[str, Field(pattern=r"^1\.[0-9]{1,4}$")] = SCHEMA_VERSION
    event_id: Id
    customer_id: Id
    event_time_ms: EventTimeMs


class Part(BaseModel):
    """A document inside a record."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


# ---------------------------------------------------------------- records that come in


class Transaction(Record):
    """`bank.transactions`: money moved on one of the customer's accounts."""

    kind: TransactionKind
    direction: Direction
    amount_minor: MoneyMinor
    currency: Currency
    channel: TransactionChannel
    merchant_category: Annotated[str, Field(pattern=r"^[0-9]{4}$", description="ISO 18245 MCC")] | None = None
    balance_after_minor: SignedMoneyMinor | None = None


class Interaction(Record):
    """`bank.interactions`: the customer did something on one of the bank's channels."""

    channel: Channel
    kind: InteractionKind
    product_id: Id | None = None
    duration_ms: Annotated[int, Field(ge=0, le=86_400_000)] | None = None
    satisfaction: Annotated[int, Field(ge=1, le=5)] | None = None


class Consents(Part):
    """What the customer agreed to; nothing is agreed to until it is said."""

    marketing: bool = False
    profiling: bool = False
    app: bool = False
    web: bool = False
    email: bool = False
    sms: bool = False
    push: bool = False
    branch: bool = False
    call_centre: bool = False


class Customer(Record):
    """`bank.customers` (compacted): the profile as a whole; a null value erases the customer."""

    birth_date: date | None = None
    income_minor: Annotated[MoneyMinor, Field(description="a year")] | None = None
    occupation: Label | None = None
    employment_status: EmploymentStatus | None = None
    credit_score: Annotated[int, Field(ge=300, le=900)] | None = None
    region: Label | None = None
    joined_on: date | None = None
    holdings: Annotated[list[Id], Field(max_length=MAX_PRODUCTS_HELD)] = []
    credit_limit_minor: MoneyMinor | None = None
    consents: Consents = Consents()
    kyc_status: KycStatus = "pending"
    aml_status: AmlStatus = "clear"
    vulnerable: bool = False
    deceased: bool = False
    protected: Annotated[
        dict[Label, Label], Field(max_length=16, description="fairness measures only, never a feature")
    ] = {}


class Traits(Record):
    """`bank.traits` (compacted): what the laboratory knows about the customer."""

    segment: Annotated[int, Field(ge=0, le=254)] | None = None
    lifetime_value_minor: SignedMoneyMinor | None = None
    churn_probability: Probability | None = None
    affinity: Annotated[dict[Id, Probability], Field(max_length=MAX_PRODUCTS_HELD)] = {}
    seed_version: Label = ""


class Outcome(Record):
    """`campaign.outcomes`: what became of an offer."""

    decision_id: Id
    kind: OutcomeKind
    revenue_minor: SignedMoneyMinor | None = None
    satisfaction: Annotated[int, Field(ge=1, le=5)] | None = None


# ---------------------------------------------------------------- records that go out


class Reason(Part):
    """One of the strongest reasons for a score, in words from the feature catalogue."""

    feature: Label
    text: Annotated[str, Field(max_length=200)]
    contribution: Annotated[float, Field(description="log-odds that this feature adds")]


class OfferMade(Record):
    """`nbo.offers`: show this offer to this customer on this channel, now."""

    decision_id: Id
    offer_id: Id
    kind: OfferKind
    products: list[Id]
    channel: Channel
    creative_id: Id
    headline: Annotated[str, Field(max_length=200)]
    talking_points: list[Annotated[str, Field(max_length=300)]]
    reasons: list[Reason]
    p_accept: Probability
    value_minor: Annotated[int, Field(description="expected margin of the first year if accepted")]
    valid_from_ms: TimeMs
    expires_at_ms: TimeMs
    attribution_window_ms: Annotated[int, Field(gt=0)]
    model_version: Label
    policy_version: Label


class Trigger(Part):
    """The event that opened a decision, and where it stands in the log."""

    topic: Annotated[str, Field(description="role of the topic: transactions, interactions, ...")]
    kind: Label
    event_id: Id
    partition: Annotated[int, Field(ge=0)]
    offset: Annotated[int, Field(ge=0)]


class ModelInput(Part):
    """What the models saw: `inputs_milli[i] / 1000` is input i of the layout with this fingerprint.

    The model input is defined as a whole number of thousandths, so that the decision record holds
    it exactly and a replay scores bit for bit the same numbers.
    """

    fingerprint: Label
    inputs_milli: list[int]


class Candidate(Part):
    """One offer that passed every gate and rule, with the factors of its priority."""

    offer_id: Id
    channel: Channel
    p_accept: Probability
    context_weight: float
    value: Annotated[float, Field(description="V of P x C x V x L, on a bounded log scale")]
    lever: float
    priority: float
    logging_propensity: Probability


class Decision(Record):
    """`nbo.decisions`: everything needed to audit one decision and to make it again."""

    decision_id: Id
    trigger: Trigger
    result: DecisionResult
    arm: Label
    model_input: ModelInput | None
    candidates: list[Candidate]
    exclusions: Annotated[dict[Id, Label], Field(description="offer id -> reason code")]
    no_offer_logging_propensity: Probability
    exploration_gamma: float
    draw: Annotated[float, Field(ge=0.0, lt=1.0)]
    offer_id: Id | None
    channel: Channel | None
    reasons: list[Reason]
    segment: int | None
    model_version: Label
    policy_version: Label
    seed_version: Label
    stream_time_ms: TimeMs


class Example(Record):
    """`nbo.examples`: one matured label, keyed by product."""

    decision_id: Id
    product_id: Id
    offer_id: Id
    label_kind: LabelKind
    label: Annotated[int, Field(ge=0, le=1)]
    weight: Annotated[float, Field(description="importance weight; negative takes an example back")]
    logging_propensity: Probability
    cause: ExampleCause
    model_input: ModelInput
    segment: int | None
    decided_at_ms: TimeMs
    matured_at_ms: TimeMs


class ModelSnapshot(Part):
    """`nbo.models` (compacted, keyed by product): the whole state of one model, as JSON."""

    schema_version: Annotated[str, Field(pattern=r"^1\.[0-9]{1,4}$")] = SCHEMA_VERSION
    event_id: Id
    event_time_ms: TimeMs
    product_id: Id
    version: Annotated[int, Field(ge=0)]
    parent_version: int | None
    origin: Annotated[str, Field(description="seed, stream or rollback")]
    fingerprint: Label
    input_names: list[Label]
    weights: list[float]
    intercept: float
    optimizer: dict[str, float | list[float]]
    scaler: dict[str, list[float]]
    calibration: dict[str, float | list[float]]
    drift: dict[str, float | list[float]]
    evidence: dict[str, float]
    metrics: dict[str, float]
    seed_version: Label
    examples_positions: Annotated[
        dict[str, int],
        Field(description="partition of nbo.examples -> next offset that is not contained yet"),
    ]


INPUT_RECORDS: Final[dict[str, type[Record]]] = {
    "customers": Customer,
    "traits": Traits,
    "transactions": Transaction,
    "interactions": Interaction,
    "outcomes": Outcome,
}
OUTPUT_RECORDS: Final[dict[str, type[BaseModel]]] = {
    "offers": OfferMade,
    "decisions": Decision,
    "examples": Example,
    "models": ModelSnapshot,
}
DEAD_LETTER_HEADERS: Final = (
    "source_topic",
    "source_partition",
    "source_offset",
    "error_code",
    "error_reason",
)
