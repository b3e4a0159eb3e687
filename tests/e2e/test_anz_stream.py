"""A real bank's three months through simulator, broker, scorer and learner; every feature recomputed.

12,043 transactions of 100 customers, published by `upswell simulate replay`. What the scorer then holds in
Redis is compared with pandas over the file, by definitions alone (tests/oracles/naive_customers.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest

from consumer.adapters.redis_store import RedisStore
from consumer.features.catalogue import catalogue_for
from consumer.policy.document import load_policy
from consumer.settings import DEFAULT_POLICY
from tests.e2e.kafka_reading import Record, read, settle
from tests.e2e.processes import Deployment, Totals, deployed
from tests.oracles.naive_customers import Features, anz_features, anz_transactions
from upswell.embedded.kafka import KafkaBroker
from upswell.embedded.redis import RedisServer
from upswell.inspection import Inspection, inspect_customer

ROOT: Final = Path(__file__).parents[2]
DATA: Final = ROOT.parent / "shared/data/anz_transactions.csv"
MAPPING: Final = ROOT / "deploy/mappings/anz_transactions.yaml"
ROWS: Final = 12_043

CATALOGUE: Final = load_policy(DEFAULT_POLICY).catalogue
FEATURES: Final = catalogue_for(CATALOGUE.product_ids)

EXACT: Final = 1e-12
"""Sums, counts and times are whole numbers; only one division follows."""

LARGEST: Final = 2.0**-23
"""A largest amount is kept as a 32-bit float."""

DECAYED: Final = 1e-5
"""A decayed sum is a 32-bit float, so each addition rounds by 6e-8 of it: the busiest customer's 578
additions err by 578 ** 0.5 times that, 1.5e-6."""


@dataclass(frozen=True)
class Stream:
    """What a replay left behind."""

    deployment: Deployment
    report: Mapping[str, Any]
    totals: Totals
    table: pd.DataFrame
    customers: Mapping[str, Inspection]
    offers: list[Record]


@pytest.fixture(scope="module")
def stream(
    kafka_broker: KafkaBroker, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stream]:
    if not DATA.exists():
        pytest.skip(f"the ANZ transactions are not at {DATA}")
    folder = tmp_path_factory.mktemp("anz")
    with deployed(kafka_broker, redis_server, prefix="e2e-anz.", folder=folder) as deployment:
        deployment.run("topics", "create", "--partitions", "4")
        scorer, learner = deployment.start_ready("score"), deployment.start_ready("learn")
        report = folder / "report.json"
        deployment.run(
            *("simulate", "replay", "--file", str(DATA), "--mapping", str(MAPPING), "--profiles"),
            *("--report", str(report)),
        )
        settle(deployment)
        totals = scorer.totals()
        scorer.stop()
        learner.stop()
        table = anz_transactions(DATA)
        yield Stream(
            deployment=deployment,
            report=json.loads(report.read_text(encoding="utf-8")),
            totals=totals,
            table=table,
            customers=inspected(deployment, sorted(table["customer"].unique())),
            offers=read(deployment, "offers"),
        )


def inspected(deployment: Deployment, customer_ids: list[str]) -> dict[str, Inspection]:
    """Return what `upswell inspect` shows of these customers, without a process for each."""
    store = RedisStore(deployment.redis_url, namespace=deployment.prefix)
    try:
        found = {name: inspect_customer(store, CATALOGUE, FEATURES, name) for name in customer_ids}
    finally:
        store.close()
    return {name: customer for name, customer in found.items() if customer is not None}


def expected(stream: Stream, customer_id: str) -> Features:
    offers = [
        (offer.document["event_time_ms"], offer.document["channel"], offer.document["products"][0])
        for offer in stream.offers
        if offer.key.decode() == customer_id
    ]
    history = stream.table[stream.table["customer"] == customer_id]
    made = pd.DataFrame(offers, columns=["time_ms", "channel", "product"])
    return anz_features(history, made.astype({"time_ms": "int64"}), CATALOGUE.product_ids)


def test_every_row_of_the_file_is_published_or_refused_with_its_reason(stream: Stream) -> None:
    report, refused = stream.report, stream.report["refused"]
    assert report["rows"] == len(stream.table) == ROWS
    assert report["published"] + len(refused) == ROWS
    assert all(row["column"] and row["reason"] for row in refused)
    assert len({row["row"] for row in refused}) == len(refused)
    assert report["customers"] == 100


def test_every_published_row_is_applied_once(stream: Stream) -> None:
    events = {kind: count for (name, kind), count in stream.totals.items() if name == "events_total"}
    assert events == {"applied": stream.report["published"] + stream.report["profiles"]}
    assert stream.totals["records_total", ""] == events["applied"]
    assert len(read(stream.deployment, "transactions")) == stream.report["published"]


def test_the_stream_leads_to_offers_but_nobody_answers_them(stream: Stream) -> None:
    assert len(stream.offers) > 50
    assert read(stream.deployment, "examples", "dead_letter") == []


def test_every_feature_of_the_catalogue_has_a_naive_definition(stream: Stream) -> None:
    names = expected(stream, stream.table["customer"].iloc[0])
    assert set(names) == set(FEATURES.names)


def test_the_features_of_all_100_customers_equal_a_naive_recomputation(stream: Stream) -> None:
    assert len(stream.customers) == 100
    wrong = {
        customer_id: differences
        for customer_id, customer in stream.customers.items()
        if (differences := differing(customer.features, expected(stream, customer_id)))
    }
    assert wrong == {}


def differing(actual: Mapping[str, float], wanted: Features) -> dict[str, tuple[float, float]]:
    """Return feature → (actual, wanted) where they differ by more than their tolerance."""
    # A difference of two decayed means errs with the means, however small it is itself.
    usual = max(abs(wanted["balance_mean"]), abs(wanted["balance_mean"] + wanted["balance_trend"]))
    tolerances = {
        "balance_trend": partial(pytest.approx, rel=0.0, abs=2 * DECAYED * usual),
        "balance_mean": partial(pytest.approx, rel=DECAYED),
        # n·R² − 1 is near 0 where there is no cycle; its root makes 1e-6 a thousandth.
        "salary_regularity": partial(pytest.approx, rel=DECAYED, abs=3e-3),
    }
    return {
        name: (actual[name], value)
        for name, value in wanted.items()
        if actual[name] != tolerances.get(name, partial(pytest.approx, rel=_tolerance(name)))(value)
    }


def _tolerance(name: str) -> float:
    if "_max_" in name:
        return LARGEST
    return DECAYED if name.startswith("offers_") else EXACT


@pytest.mark.parametrize("place", [0, 99])
def test_the_command_shows_what_was_compared(stream: Stream, place: int) -> None:
    customer_id = sorted(stream.customers)[place]
    shown = json.loads(stream.deployment.run("inspect", customer_id, "--json"))
    assert shown["features"] == stream.customers[customer_id].features
    assert shown["as_of_ms"] == stream.table.loc[stream.table["customer"] == customer_id, "time_ms"].max()
