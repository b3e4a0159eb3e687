"""The closed vocabularies: every kind, channel and status that a record can name.

Order matters: a word's place in its tuple is its code in columns, customer records and pending
decisions, so new words are appended and none is ever reordered or reused.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

TransactionKind = Literal[
    "card_payment",
    "transfer_in",
    "transfer_out",
    "direct_debit",
    "cash_withdrawal",
    "cash_deposit",
    "salary",
    "fee",
    "interest",
    "loan_repayment",
]
Direction = Literal["debit", "credit"]
TransactionChannel = Literal["pos", "online", "atm", "branch", "app"]
Channel = Literal["app", "web", "email", "sms", "push", "branch", "call_centre"]
InteractionKind = Literal[
    "login",
    "page_view",
    "search",
    "product_view",
    "calculator_use",
    "quote_request",
    "chat",
    "call",
    "visit",
    "complaint",
    "email_open",
    "email_click",
]
OutcomeKind = Literal[
    "delivered",
    "undelivered",
    "viewed",
    "clicked",
    "rejected",
    "accepted",
    "purchased",
    "opted_out",
    "complained",
    "satisfaction",
]
OfferKind = Literal["cross_sell", "upsell", "bundle", "retention"]
EmploymentStatus = Literal["employed", "self_employed", "unemployed", "student", "retired", "other"]
KycStatus = Literal["complete", "pending", "failed"]
AmlStatus = Literal["clear", "review", "hold"]
ExampleCause = Literal["accepted", "rejected", "expired", "reversed"]
LabelKind = Literal["response", "purchase"]
DecisionResult = Literal["offered", "no_offer", "holdout", "excluded"]

TRANSACTION_KINDS: Final[tuple[str, ...]] = get_args(TransactionKind)
DIRECTIONS: Final[tuple[str, ...]] = get_args(Direction)
TRANSACTION_CHANNELS: Final[tuple[str, ...]] = get_args(TransactionChannel)
CHANNELS: Final[tuple[str, ...]] = get_args(Channel)
INTERACTION_KINDS: Final[tuple[str, ...]] = get_args(InteractionKind)
OUTCOME_KINDS: Final[tuple[str, ...]] = get_args(OutcomeKind)
OFFER_KINDS: Final[tuple[str, ...]] = get_args(OfferKind)
EMPLOYMENT_STATUSES: Final[tuple[str, ...]] = get_args(EmploymentStatus)
KYC_STATUSES: Final[tuple[str, ...]] = get_args(KycStatus)
AML_STATUSES: Final[tuple[str, ...]] = get_args(AmlStatus)


def code_of(words: tuple[str, ...]) -> dict[str, int]:
    """Return word → code for one vocabulary.

    Examples
    --------
    >>> code_of(DIRECTIONS)
    {'debit': 0, 'credit': 1}
    """
    return {word: code for code, word in enumerate(words)}
