"""A policy changes while offers are open: what is stored keeps its product and its model, by name.

Stored rows outlive the policy that they were made under. A column number in one of them would mean another
product, or none, as soon as products or offers are added, dropped or moved.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from benchmarks.synthetic_events import Load, events, profiles
from consumer.adapters.codec import encode
from consumer.features.catalogue import catalogue_for
from consumer.features.record import unpack
from consumer.features.values import feature_values
from consumer.policy.document import Policy, parse_policy
from consumer.vocabulary.log import OutputRecord
from tests.simulation.world import World, retail_bank, with_budgets

LOAD = Load(n_customers=200, n_events=1_500, days=20.0, seed=5, trigger_share=0.5)
EAGER = with_budgets(retail_bank(), per_day=10_000)

Document = dict[str, Any]


def reversed_products(data: Document) -> None:
    data["products"].reverse()


def reversed_offers(data: Document) -> None:
    data["offers"].reverse()


def without_credit_cards(data: Document) -> None:
    keep_products(data, {item["id"] for item in data["products"] if not item["id"].startswith("credit_card")})


def without_bundles(data: Document) -> None:
    keep_offers(data, {item["id"] for item in data["offers"] if len(item["products"]) == 1})


def keep_products(data: Document, kept: set[str]) -> None:
    """Drop the other products and whatever names them."""
    keep_offers(data, {item["id"] for item in data["offers"] if kept.issuperset(item["products"])})
    data["products"] = [item for item in data["products"] if item["id"] in kept]
    groups = {item["group"] for item in data["products"]}
    days = data["contact_policy"]["cooling_off_days_by_group"]
    data["contact_policy"]["cooling_off_days_by_group"] = {
        name: days[name] for name in days if name in groups
    }
    for offer in data["offers"]:
        for key in ("requires_held", "excludes_held"):
            offer[key] = [name for name in offer[key] if name in kept]


def keep_offers(data: Document, kept: set[str]) -> None:
    data["offers"] = [item for item in data["offers"] if item["id"] in kept]
    groups = data["contact_policy"]["mutually_exclusive"]
    shrunk = [[name for name in group if name in kept] for group in groups]
    data["contact_policy"]["mutually_exclusive"] = [group for group in shrunk if len(group) > 1]


def changed(change: Callable[[Document], None]) -> Policy:
    data = EAGER.text.model_dump(mode="python", by_alias=True)
    change(data)
    return parse_policy(yaml.safe_dump(data), source="changed")


def offers_of(world: World) -> dict[str, Document]:
    offers = (json.loads(record.value or b"") for record in world.log.records("offers"))
    return {offer["decision_id"]: offer for offer in offers}


def answers(offers: dict[str, Document], *kinds: str) -> Iterator[OutputRecord]:
    """Return the same outcomes to every offer."""
    for decision_id, offer in offers.items():
        for minute, kind in enumerate(kinds, start=1):
            at_ms = offer["event_time_ms"] + minute * 60_000
            document = {
                "event_id": f"{decision_id}.{kind}",
                "customer_id": offer["customer_id"],
                "event_time_ms": at_ms,
                "decision_id": decision_id,
                "kind": kind,
            }
            yield OutputRecord("outcomes", offer["customer_id"].encode(), encode(document), at_ms)


def after_change(change: Callable[[Document], None], *kinds: str) -> tuple[World, dict[str, Document]]:
    """Return a world whose policy changed between its offers and their outcomes, and those offers."""
    world = World(n_partitions=2, policy=EAGER)
    products = EAGER.catalogue.product_ids
    # Nobody asks about a product, so that whatever names one afterwards does so because of an offer.
    world.publish(profiles(LOAD))
    world.publish(record for record in events(LOAD, products=products) if record.role == "transactions")
    world.run(world.scorer("before"))
    world.group.leave("before")
    offers = offers_of(world)
    assert len(offers) > 100
    world.policy = changed(change)
    world.publish(answers(offers, *kinds))
    world.run(world.scorer("after"))
    return world, offers


def feature(world: World, customer_id: str, name: str) -> float:
    catalogue = catalogue_for(world.policy.catalogue.product_ids)
    values = {customer: value for (_, customer), value in world.records().items()}
    record = unpack({}, catalogue.layout, [values[customer_id]])
    return float(feature_values(catalogue, record)[0, catalogue.index[name]])


@pytest.mark.parametrize("change", [reversed_products, reversed_offers, without_credit_cards])
def test_a_refusal_counts_for_the_product_that_was_offered(change: Callable[[Document], None]) -> None:
    world, offers = after_change(change, "rejected")
    for offer in offers.values():
        product = offer["products"][0]
        if product in world.policy.catalogue.product_index:
            assert feature(world, offer["customer_id"], f"offers_refused_{product}") > 0


@pytest.mark.parametrize("change", [reversed_products, reversed_offers, without_credit_cards])
def test_an_offer_that_was_not_delivered_gives_its_count_back_to_the_product_that_was_offered(
    change: Callable[[Document], None],
) -> None:
    world, offers = after_change(change, "undelivered")
    for offer in offers.values():
        for product in world.policy.catalogue.product_ids:
            assert feature(world, offer["customer_id"], f"offers_made_{product}") < 0.2


def test_models_learn_from_offers_of_their_own_when_offers_have_moved_in_the_policy() -> None:
    world, offers = after_change(reversed_offers, "accepted")
    examples = [json.loads(record.value or b"") for record in world.log.records("examples")]
    assert len(examples) == len(offers)
    of_bundles = 0
    for example in examples:
        offer = offers[example["decision_id"]]
        is_bundle = len(offer["products"]) > 1
        assert example["product_id"] == (offer["offer_id"] if is_bundle else offer["products"][0])
        of_bundles += is_bundle
    assert of_bundles > 0


def test_answers_to_offers_of_a_dropped_bundle_are_counted_and_teach_nobody() -> None:
    world, offers = after_change(without_bundles, "accepted")
    n_bundles = sum(len(offer["products"]) > 1 for offer in offers.values())
    assert n_bundles > 0
    assert world.telemetry.counts["examples_total", "model_dropped_by_policy"] == n_bundles
    assert len(world.log.records("examples")) == len(offers) - n_bundles
