"""What really happened and what would have been best: the truth file of one run.

Rules of this file: data and its reading and writing; the arithmetic of reports is in `summary.py`.
A truth file is one JSON document, compressed when its name ends in `.gz`.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Final

import msgspec

from consumer.vocabulary.errors import ConfigurationError

TRUTH_VERSION: Final = 1


class CandidateTruth(msgspec.Struct, frozen=True, gc=False):
    """What was true about one candidate of a decision; value = expected revenue of making the offer."""

    offer_id: str
    channel: str
    p_accept: float
    value_minor: float


class DecisionTruth(msgspec.Struct, frozen=True, gc=False):
    """One decision beside what the oracle would have done with the same candidates.

    `chosen` and `best` are places in `candidates`; -1 stands for no offer. The oracle offers whatever
    is worth most; an offer is never worth less than none.
    """

    decision_id: str
    customer_id: str
    time_ms: int
    arm: str
    result: str
    candidates: list[CandidateTruth]
    chosen: int
    best: int

    @property
    def chosen_value_minor(self) -> float:
        """Expected revenue of what was done."""
        return self.candidates[self.chosen].value_minor if self.chosen >= 0 else 0.0

    @property
    def best_value_minor(self) -> float:
        """Expected revenue of what the oracle would have done."""
        return self.candidates[self.best].value_minor if self.best >= 0 else 0.0


class PurchaseTruth(msgspec.Struct, frozen=True, gc=False):
    """A purchase; `decision_id` is None when nobody had offered it."""

    customer_id: str
    product_ids: list[str]
    time_ms: int
    revenue_minor: int
    decision_id: str | None


class CustomerTruth(msgspec.Struct, frozen=True, gc=False):
    """The hidden side of one customer at the end of the run, needs in the order of `Truth.products`."""

    customer_id: str
    need_logits: list[float]
    channel_liking: list[float]
    satisfaction: float
    saver: float


class Truth(msgspec.Struct, kw_only=True):
    """Everything that one run knows and the consumer does not.

    Parameters
    ----------
    published : role → fate → number of records handed to the bus
    dead_letters_expected : role → error code → number of records that must become dead letters
    is_settled : every decision on what was published is in here; only a free run that the scorers
        could not follow within the time-out ends unsettled
    unpublished : fate → number of records still on their way when the run ended
    outcomes : kind → number of outcome records that offers led to (duplicates not counted)
    offers_repeated : offers heard more than once (at-least-once delivery), answered once
    offers_unknown : offers to a customer or on a product that this bank does not know, not answered
    decisions_unknown : decisions with a customer or an offer that this bank does not know
    customers : left out (empty) for populations above `CUSTOMERS_TOLD_MAX`
    """

    truth_version: int = TRUTH_VERSION
    seed: int
    currency: str
    products: list[str]
    start_ms: int
    end_ms: int
    customers_count: int
    published: dict[str, dict[str, int]]
    dead_letters_expected: dict[str, dict[str, int]]
    is_settled: bool
    unpublished: dict[str, int]
    outcomes: dict[str, int]
    offers_count: int
    offers_repeated: int
    offers_unknown: int
    decisions_unknown: int
    decisions: list[DecisionTruth]
    purchases: list[PurchaseTruth]
    customers: list[CustomerTruth]

    @property
    def published_count(self) -> int:
        """Number of records handed to the bus, every fate included."""
        return sum(count for fates in self.published.values() for count in fates.values())


CUSTOMERS_TOLD_MAX: Final = 50_000
"""The hidden side of more customers would make the truth file larger than the stream is worth."""


def write_truth(truth: Truth, path: Path) -> None:
    """Write a truth file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = msgspec.json.encode(truth)
    path.write_bytes(gzip.compress(document, mtime=0) if path.suffix == ".gz" else document)


def read_truth(path: Path) -> Truth:
    """Return a truth file.

    Raises
    ------
    ConfigurationError : it is not there, or not a truth file
    """
    try:
        document = path.read_bytes()
        return msgspec.json.decode(
            gzip.decompress(document) if path.suffix == ".gz" else document, type=Truth
        )
    except (OSError, EOFError, msgspec.MsgspecError) as error:
        raise ConfigurationError(f"cannot read the truth file {path}: {error}") from error
