"""Records of the topics as a history: what `upswell lab export` writes, file by file.

Records that no scorer can use are left out and counted, so that a history holds events only. A null profile
becomes a line that says `erase`; null traits become traits without content, as a scorer reads them. What a customer
did before being erased for the last time is left out, decisions about it included: a history must not bring back what
the service has forgotten.

Rules of this file: told the records in merged order; one line a record; nothing but these files is written.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from consumer.adapters.codec import decode_batch, encode
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.messages import SCHEMA_VERSION
from consumer.vocabulary.products import OfferCatalogue
from consumer.vocabulary.topics import INPUT_ROLES
from offline.history.offers import DECISIONS
from offline.history.past_files import ORDER_FILE
from offline.history.reading import history_file

_ROLE_CODE: Final = {role: code for code, role in enumerate(INPUT_ROLES)}
_LEVEL: Final = 1
"""Of packing: three times as fast as 9, for files a fifth larger."""


_Place = tuple[str, int, int]


class _Trigger(msgspec.Struct, frozen=True, gc=False):
    topic: str
    partition: int
    offset: int


class _Decision(msgspec.Struct, frozen=True, gc=False):
    trigger: _Trigger


_DECISIONS: Final = msgspec.json.Decoder(_Decision)


@dataclass(slots=True)
class HistoryWriter:
    """A history directory in the making; a context manager.

    erasures : key → null profiles of the customer among the records to come
    lines : file → lines written; left_out : dead-letter code → records left out; forgotten : records left out
        because their customers are erased later
    """

    out_dir: Path
    catalogue: OfferCatalogue
    erasures: Counter[bytes] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    forgotten: set[_Place] = field(default_factory=set)
    _files: dict[str, gzip.GzipFile] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        """Create the folder and an empty file a role.

        Raises
        ------
        ConfigurationError : the folder cannot be written, or holds a history already
        """
        try:
            self.out_dir.mkdir(parents=True, exist_ok=True)
            for name in (*INPUT_ROLES, DECISIONS):
                self._files[name] = self._open.enter_context(_packed(history_file(self.out_dir, name)))
            self._files[ORDER_FILE] = self._open.enter_context(_packed(self.out_dir / ORDER_FILE))
        except FileExistsError as error:
            raise ConfigurationError(f"{error.filename} is there already: give an empty folder.") from error
        except OSError as error:
            raise ConfigurationError(
                f"Cannot write a history to {self.out_dir}: {error.strerror}."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all files."""
        self._open.close()

    def write(self, records: Sequence[RawRecord]) -> None:
        """Append input records, in merged order."""
        letters = decode_batch(records, self.catalogue).dead_letters
        self.left_out.update(str(letter.code) for letter in letters)
        bad = {_place(letter.record) for letter in letters}
        kept = [record for record in records if _place(record) not in bad] if bad else records
        kept = [record for record in kept if self._stays(record)] if self.erasures else kept
        for record in kept:
            self._line(record.role, _line_of(record))
        self._files[ORDER_FILE].write(bytes(map(_ROLE_CODE.__getitem__, [record.role for record in kept])))

    def write_decisions(self, values: Sequence[bytes]) -> None:
        """Append documents of `nbo.decisions`."""
        for value in values:
            if not self.forgotten or _trigger_place(value) not in self.forgotten:
                self._line(DECISIONS, value)

    def _stays(self, record: RawRecord) -> bool:
        """Return whether a record may be written: not what an erasure to come makes forgotten."""
        key = record.key or b""
        if not self.erasures[key]:
            return True
        if is_erasure(record):
            self.erasures[key] -= 1
            return True
        self.forgotten.add(_place(record))
        return False

    def _line(self, name: str, value: bytes) -> None:
        # A newline can only stand between the tokens of a JSON document, never inside a text.
        self._files[name].write(value.replace(b"\n", b" ") + b"\n")
        self.lines[name] += 1


def is_erasure(record: RawRecord) -> bool:
    """Return whether a record erases its customer."""
    return record.role == "customers" and record.value is None


def _packed(file: Path) -> gzip.GzipFile:
    return gzip.open(file, "xb", compresslevel=_LEVEL)


def _place(record: RawRecord) -> _Place:
    return record.role, record.partition, record.offset


def _trigger_place(decision: bytes) -> _Place:
    trigger = _DECISIONS.decode(decision).trigger
    return trigger.topic, trigger.partition, trigger.offset


def _line_of(record: RawRecord) -> bytes:
    if record.value is not None:
        return record.value
    head = {"customer_id": (record.key or b"").decode(), "event_time_ms": max(record.timestamp_ms, 0)}
    if record.role == "customers":
        return encode(head | {"erase": True})
    event_id = f"{record.role}-{record.partition}-{record.offset}"
    return encode({"schema_version": SCHEMA_VERSION, "event_id": event_id, **head})
