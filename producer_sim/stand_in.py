"""A scorer that tosses coins: closes the loop where Upswell is not there.

It makes offers at random among what each customer may be offered, keeps a holdout, and writes
decisions as Upswell does, so that the bank, its truth and its summary can be tried alone. It is also the
"random policy" that a real one is compared with.

Rules of this file: everything follows from ids; state is the last profile and the last contact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from consumer.vocabulary.ids import decision_id, uniform_draw
from consumer.vocabulary.time import DAY_MS
from producer_sim.bus import Placed, Replies

_GAP_MS: Final = 3 * DAY_MS
_VALID_MS: Final = 14 * DAY_MS
_HOLDOUT_SHARE: Final = 0.3
_TRIGGERS: Final = frozenset({"login", "product_view", "call", "visit"})


@dataclass(slots=True)
class CoinScorer:
    """Offers a random product to whoever shows up, at most once in three days.

    Parameters
    ----------
    offers : offer id → products
    share : share of triggers that lead to an offer
    """

    offers: Mapping[str, tuple[str, ...]]
    share: float = 0.8
    _profiles: dict[str, dict[str, Any]] = field(default_factory=dict, init=False)
    _decided_ms: dict[str, int] = field(default_factory=dict, init=False)

    def __call__(self, placed: Sequence[Placed]) -> Replies:
        """Return the offers and decisions for some records; bad records are passed over."""
        replies = Replies()
        for place in placed:
            event = _read(place.record.value)
            if place.record.role == "customers" and "consents" in event:
                self._profiles[event["customer_id"]] = event
            elif place.record.role == "interactions" and event.get("kind") in _TRIGGERS:
                self._decide(place, event, replies)
        return replies

    def _decide(self, place: Placed, event: dict[str, Any], replies: Replies) -> None:
        customer_id, time_ms = event.get("customer_id", ""), event.get("event_time_ms", 0)
        profile = self._profiles.get(customer_id)
        if profile is None or not profile["consents"]["marketing"] or not isinstance(time_ms, int):
            return
        if time_ms - self._decided_ms.get(customer_id, 0) < _GAP_MS:
            return
        candidates = [
            {"offer_id": offer_id, "channel": "app"}
            for offer_id, products in self.offers.items()
            if not set(products) & set(profile["holdings"])
        ]
        if not candidates:
            return
        self._decided_ms[customer_id] = time_ms
        name = decision_id("interactions", place.partition, place.offset)
        arm = "holdout" if uniform_draw("holdout", customer_id) < _HOLDOUT_SHARE else "champion"
        draw = uniform_draw("choice", name)
        chosen = candidates[int(draw / self.share * len(candidates))] if draw < self.share else None
        if arm == "holdout":
            chosen = None
        head = {
            "schema_version": "1.0",
            "event_id": name,
            "customer_id": customer_id,
            "event_time_ms": time_ms,
        }
        result = "holdout" if arm == "holdout" else "no_offer" if chosen is None else "offered"
        decision = {**head, "decision_id": name, "arm": arm, "result": result, "candidates": candidates}
        replies.decisions.append(
            msgspec.json.encode({**decision, **(chosen or {"offer_id": None, "channel": None})})
        )
        if chosen is not None:
            products = list(self.offers[chosen["offer_id"]])
            offer = {
                **head,
                "decision_id": name,
                **chosen,
                "products": products,
                "expires_at_ms": time_ms + _VALID_MS,
            }
            replies.offers.append(msgspec.json.encode(offer))


def _read(value: bytes | None) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(value or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return document if isinstance(document, dict) else {}
