"""A real data set as a stream: `upswell simulate replay --file X.csv --mapping M.yaml`.

Rows become `bank.transactions` records in the order of their event time, with that time as the Kafka
timestamp. Every row is accounted for: published, or refused with its number, column and reason.

Rules of this file: nothing is published before the mapping and the header were checked; the whole file
is held in memory to sort it, about 1 kB a row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.messages import Customer, Transaction
from producer_sim.bus import Bus
from producer_sim.mapping import MappingFile, read_mapping
from producer_sim.pacing import Pacer
from producer_sim.progress import Progress, ProgressCounts, silent
from producer_sim.records import Outgoing
from producer_sim.rows import Row, RowRefused, check_record, read_fields
from producer_sim.settings import Pace

_PUBLISH_AT_ONCE: Final = 1_000
FREELY: Final = Pace(lockstep=False)


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not published. `row` counts from 1 without the header, `line` is the file's."""

    row: int
    line: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What became of each row: `rows == published + len(refused)`; profiles come on top."""

    file: str
    mapping: str
    rows: int
    published: int
    profiles: int
    customers: int
    first_event_time_ms: int | None
    last_event_time_ms: int | None
    refused: tuple[RefusedRow, ...]


@dataclass(slots=True)
class _Reading:
    """What a file came to."""

    rows: int = 0
    transactions: list[Outgoing] = field(default_factory=list)
    profiles: list[Outgoing] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)
    row_of_event: dict[str, int] = field(default_factory=dict)
    profiled: set[str] = field(default_factory=set)


def replay(
    file: Path,
    mapping_file: Path,
    bus: Bus,
    progress: Progress = silent,
    *,
    profiles: bool = False,
    pace: Pace = FREELY,
) -> ReplayReport:
    """Publish a CSV file as a stream and return what became of each row.

    Parameters
    ----------
    profiles : also publish one `bank.customers` record a customer, from the mapping's `profile`
    pace : in lockstep the scorers are awaited after every 1,000 records

    Raises
    ------
    ConfigurationError : the mapping or the file as a whole is wrong
    """
    mapping = _mapping(mapping_file, profiles=profiles)
    reading = _read(file, mapping, profiles=profiles)
    # Sorting is stable: profiles come before the first transaction of the same instant, rows in file order.
    records = sorted([*reading.profiles, *reading.transactions], key=lambda record: record.arrival_ms)
    _publish(records, bus, progress, pace)
    times = [record.event_time_ms for record in reading.transactions]
    return ReplayReport(
        file=str(file),
        mapping=str(mapping_file),
        rows=reading.rows,
        published=len(reading.transactions),
        profiles=len(reading.profiles),
        customers=len({record.key for record in reading.transactions}),
        first_event_time_ms=min(times, default=None),
        last_event_time_ms=max(times, default=None),
        refused=tuple(reading.refused),
    )


def check_files(file: Path, mapping_file: Path, *, profiles: bool = False) -> None:
    """Raise what `replay` would raise about the files as a whole, before any broker is asked."""
    next(_rows(file, _mapping(mapping_file, profiles=profiles)), None)


def write_report(report: ReplayReport, path: Path) -> None:
    """Write a report: `.csv` holds the refused rows, anything else the whole report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as target:
            writer = csv.DictWriter(target, ["row", "line", "column", "reason"])
            writer.writeheader()
            writer.writerows(asdict(refused) for refused in report.refused)
    else:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def _mapping(file: Path, *, profiles: bool) -> MappingFile:
    mapping = read_mapping(file)
    if profiles and not mapping.profile:
        raise ConfigurationError(f"{file} has no profile section to make profiles from")
    return mapping


def _read(file: Path, mapping: MappingFile, *, profiles: bool) -> _Reading:
    reading = _Reading()
    for row, line, cells, fault in _rows(file, mapping):
        reading.rows = row
        try:
            if fault is not None:
                raise RowRefused("row", fault)
            transaction = _transaction(cells, row, mapping)
            first = reading.row_of_event.setdefault(transaction.event_id, row)
            if first != row:
                raise RowRefused("event_id", f"row {first} has the same event_id")
            profile = _profile(cells, transaction, mapping) if profiles else None
        except RowRefused as refusal:
            reading.refused.append(RefusedRow(row, line, refusal.column, refusal.reason))
            continue
        reading.transactions.append(_outgoing("transactions", transaction))
        if profile is not None and transaction.customer_id not in reading.profiled:
            reading.profiled.add(transaction.customer_id)
            reading.profiles.append(_outgoing("customers", profile))
    return reading


def _rows(file: Path, mapping: MappingFile) -> Iterator[tuple[int, int, dict[str, str], str | None]]:
    """Yield (row, line, cells, fault) after checking the header."""
    try:
        with file.open(newline="", encoding=mapping.encoding) as source:
            reader = csv.reader(source, delimiter=mapping.delimiter, strict=True)
            header = [name.strip().removeprefix("\ufeff") for name in next(reader, [])]
            _check_header(header, file, mapping)
            for row, cells in enumerate(reader, 1):
                fault = (
                    None if len(cells) == len(header) else f"has {len(cells)} cells, the header {len(header)}"
                )
                yield row, reader.line_num, dict(zip(header, cells, strict=False)), fault
    except (OSError, LookupError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(f"cannot read {file}: {reason}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file} is not {mapping.encoding} at byte {error.start}") from error
    except csv.Error as error:
        raise ConfigurationError(f"{file}, line {reader.line_num}: not a CSV file: {error}") from error


def _check_header(header: Sequence[str], file: Path, mapping: MappingFile) -> None:
    if not header:
        raise ConfigurationError(f"{file} is empty")
    for rule in mapping.rules:
        twice = [column for column in rule.columns if header.count(column) > 1]
        if twice:
            rule.spot.refuse(f"{file} has the column {twice[0]!r} more than once")
        missing = [column for column in rule.columns if column not in header]
        if missing:
            rule.spot.refuse(f"{file} has no column {missing[0]!r}, only {', '.join(header)}")


def _transaction(cells: Row, row: int, mapping: MappingFile) -> Transaction:
    fields: dict[str, Any] = {"event_id": f"{mapping.name}-{row}"}
    fields |= read_fields(mapping.transactions, cells, mapping)
    return check_record(Transaction, fields, mapping.transactions)


def _profile(cells: Row, transaction: Transaction, mapping: MappingFile) -> Customer:
    time_ms = transaction.event_time_ms
    fields: dict[str, Any] = {
        "event_id": f"p.{transaction.event_id}"[:64],
        "customer_id": transaction.customer_id,
        "event_time_ms": time_ms,
        **read_fields(mapping.profile, cells, mapping, event_time_ms=time_ms),
    }
    protected = read_fields(mapping.protected, cells, mapping)
    return check_record(Customer, {**fields, "protected": protected}, mapping.profile)


def _outgoing(role: str, record: Transaction | Customer) -> Outgoing:
    value = record.model_dump_json(exclude_none=True).encode()
    time_ms = record.event_time_ms
    return Outgoing(role, record.customer_id.encode(), value, record.event_id, time_ms, time_ms)


def _publish(records: Sequence[Outgoing], bus: Bus, progress: Progress, pace: Pace) -> None:
    pacer = Pacer(pace)
    for start in range(0, len(records), _PUBLISH_AT_ONCE):
        portion = records[start : start + _PUBLISH_AT_ONCE]
        bus.publish(portion)
        if pace.lockstep:
            bus.settle(pace.settle_timeout_s)
        done = start + len(portion)
        bank_ms = portion[-1].arrival_ms
        progress(ProgressCounts("replay", bank_ms, done / len(records), done, 0, 0, 0, 0, 0))
        pacer.wait(bank_ms - portion[0].arrival_ms, len(portion))
    if not pace.lockstep:
        bus.settle(pace.settle_timeout_s)
