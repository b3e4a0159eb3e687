"""History files: their order, and one sentence for whatever is wrong with them."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from consumer.policy.document import load_policy
from consumer.settings import DEFAULT_POLICY
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.time import DAY_MS
from offline.backfilling.export import HistoryWriter
from offline.history import reading
from offline.history.offers import read_past_offers
from offline.history.past_files import days
from offline.history.reading import merged_batches

CATALOGUE = load_policy(DEFAULT_POLICY).catalogue


def line(customer_id: str, at_ms: int, **fields: object) -> bytes:
    return json.dumps({"customer_id": customer_id, "event_time_ms": at_ms, **fields}).encode()


def write(folder: Path, name: str, *lines: bytes) -> None:
    with gzip.open(folder / f"{name}.jsonl.gz", "wb") as file:
        file.write(b"\n".join(lines))


def times(folder: Path, *, batch_records: int = 1) -> list[tuple[str, int]]:
    batches = merged_batches(folder, batch_records=batch_records)
    return [(record.role, record.timestamp_ms) for batch in batches for record in batch]


@pytest.mark.parametrize("block_bytes", [1, 100, 10_000])
def test_roles_are_merged_by_time_and_at_the_same_time_a_profile_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", block_bytes)
    write(tmp_path, "transactions", line("c-1", 5), line("c-1", 9), line("c-2", 9))
    write(tmp_path, "customers", line("c-1", 5), line("c-2", 7))
    expected = [
        ("customers", 5),
        ("transactions", 5),
        ("customers", 7),
        ("transactions", 9),
        ("transactions", 9),
    ]
    assert times(tmp_path) == expected
    assert times(tmp_path, batch_records=100) == expected


def test_a_late_record_keeps_its_place_among_those_of_its_role(tmp_path: Path) -> None:
    write(tmp_path, "transactions", line("c-1", 8), line("c-1", 2), line("c-1", 9))
    write(tmp_path, "interactions", line("c-1", 8), line("c-1", 9))
    assert [at for role, at in times(tmp_path) if role == "transactions"] == [8, 2, 9]


def test_a_line_that_says_erase_stands_for_a_null_profile(tmp_path: Path) -> None:
    write(tmp_path, "customers", line("c-3", 5, erase=True))
    [[record]] = merged_batches(tmp_path, batch_records=10)
    assert (record.key, record.value) == (b"c-3", None)


@pytest.mark.parametrize("batch_records", [1, 3, 100])
def test_what_was_written_in_order_of_arrival_is_read_in_it(tmp_path: Path, batch_records: int) -> None:
    arrived = [("transactions", 9), ("customers", 4), ("customers", 5), ("transactions", 3), ("customers", 8)]
    with HistoryWriter(tmp_path, CATALOGUE) as writer:
        for place, (role, at_ms) in enumerate(arrived):
            writer.write([RawRecord(role, 0, place, b"c-1", good(role, at_ms, place), 2_000_000_000_000)])
    assert times(tmp_path, batch_records=batch_records) == arrived


def good(role: str, at_ms: int, number: int) -> bytes:
    fields: dict[str, object] = {"event_id": f"e-{number}", "customer_id": "c-1", "event_time_ms": at_ms}
    if role == "transactions":
        fields |= {
            "kind": "fee",
            "direction": "debit",
            "amount_minor": 5,
            "currency": "EUR",
            "channel": "pos",
        }
    else:
        fields |= {"consents": {"marketing": True, "profiling": True}}
    return json.dumps(fields, indent=1).encode()


def test_records_that_no_scorer_can_use_are_left_out_and_counted(tmp_path: Path) -> None:
    with HistoryWriter(tmp_path, CATALOGUE) as writer:
        writer.write([RawRecord("transactions", 0, 0, b"c-1", b"{", 5)])
        writer.write([RawRecord("transactions", 0, 1, b"c-1", good("transactions", 5, 1), 5)])
    assert dict(writer.left_out) == {"not_json": 1}
    assert writer.lines["transactions"] == 1


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((line("c-1", 5), b"{broken"), r"transactions\.jsonl\.gz, line 2: "),
        ((line("c-1", 5), b"", line("c-1", 6)), r"transactions\.jsonl\.gz, line 2: "),
        ((b'{"customer_id": 7, "event_time_ms": 1}',), r"line 1: Expected `str`, got `int`"),
        ((b'{"event_time_ms": 1}',), r"line 1: .*customer_id"),
        ((line("c-1", 5), b'{"customer_id": "\xff"}'), r"line 2: "),
    ],
)
def test_a_line_that_is_no_record_is_named_with_its_file_and_number(
    tmp_path: Path, lines: tuple[bytes, ...], words: str
) -> None:
    write(tmp_path, "transactions", *lines)
    with pytest.raises(ConfigurationError, match=words):
        times(tmp_path)


def test_a_folder_without_history_a_damaged_file_and_a_wrong_order_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"holds no history: none of customers\.jsonl\.gz"):
        times(tmp_path)
    write(tmp_path, "customers", *(line("c-1", number) for number in range(1_000)))
    file = tmp_path / "customers.jsonl.gz"
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    with pytest.raises(ConfigurationError, match=r"Cannot read the history file .*customers\.jsonl\.gz"):
        times(tmp_path)
    file.write_bytes(b"plain text")
    with pytest.raises(ConfigurationError, match="Not a gzipped file"):
        times(tmp_path)
    file.write_bytes(whole)
    for n_records, words in ((999, "fewer records of customers"), (1_001, "more records of customers")):
        (tmp_path / "order.gz").write_bytes(gzip.compress(bytes(n_records)))
        with pytest.raises(ConfigurationError, match=words):
            times(tmp_path)


def test_an_export_does_not_write_over_a_history(tmp_path: Path) -> None:
    write(tmp_path, "customers", line("c-1", 5))
    with pytest.raises(ConfigurationError, match="is there already"), HistoryWriter(tmp_path, CATALOGUE):
        pass


def test_a_decision_line_that_is_none_is_named_with_its_number(tmp_path: Path) -> None:
    write(tmp_path, "decisions", b'{"customer_id": "c-1"}')
    with pytest.raises(ConfigurationError, match=r"decisions\.jsonl\.gz, line 1: "):
        read_past_offers(tmp_path, CATALOGUE)


def test_what_a_customer_did_before_being_erased_is_not_exported_nor_what_was_decided_on_it(
    tmp_path: Path,
) -> None:
    def decision(offset: int) -> bytes:
        trigger = {"topic": "transactions", "partition": 0, "offset": offset, "event_id": "e"}
        return json.dumps({"trigger": trigger}).encode()

    def record(role: str, offset: int, value: bytes | None) -> RawRecord:
        return RawRecord(role, 0, offset, b"c-1", value, 2_000_000_000_000)

    records = [
        record("customers", 0, good("customers", 1, 0)),
        record("transactions", 0, good("transactions", 2, 1)),
        record("customers", 1, None),
        record("transactions", 1, good("transactions", 3, 2)),
        record("customers", 2, None),
        record("transactions", 2, good("transactions", 4, 3)),
    ]
    with HistoryWriter(tmp_path, CATALOGUE, Counter({b"c-1": 2})) as writer:
        writer.write(records[:2])
        writer.write(records[2:])
        writer.write_decisions([decision(0), decision(2)])
    assert dict(writer.lines) == {"customers": 2, "transactions": 1, "decisions": 1}
    assert len(writer.forgotten) == 3
    assert [role for role, _ in times(tmp_path)] == ["customers", "customers", "transactions"]


def test_days_of_an_export_take_late_records_on_the_day_of_their_arrival(tmp_path: Path) -> None:
    late = [line("c-1", 3 * DAY_MS), line("c-1", 2 * DAY_MS), line("c-2", 4 * DAY_MS)]
    write(tmp_path, "transactions", *late)
    write(tmp_path, "customers", line("c-3", 4 * DAY_MS, erase=True))
    for name in ("interactions", "outcomes"):
        write(tmp_path, name)
    with pytest.raises(ConfigurationError, match=r"transactions\.jsonl\.gz, line 2: .* earlier day"):
        list(days(tmp_path, []))
    (tmp_path / "order.gz").write_bytes(b"")
    found = [
        (day.day, [record.timestamp_ms // DAY_MS for record in day.records]) for day in days(tmp_path, [])
    ]
    assert found == [(3, [2, 3]), (4, [4, 4])]
