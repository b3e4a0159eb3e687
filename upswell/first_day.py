"""What the seeds are worth: the first live day of the same bank, once with them and once without.

The bank is copied before it goes live, and its first day runs twice: the same customers, events and luck, other
scorers. Then both sets of models are asked about the same offers, those that the seeded scorers made that day:
the seeds as they began the day, and the unseeded models after they had learned from their whole day, which is
in their favour. Answers are few on one day, so log loss is taken in expectation over each customer's true
probability of accepting, which the simulated bank knows.

Rules of this file: arithmetic and a bus that remembers; running things is `demo.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from consumer.features.catalogue import catalogue_for
from consumer.policy.document import Policy
from consumer.scoring.compiled import compile_models
from consumer.vocabulary.messages import ModelSnapshot
from consumer.vocabulary.products import OfferCatalogue
from producer_sim.bus import Bus
from producer_sim.progress import Progress, ProgressCounts
from producer_sim.records import Outgoing
from producer_sim.truth import Truth

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DayCounts:
    """Offers made on a day, and how many of them were accepted then or later."""

    offers: int = 0
    accepted: int = 0

    @property
    def conversion(self) -> float:
        """Share of the offers that were accepted."""
        return self.accepted / self.offers if self.offers else 0.0


@dataclass(frozen=True, slots=True)
class LogLosses:
    """Expected log loss over the same offers: of both sets of models, and of the truth itself."""

    offers: int
    seeded: float
    unseeded: float
    truth: float


@dataclass(frozen=True, slots=True)
class FirstDay:
    """The first live day with and without seeds; no losses when no offer was made."""

    seeded: DayCounts
    unseeded: DayCounts
    losses: LogLosses | None


# ---------------------------------------------------------------- what is noted while the bank lives


class _Input(msgspec.Struct):
    inputs_milli: list[int]


class _Decision(msgspec.Struct):
    decision_id: str
    event_time_ms: int
    offer_id: str | None
    model_input: _Input | None


_read_decision: Final = msgspec.json.Decoder(_Decision).decode


@dataclass(slots=True)
class FirstDayBus:
    """A bus that keeps what the models saw when they made the offers of the day that ends at `end_ms`."""

    inner: Bus
    end_ms: int
    offered: dict[str, tuple[str, list[int]]] = field(default_factory=dict)

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Publish records."""
        self.inner.publish(records)

    def settle(self, timeout_s: float) -> None:
        """Wait for the scorers."""
        self.inner.settle(timeout_s)

    def take_offers(self) -> list[bytes]:
        """Return new offers."""
        return self.inner.take_offers()

    def take_decisions(self) -> list[bytes]:
        """Return new decisions, keeping those of the day that made an offer."""
        values = self.inner.take_decisions()
        for decision in map(_read_decision, values):
            is_offer = decision.offer_id is not None and decision.model_input is not None
            if is_offer and decision.event_time_ms < self.end_ms:
                seen = (
                    decision.offer_id or "",
                    decision.model_input.inputs_milli if decision.model_input else [],
                )
                self.offered[decision.decision_id] = seen
        return values


@dataclass(slots=True)
class FirstDayCounts:
    """A listener that passes progress on and keeps the counts of the moment when the day ends."""

    inner: Progress
    end_ms: int
    counts: DayCounts = DayCounts()

    def __call__(self, reported: ProgressCounts) -> None:
        """Take one report."""
        if reported.phase != "history" and reported.bank_time_ms <= self.end_ms:
            self.counts = DayCounts(reported.offers, reported.accepted)
        self.inner(reported)


# ---------------------------------------------------------------- both sets of models on the same offers


def log_losses(
    offered: Mapping[str, tuple[str, list[int]]],
    truth: Truth,
    policy: Policy,
    *,
    seeded: Mapping[str, ModelSnapshot],
    unseeded: Mapping[str, ModelSnapshot],
) -> LogLosses | None:
    """Return what both sets of models say of the offers of one day, against the truth; None without offers.

    Parameters
    ----------
    offered : decision → (offer, model input in thousandths), from `FirstDayBus`
    seeded, unseeded : model id → snapshot
    """
    true_p = _true_p(truth)
    known = sorted(decision_id for decision_id in offered if decision_id in true_p)
    if not known:
        return None
    inputs = np.array([offered[decision_id][1] for decision_id in known], dtype=np.int64)
    columns = _model_columns(policy.catalogue, [offered[decision_id][0] for decision_id in known])
    p = np.array([true_p[decision_id] for decision_id in known])
    return LogLosses(
        offers=len(known),
        seeded=expected_log_loss(p, _said(policy, seeded, inputs, columns)),
        unseeded=expected_log_loss(p, _said(policy, unseeded, inputs, columns)),
        truth=expected_log_loss(p, p),
    )


def expected_log_loss(p: Floats, said: Floats) -> float:
    """Return the log loss to expect when what is said to be `said` happens with probability `p`.

    Examples
    --------
    >>> round(expected_log_loss(np.array([0.5]), np.array([0.5])), 4)
    0.6931
    """
    inside = np.clip(said, 1e-9, 1.0 - 1e-9)
    return float(-(p * np.log(inside) + (1.0 - p) * np.log1p(-inside)).mean())


def _true_p(truth: Truth) -> dict[str, float]:
    """Return the true probability that each offer made is accepted."""
    return {
        decision.decision_id: decision.candidates[decision.chosen].p_accept
        for decision in truth.decisions
        if decision.chosen >= 0
    }


def _model_columns(catalogue: OfferCatalogue, offer_ids: Sequence[str]) -> Int64s:
    column_of = {offer.offer_id: catalogue.model_of_offer(offer) for offer in catalogue.offers}
    return np.array([column_of[offer_id] for offer_id in offer_ids])


def _said(policy: Policy, snapshots: Mapping[str, ModelSnapshot], inputs: Int64s, columns: Int64s) -> Floats:
    features = catalogue_for(policy.catalogue.product_ids)
    models = compile_models(
        features.input_names,
        features.fingerprint,
        policy.catalogue.model_ids,
        groups={product.product_id: product.group for product in policy.catalogue.products},
        snapshots=snapshots,
    )
    p_accept: Floats = models.score(inputs).p_accept[np.arange(len(columns)), columns]
    return p_accept
