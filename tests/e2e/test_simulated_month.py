"""The simulated bank for a month, faults on, against two scorers and a learner: the books must balance.

Everything is asked of the topics and of the metrics pages, as an auditor would: no record of the input
without its effect, no record of the output without its cause. 5,000 customers by default; fewer or more with
UPSWELL_TEST_MONTH_CUSTOMERS.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from consumer.settings import DEFAULT_POLICY
from consumer.vocabulary.time import HOUR_MS
from consumer.vocabulary.topics import Topics
from tests.e2e.bank_month import Document, Month, live, source_of, totals_of
from tests.e2e.processes import deployed
from tests.oracles.naive_campaign import (
    WEIGHT_MAX,
    Profiles,
    contacts_over_a_cap,
    labels_learned,
    labels_that_follow,
    may_be_offered,
)
from upswell.embedded.kafka import KafkaBroker
from upswell.embedded.redis import RedisServer

PREFIX: Final = "e2e-month."
STEP_MS: Final = HOUR_MS
POLICY: Final[dict[str, Any]] = yaml.safe_load(DEFAULT_POLICY.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def month(
    kafka_broker: KafkaBroker, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Month]:
    folder = tmp_path_factory.mktemp("month")
    with deployed(kafka_broker, redis_server, prefix=PREFIX, folder=folder) as deployment:
        yield live(deployment)


def by_decision(documents: list[Document]) -> dict[str, Document]:
    """Return documents by their decision, each at most once."""
    found = {document["decision_id"]: document for document in documents}
    assert len(found) == len(documents)
    return found


# ---------------------------------------------------------------- every record of the input has its effect


def test_every_record_is_applied_a_duplicate_too_old_suppressed_erased_or_a_dead_letter(month: Month) -> None:
    assert month.truth.is_settled
    accounted = totals_of(month.totals, "events_total") + totals_of(month.totals, "dead_letters_total")
    assert accounted == month.totals["records_total", ""] == month.truth.published_count
    assert set(month.kinds("events_total")) <= {"applied", "duplicate", "too_old", "suppressed", "erased"}


def test_every_topic_holds_what_the_bank_published_and_each_dead_letter_names_one_of_its_records(
    month: Month,
) -> None:
    found = Counter(placed.role for placed in month.valid)
    letters = Counter(Topics(PREFIX).role(source_of(letter)[0]) for letter in month.letters)
    published = {role: sum(fates.values()) for role, fates in month.truth.published.items()}
    assert found + letters == Counter(published)
    assert len({source_of(letter) for letter in month.letters}) == len(month.letters)


def test_exactly_the_records_that_were_spoilt_are_dead_letters_by_topic_and_code(month: Month) -> None:
    told: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for letter in month.letters:
        role = Topics(PREFIX).role(source_of(letter)[0])
        told[role][letter.headers["error_code"].decode()] += 1
    assert told == month.truth.dead_letters_expected
    assert sum(told.values(), Counter()) == month.kinds("dead_letters_total")


def test_exactly_the_repeated_events_are_duplicates_and_nobody_who_objects_is_followed(month: Month) -> None:
    objects = {
        customer
        for customer, profiles in month.profiles.items()
        if not any(document["consents"]["profiling"] for _, document in profiles)
    }
    seen: set[tuple[str, str]] = set()
    expected: Counter[str] = Counter()
    for placed in month.valid:
        name = (placed.event.customer_id, placed.event.event_id)
        if placed.role != "customers" and placed.event.customer_id in objects:
            expected["suppressed"] += 1
        else:
            expected["duplicate" if name in seen else "applied"] += 1
            seen.add(name)
    assert min(expected.values()) > 0
    assert month.kinds("events_total") == expected


# ---------------------------------------------------------------- no record of the output without its cause


def test_every_decision_is_made_once_by_an_event_of_its_customer(month: Month) -> None:
    triggers = {(p.role, p.partition, p.offset): p.event for p in month.valid}
    for name, decision in by_decision(month.decisions).items():
        trigger = decision["trigger"]
        place = (trigger["topic"], trigger["partition"], trigger["offset"])
        assert name == "-".join(map(str, place))
        event = triggers[place]
        assert (event.event_id, event.customer_id) == (trigger["event_id"], decision["customer_id"])


def test_every_offer_has_its_decision_and_every_decision_to_offer_its_offer(month: Month) -> None:
    decisions = by_decision(month.decisions)
    offers = by_decision(month.offers)
    assert offers.keys() == {name for name, d in decisions.items() if d["result"] == "offered"}
    same = (
        "customer_id",
        "event_time_ms",
        "offer_id",
        "channel",
        "model_version",
        "policy_version",
        "reasons",
    )
    for name, offer in offers.items():
        assert {key: offer[key] for key in same} == {key: decisions[name][key] for key in same}
        assert offer["p_accept"] == chosen(decisions[name])["p_accept"]
    told = Counter(decision["result"] for decision in month.decisions)
    assert told == month.kinds("decisions_total")
    assert month.truth.offers_count == len(offers)
    assert len(month.truth.decisions) == len(decisions)


def chosen(decision: Document) -> Document:
    """The candidate that was chosen."""
    names = (decision["offer_id"], decision["channel"])
    [candidate] = [c for c in decision["candidates"] if (c["offer_id"], c["channel"]) == names]
    return dict(candidate)


def test_the_probabilities_of_every_decision_add_up_to_one_and_what_was_done_was_possible(
    month: Month,
) -> None:
    for decision in month.decisions:
        offered = [candidate["logging_propensity"] for candidate in decision["candidates"]]
        no_offer = decision["no_offer_logging_propensity"]
        assert sum(offered, no_offer) == pytest.approx(1.0, abs=1e-9)
        assert min([*offered, no_offer]) >= 0.0
        done = no_offer if decision["offer_id"] is None else chosen(decision)["logging_propensity"]
        assert done > 0.0


def test_every_outcome_answers_an_offer_and_none_is_an_orphan(month: Month) -> None:
    offered = {offer["decision_id"]: offer["customer_id"] for offer in month.offers}
    told = {outcome["event_id"]: outcome for outcome in month.outcomes}
    assert all(offered[outcome["decision_id"]] == outcome["customer_id"] for outcome in told.values())
    # No offer's decision is forgotten within the month, so an orphan would be one that we lost.
    assert month.kinds("outcomes_total") == {"attributed": len(told)}


def test_every_example_repeats_the_inputs_of_its_decision_and_weighs_by_its_propensity(month: Month) -> None:
    decisions = by_decision(month.decisions)
    model_of = {offer["id"]: model_id(offer) for offer in POLICY["offers"]}
    for example in month.examples:
        decision = decisions[example["decision_id"]]
        assert decision["result"] == "offered"
        same = ("customer_id", "offer_id", "model_input", "segment")
        assert {key: example[key] for key in same} == {key: decision[key] for key in same}
        assert example["decided_at_ms"] == decision["event_time_ms"] <= example["matured_at_ms"]
        assert example["product_id"] == model_of[example["offer_id"]]
        logging_propensity = chosen(decision)["logging_propensity"]
        assert example["logging_propensity"] == logging_propensity
        assert abs(example["weight"]) == pytest.approx(min(1 / logging_propensity, WEIGHT_MAX))


def model_id(offer: Document) -> str:
    """A bundle has a model of its own."""
    products: list[str] = offer["products"]
    return products[0] if len(products) == 1 else str(offer["id"])


def test_every_answer_is_one_label_and_every_label_has_its_answer(month: Month) -> None:
    assert len({example["event_id"] for example in month.examples}) == len(month.examples)
    # A window of 30 days is over within the month only for what was delivered in its first minutes.
    answered = [example for example in month.examples if example["cause"] != "expired"]
    assert len(answered) >= len(month.examples) - 5
    assert labels_learned(answered) == labels_that_follow(month.outcomes)
    assert Counter(example["cause"] for example in month.examples) == month.kinds("examples_total")


def test_the_models_contain_every_example_once(month: Month) -> None:
    assert month.learned["examples_read_total", ""] == len(month.examples)
    latest = {model["product_id"]: model for model in sorted(month.models, key=lambda m: int(m["version"]))}
    for name, model in latest.items():
        labels = labels_learned(e for e in month.examples if e["product_id"] == name)
        responses = [label for _, kind, label in labels.elements() if kind == "response"]
        purchases = [label for _, kind, label in labels.elements() if kind == "purchase"]
        evidence = model["evidence"]
        assert (evidence["examples"], evidence["positives"]) == (len(responses), sum(responses))
        assert (evidence["purchase_answers"], evidence["purchases"]) == (len(purchases), sum(purchases))
    assert latest.keys() == {example["product_id"] for example in month.examples}
    versions = Counter((model["product_id"], model["version"]) for model in month.models)
    assert set(versions.values()) == {1}


# ---------------------------------------------------------------- nobody is bothered who must not be


def test_nobody_is_contacted_more_often_than_the_caps_allow(month: Month) -> None:
    caps = POLICY["contact_policy"]["caps"]
    undelivered = {o["decision_id"] for o in month.outcomes if o["kind"] == "undelivered"}
    assert contacts_over_a_cap(month.offers, caps, undelivered=undelivered) == []
    # The caps were reached: one contact less for each of them and somebody is over.
    tighter = [{**cap, "max": cap["max"] - 1} for cap in caps if cap["scope"] == "total"]
    assert contacts_over_a_cap(month.offers, tighter, undelivered=undelivered)


def test_a_customer_has_at_most_one_decision_in_the_gap(month: Month) -> None:
    times: defaultdict[str, list[int]] = defaultdict(list)
    for decision in month.decisions:
        # Of who objects to profiling not even the time of the last decision is kept.
        if "no_profiling_consent" not in decision["exclusions"].values():
            times[decision["customer_id"]].append(decision["event_time_ms"])
    gap_ms = POLICY["decision_gap_hours"] * HOUR_MS
    pauses = [
        later - earlier
        for found in times.values()
        for earlier, later in zip(sorted(found), sorted(found)[1:], strict=False)
    ]
    assert min(pauses) >= gap_ms


def test_nobody_gets_an_offer_without_consent_or_behind_a_closed_gate(month: Month) -> None:
    arrival_ms = {f"{p.role}-{p.partition}-{p.offset}": p.arrival_ms for p in month.valid}
    refused = []
    for offer in month.offers:
        step_ms = arrival_ms[offer["decision_id"]] // STEP_MS * STEP_MS
        profiles = Profiles(month.profiles[offer["customer_id"]]).perhaps_in_force(step_ms, step_ms + STEP_MS)
        if not any(may_be_offered(p, offer["channel"], offer["event_time_ms"]) for p in profiles):
            refused.append(offer["decision_id"])
    assert refused == []
    closed = {code for decision in month.decisions for code in decision["exclusions"].values()}
    gates = {
        "no_marketing_consent",
        "no_profiling_consent",
        "kyc_incomplete",
        "aml_hold",
        "vulnerable",
        "minor",
    }
    assert closed >= gates


def test_the_holdout_is_decided_for_and_left_alone(month: Month) -> None:
    arms = {decision["customer_id"]: decision["arm"] for decision in month.decisions}
    offered = {offer["customer_id"] for offer in month.offers}
    holdout = {customer for customer, arm in arms.items() if arm == "holdout"}
    assert len(holdout) > 0.05 * len(arms)
    assert not holdout & offered
