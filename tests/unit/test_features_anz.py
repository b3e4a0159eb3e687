"""A real bank's stream through the fold, against a naive recomputation from the whole table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from consumer.features.catalogue import catalogue_for
from consumer.features.fold import Disposition, fold
from consumer.features.record import empty_records, pack, unpack
from consumer.features.values import feature_values
from consumer.vocabulary.ids import stable_hash64
from consumer.vocabulary.words import TRANSACTION_KINDS
from tests.oracles.event_lists import Event, columns_of, transaction
from tests.oracles.naive_features import account_features

DATA = Path(__file__).parents[3] / "shared/data/anz_transactions.csv"
CATALOGUE = catalogue_for(("savings_account", "mortgage"))

KINDS = {
    "POS": "card_payment",
    "SALES-POS": "card_payment",
    "PAYMENT": "direct_debit",
    "PAY/SALARY": "salary",
    "INTER BANK": "transfer_out",
    "PHONE BANK": "transfer_out",
}


def transactions() -> pd.DataFrame:
    if not DATA.exists():
        pytest.skip(f"the ANZ transactions are not at {DATA}")
    raw = pd.read_csv(DATA)
    times = pd.to_datetime(raw["extraction"], utc=True)
    return pd.DataFrame(
        {
            "customer": raw["customer_id"].astype("category").cat.codes.astype("int64"),
            "key": raw["transaction_id"].map(stable_hash64),
            "time_ms": times.astype("datetime64[ms, UTC]").astype("int64"),
            "amount_minor": (raw["amount"] * 100).round().astype("int64"),
            "balance_minor": (raw["balance"] * 100).round().astype("int64"),
            "kind": raw["txn_description"].map(KINDS),
            "is_credit": raw["movement"] == "credit",
            "is_salary": raw["txn_description"] == "PAY/SALARY",
        }
    )


def events_of(table: pd.DataFrame) -> list[Event]:
    """Return a table's transactions in its order."""
    rows = table.assign(kind=table["kind"].map(TRANSACTION_KINDS.index), has_balance=1)
    names = ("kind", "is_credit", "balance_minor", "has_balance")
    return [
        transaction(
            row["time_ms"],
            row["amount_minor"],
            key=row["key"],
            customer=row["customer"],
            **{name: int(row[name]) for name in names},
        )
        for row in rows.to_dict("records")
    ]


def test_the_features_of_every_anz_customer_equal_a_naive_recomputation() -> None:
    table = transactions()
    events = events_of(table)
    n_customers = table["customer"].nunique()
    records = empty_records(CATALOGUE.layout, n_customers)
    for start in range(0, len(events), 1_000):
        batch = columns_of(events[start : start + 1_000], 2)
        assert set(fold(CATALOGUE, records, batch).tolist()) == {Disposition.APPLIED}
        records = unpack({}, CATALOGUE.layout, pack(CATALOGUE.layout, records))
    values = feature_values(CATALOGUE, records)
    for customer in range(n_customers):
        history = table[table["customer"] == customer]
        expected = account_features(history, int(history["time_ms"].max()))
        actual = {name: values[customer, CATALOGUE.index[name]] for name in expected}
        exact = {name for name in expected if "balance_" not in name and "regularity" not in name}
        assert {n: actual[n] for n in exact} == pytest.approx({n: expected[n] for n in exact}, rel=1e-12)
        assert actual == pytest.approx(expected, rel=1e-4, abs=1e-3 * abs(expected["balance_mean"]))


def test_the_busiest_anz_customer_takes_less_than_750_stored_bytes() -> None:
    table = transactions()
    busiest = table[table["customer"] == table["customer"].mode()[0]].assign(customer=0)
    records = empty_records(CATALOGUE.layout, 1)
    fold(CATALOGUE, records, columns_of(events_of(busiest), 2))
    assert len(pack(CATALOGUE.layout, records)[0]) < 750
