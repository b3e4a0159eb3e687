"""A history directory: the bank's records of past months and what became of a past campaign.

    customers.jsonl.gz  transactions.jsonl.gz  interactions.jsonl.gz  outcomes.jsonl.gz
        the records of the topics, one JSON document a line, in order of event time
    traits.jsonl.gz
        the same, where the laboratory has published traits before; may be absent
    campaign.jsonl.gz
        one line a contact: customer_id, product_id, channel, offered_at_ms, accepted (0 or 1),
        decision_id (the outcomes name it)

Rules of this file: read a day at a time, so that memory holds a day and not the history; what is wrong
with a file is one sentence with file and line.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.time import DAY_MS

ROLES: Final = ("customers", "traits", "transactions", "interactions", "outcomes")
"""In the order in which records of the same time are folded."""

MAY_BE_ABSENT: Final = ("traits",)
CAMPAIGN: Final = "campaign"

ORDER_FILE: Final = "order.gz"
"""One byte a record, the place of its role in `INPUT_ROLES`, in order of arrival: beside the files of an export."""

Line = TypeVar("Line", bound=msgspec.Struct)


class _Head(msgspec.Struct):
    """What is needed of a record before it is decoded."""

    customer_id: str
    event_time_ms: int
    erase: bool = False


class PastOffer(msgspec.Struct, frozen=True):
    """One contact of the past campaign, and whether it was accepted."""

    customer_id: str
    product_id: str
    channel: str
    offered_at_ms: int
    accepted: int
    decision_id: str = ""


@dataclass(frozen=True, slots=True)
class PastDay:
    """One UTC day: its records in order of event time, and the offers made on it, in order of time."""

    day: int
    records: Sequence[RawRecord]
    offers: Sequence[PastOffer]


def read_offers(history_dir: Path) -> list[PastOffer]:
    """Return all offers of the past campaign, in order of time.

    Raises
    ------
    ConfigurationError : the file is not there, or a line is no contact
    """
    file = history_dir / f"{CAMPAIGN}.jsonl.gz"
    decoder = msgspec.json.Decoder(PastOffer)
    offers = [_decoded(decoder, line, file, number) for number, line in _lines(file)]
    return sorted(offers, key=lambda offer: (offer.offered_at_ms, offer.customer_id))


def days(history_dir: Path, offers: Sequence[PastOffer]) -> Iterator[PastDay]:
    """Walk through the history, a day at a time; days without records and offers are left out.

    Raises
    ------
    ConfigurationError : a file is not there, a line is no record, or lines are not in order of time
    """
    files = {role: history_dir / f"{role}.jsonl.gz" for role in ROLES}
    by_role = [
        _Upcoming(_daily(file, role))
        for role, file in files.items()
        if role not in MAY_BE_ABSENT or file.exists()
    ]
    by_role_offers = {day: list(group) for day, group in groupby(offers, lambda o: o.offered_at_ms // DAY_MS)}
    while True:
        waiting = {role.day for role in by_role if role.day is not None}
        waiting |= by_role_offers.keys()
        if not waiting:
            return
        day = min(waiting)
        records = [record for role in by_role for record in role.take(day)]
        # A stable sort: records of the same time stay in the order of the roles.
        records.sort(key=lambda record: record.timestamp_ms)
        yield PastDay(day, records, by_role_offers.pop(day, []))


class _Upcoming:
    """One file's next day, one ahead of what was taken."""

    def __init__(self, source: Iterator[tuple[int, list[RawRecord]]]) -> None:
        self._source = source
        self._next = next(source, None)

    @property
    def day(self) -> int | None:
        """The day that comes next, None at the end."""
        return None if self._next is None else self._next[0]

    def take(self, day: int) -> list[RawRecord]:
        """Return the records of a day, if that is the next one."""
        if self._next is None or self._next[0] != day:
            return []
        records = self._next[1]
        self._next = next(self._source, None)
        return records


def _daily(file: Path, role: str) -> Iterator[tuple[int, list[RawRecord]]]:
    """Walk through one file, a day at a time."""
    for day, group in groupby(_records(file, role), lambda arrived: arrived[0]):
        yield day, [record for _, record in group]


def _records(file: Path, role: str) -> Iterator[tuple[int, RawRecord]]:
    """Yield each record with its day: of its time, or of its arrival where an export has late records."""
    decoder = msgspec.json.Decoder(_Head)
    may_be_late = (file.parent / ORDER_FILE).is_file()
    latest_day = 0
    for number, line in _lines(file):
        head = _decoded(decoder, line, file, number)
        day = head.event_time_ms // DAY_MS
        if day < latest_day and not may_be_late:
            raise ConfigurationError(
                f"{file}, line {number}: the record is of an earlier day than the one before."
            )
        latest_day = max(day, latest_day)
        value = None if head.erase else line.rstrip()
        yield (
            latest_day,
            RawRecord(role, 0, number, head.customer_id.encode(), value, head.event_time_ms),
        )


def _decoded(decoder: msgspec.json.Decoder[Line], line: bytes, file: Path, number: int) -> Line:
    try:
        return decoder.decode(line)
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"{file}, line {number}: {error}.") from error


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """Walk through the lines of a packed file, counted from 1."""
    try:
        with gzip.open(file, "rb") as lines:
            yield from enumerate(lines, start=1)
    except (OSError, EOFError) as error:
        raise ConfigurationError(f"Cannot read the history file {file}: {error}.") from error
