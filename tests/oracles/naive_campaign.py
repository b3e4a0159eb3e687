"""What a campaign may do and what it has to learn, straight from its documents and the policy's words.

Knows nothing of rings, waves or open decisions: every question is answered from the whole log at once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

Document = Mapping[str, Any]

DAY_MS: Final = 86_400_000
YEAR_DAYS: Final = 365.2425
WEIGHT_MAX: Final = 3.0
"""docs: an example counts for the inverse of its logging propensity, at most three times."""


def contacts_over_a_cap(
    offers: Iterable[Document], caps: Iterable[Document], *, undelivered: set[str]
) -> list[str]:
    """Return a sentence for each offer that is one more than a cap of the policy file allows.

    Parameters
    ----------
    caps : entries of `contact_policy.caps`: scope, window_days, max, channel or offer
    undelivered : decisions whose offer never reached the customer; they count for nothing
    """
    caps = list(caps)
    by_customer: defaultdict[str, list[Document]] = defaultdict(list)
    for offer in offers:
        if offer["decision_id"] not in undelivered:
            by_customer[offer["customer_id"]].append(offer)
    return [
        f"{customer}: {offer['offer_id']} by {offer['channel']} breaks {cap}"
        for customer, made in by_customer.items()
        for offer in made
        for cap in caps
        if _count_in_window(offer, made, cap) > cap["max"]
    ]


def _count_in_window(offer: Document, made: Iterable[Document], cap: Document) -> int:
    """Return how many contacts that the cap is about lie in its window up to this offer, itself included."""
    if not _concerns(cap, offer):
        return 0
    return sum(
        0 <= _second(offer) - _second(other) < cap["window_days"] * 86_400
        for other in made
        if cap["scope"] == "total" or other[_field(cap)] == offer[_field(cap)]
    )


def _field(cap: Document) -> str:
    return {"channel": "channel", "offer": "offer_id"}[cap["scope"]]


def _concerns(cap: Document, offer: Document) -> bool:
    named = cap.get(cap["scope"])
    return named is None or offer[_field(cap)] == named


def _second(offer: Document) -> int:
    return int(offer["event_time_ms"]) // 1000


@dataclass(frozen=True)
class Profiles:
    """The profiles of one customer as they arrived: (arrival_ms, document)."""

    arrived: list[tuple[int, Document]]

    def perhaps_in_force(self, since_ms: int, until_ms: int) -> list[Document]:
        """Return the profile in force at `since_ms`, and all that arrived from then to `until_ms`.

        Of the profiles that have arrived the one with the largest event time is true. Two topics of a
        running stream have no order within one step of the bank, hence "perhaps".
        """
        before = [document for at_ms, document in self.arrived if at_ms < since_ms]
        during = [document for at_ms, document in self.arrived if since_ms <= at_ms < until_ms]
        newest = sorted(before, key=lambda document: int(document["event_time_ms"]))[-1:]
        return newest + during


def may_be_offered(profile: Document, channel: str, at_ms: int) -> bool:
    """Return whether every gate is open and the channel is consented to."""
    consents = profile["consents"]
    day = datetime.fromtimestamp(at_ms / 1000, UTC).date()
    age_years = (day - date.fromisoformat(profile["birth_date"])).days / YEAR_DAYS
    return bool(
        consents["marketing"]
        and consents["profiling"]
        and consents[channel]
        and not profile["deceased"]
        and not profile["vulnerable"]
        and profile["kyc_status"] == "complete"
        and profile["aml_status"] == "clear"
        and age_years >= 18
    )


def labels_that_follow(outcomes: Iterable[Document]) -> Counter[tuple[str, str, int]]:
    """Return (decision, label kind, label) of the labels that outcomes leave, before any window is over.

    A positive answer wins over a negative one whenever it comes; what was bought was accepted.
    """
    said: defaultdict[str, set[str]] = defaultdict(set)
    for outcome in outcomes:
        said[outcome["decision_id"]].add(outcome["kind"])
    labels: Counter[tuple[str, str, int]] = Counter()
    for decision, kinds in said.items():
        if kinds & {"accepted", "purchased"}:
            labels[decision, "response", 1] += 1
        elif "rejected" in kinds:
            labels[decision, "response", 0] += 1
        if "purchased" in kinds:
            labels[decision, "purchase", 1] += 1
    return labels


def labels_learned(examples: Iterable[Document]) -> Counter[tuple[str, str, int]]:
    """Return the labels that examples leave, those that were taken back taken away."""
    labels: Counter[tuple[str, str, int]] = Counter()
    for example in examples:
        sign = 1 if example["weight"] > 0 else -1
        labels[example["decision_id"], example["label_kind"], example["label"]] += sign
    return +labels
