"""Replaying a CSV: every row is published or refused with its place, every mapping mistake has a line."""

import csv
import json
from pathlib import Path

import pytest

from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.messages import Transaction
from producer_sim.bus import MemoryBus
from producer_sim.replay import ReplayReport, replay, write_report

MAPPING = """\
name: tiny
source: {missing: ["", "NA"]}
transactions:
  customer_id: {column: client}
  event_time_ms: {column: at, format: "%Y-%m-%d %H:%M"}
  kind:
    column: type
    values: {POS: card_payment, PAY: salary}
  direction:
    rules:
      - when: {type: [PAY]}
        then: credit
    otherwise: debit
  amount_minor: {column: amount, unit: major, sign: absolute}
  currency: {constant: EUR}
  channel: {constant: online}
  balance_after_minor: {column: balance, unit: major}
"""
HEADER = "client,at,type,amount,balance"
GOOD = "c1,2025-03-01 10:00,POS,-12.50,100.00"


def files(tmp_path: Path, rows: list[str], mapping: str = MAPPING, header: str = HEADER) -> tuple[Path, Path]:
    data, rules = tmp_path / "data.csv", tmp_path / "mapping.yaml"
    data.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    rules.write_text(mapping, encoding="utf-8")
    return data, rules


def replayed(
    tmp_path: Path, rows: list[str], mapping: str = MAPPING
) -> tuple[ReplayReport, list[Transaction]]:
    bus = MemoryBus()
    report = replay(*files(tmp_path, rows, mapping), bus)
    return report, [Transaction.model_validate_json(placed.record.value or b"") for placed in bus.log]


def test_a_row_becomes_the_record_that_its_mapping_says(tmp_path: Path) -> None:
    report, [record] = replayed(tmp_path, [GOOD])
    assert (report.rows, report.published, report.refused) == (1, 1, ())
    assert record.model_dump(exclude_none=True) == {
        "schema_version": "1.0",
        "event_id": "tiny-1",
        "customer_id": "c1",
        "event_time_ms": 1_740_823_200_000,
        "kind": "card_payment",
        "direction": "debit",
        "amount_minor": 1_250,
        "currency": "EUR",
        "channel": "online",
        "balance_after_minor": 10_000,
    }


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ("c1,yesterday,POS,1,1", "at", "'yesterday' cannot be read as event_time_ms"),
        ("c1,2025-03-01 10:00,ATM,1,1", "type", "'ATM' is not among the values of the mapping"),
        ("c1,2025-03-01 10:00,POS,,1", "amount", "is missing"),
        ("c1,2025-03-01 10:00,POS,1.005,1", "amount", "'1.005' cannot be read as amount_minor"),
        ("c1,2025-03-01 10:00,POS,NaN,1", "amount", "'NaN' cannot be read as amount_minor"),
        ("c1,2025-03-01 10:00,POS,Infinity,1", "amount", "'Infinity' cannot be read as amount_minor"),
        ("c1,2025-03-01 10:00,POS,1e40,1", "amount", "amount_minor: input should be less than or equal to"),
        ("c 1,2025-03-01 10:00,POS,1,1", "client", "customer_id: string should match pattern"),
        ("c1,2025-03-01 10:00,POS,1", "row", "has 4 cells, the header 5"),
    ],
)
def test_a_bad_row_is_refused_with_its_number_its_column_and_the_reason(
    tmp_path: Path, row: str, column: str, reason: str
) -> None:
    report, records = replayed(tmp_path, [GOOD, row, GOOD])
    assert [refused.row for refused in report.refused] == [2]
    [refused] = report.refused
    assert (refused.line, refused.column) == (3, column)
    assert refused.reason.startswith(reason)
    assert len(records) == report.published == report.rows - 1 == 2


def test_a_missing_optional_cell_leaves_its_field_out(tmp_path: Path) -> None:
    report, [record] = replayed(tmp_path, ["c1,2025-03-01 10:00,POS,1,NA"])
    assert record.balance_after_minor is None
    assert report.refused == ()


def test_rows_are_published_in_the_order_of_their_time(tmp_path: Path) -> None:
    rows = ["c1,2025-03-02 10:00,POS,2,1", "c1,2025-03-01 10:00,POS,1,1", "c1,2025-03-02 10:00,PAY,3,1"]
    _, records = replayed(tmp_path, rows)
    assert [record.amount_minor for record in records] == [100, 200, 300]
    assert [record.direction for record in records] == ["debit", "debit", "credit"]


def test_a_repeated_event_id_is_refused_and_names_the_first_row(tmp_path: Path) -> None:
    mapping = MAPPING + "  event_id: {column: client}\n"
    report, _ = replayed(tmp_path, [GOOD, GOOD], mapping)
    assert [(refused.row, refused.reason) for refused in report.refused] == [
        (2, "row 1 has the same event_id")
    ]


@pytest.mark.parametrize(
    ("broken", "line", "says"),
    [
        (MAPPING.replace("column: type", "colunm: type"), 7, "transactions.kind.colunm: is not known here"),
        (
            MAPPING.replace("PAY: salary", "PAY: wages"),
            6,
            "transactions.kind: 'wages' is none of card_payment",
        ),
        (
            MAPPING.replace("unit: major, sign", "unit: dollars, sign"),
            14,
            "'dollars' is none of major, minor",
        ),
        (MAPPING.replace("  currency: {constant: EUR}\n", ""), 3, "lacks currency"),
        (MAPPING.replace("  channel: {constant: online}", "  channel: {}"), 16, "needs exactly one of"),
        (MAPPING.replace("client}", "customer}"), 4, "has no column 'customer', only client, at"),
        (MAPPING + "  channel: {constant: app}\n", 18, "transactions.channel: is given twice"),
        (MAPPING.replace('"%Y-%m-%d %H:%M"', "["), 5, "line 5"),
        (MAPPING.replace(', format: "%Y-%m-%d %H:%M"', ""), 5, "needs a format (as of strptime) or a unit"),
        ("", 1, "the file is empty"),
        ("- just a list\n", 1, "must be a mapping"),
        ("a: &loop [*loop]\n", 1, "an anchor contains itself"),
    ],
)
def test_a_mistake_in_a_mapping_is_shown_with_file_line_and_field(
    tmp_path: Path, broken: str, line: int, says: str
) -> None:
    data, rules = files(tmp_path, [GOOD], broken)
    with pytest.raises(ConfigurationError) as caught:
        replay(data, rules, MemoryBus())
    assert f"mapping.yaml, line {line}" in str(caught.value)
    assert says in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    data, rules = files(tmp_path, [GOOD])
    with pytest.raises(ConfigurationError, match=r"cannot read .*absent\.csv: No such file"):
        replay(tmp_path / "absent.csv", rules, MemoryBus())
    data.write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"data\.csv is empty"):
        replay(data, rules, MemoryBus())
    data.write_bytes(HEADER.encode() + b"\nc\xff1,x\n")
    with pytest.raises(ConfigurationError, match=r"data\.csv is not utf-8 at byte"):
        replay(data, rules, MemoryBus())


def test_profiles_are_made_only_on_request_and_only_from_a_profile_section(tmp_path: Path) -> None:
    data, rules = files(tmp_path, [GOOD])
    with pytest.raises(ConfigurationError, match="has no profile section"):
        replay(data, rules, MemoryBus(), profiles=True)
    rules.write_text(MAPPING + "profile:\n  region: {column: type}\n", encoding="utf-8")
    bus = MemoryBus()
    assert replay(data, rules, bus, profiles=True).profiles == 1
    assert [placed.record.role for placed in bus.log] == ["customers", "transactions"]
    assert replay(data, rules, MemoryBus()).profiles == 0


def test_a_report_is_written_whole_as_json_and_its_refused_rows_as_csv(tmp_path: Path) -> None:
    report, _ = replayed(tmp_path, [GOOD, "c1,then,POS,1,1"])
    write_report(report, tmp_path / "out" / "report.json")
    write_report(report, tmp_path / "out" / "report.csv")
    document = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert (document["rows"], document["published"], document["refused"][0]["row"]) == (2, 1, 2)
    with (tmp_path / "out" / "report.csv").open(newline="", encoding="utf-8") as source:
        assert [row["column"] for row in csv.DictReader(source)] == ["at"]


def test_the_anz_stream_accounts_for_every_row(repository: Path) -> None:
    data = repository.parent / "shared" / "data" / "anz_transactions.csv"
    if not data.exists():
        pytest.skip("the ANZ transactions are not there (../shared/data/anz_transactions.csv)")
    bus = MemoryBus()
    report = replay(data, repository / "deploy" / "mappings" / "anz_transactions.yaml", bus)
    assert (report.rows, report.published, report.refused, report.customers) == (12_043, 12_043, (), 100)
    records = [Transaction.model_validate_json(placed.record.value or b"") for placed in bus.log]
    with data.open(newline="", encoding="utf-8") as source:
        cents = sum(round(float(row["amount"]) * 100) for row in csv.DictReader(source))
    assert sum(record.amount_minor for record in records) == cents
    assert {record.direction for record in records if record.kind == "salary"} == {"credit"}
    assert sum(record.kind == "salary" for record in records) == 883
    assert all(placed.record.arrival_ms == placed.record.event_time_ms for placed in bus.log)
