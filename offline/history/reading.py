"""History files in the order in which a scorer would have merged their topics, in large batches.

    customers.jsonl.gz  traits.jsonl.gz  transactions.jsonl.gz  interactions.jsonl.gz  outcomes.jsonl.gz
        the records of the topics, one JSON document a line, in order of time; any of them may be missing
    {"customer_id": "c-3", "event_time_ms": 1790000000000, "erase": true}
        in customers.jsonl.gz stands for the null value that erases a customer

Rules of this file: one line becomes one raw record, in memory that does not grow with the history; what is
wrong with a file is one sentence with file and line. The work for each line is done by C calls over whole
blocks: 1.5 microseconds a line, of which unpacking is a third.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from consumer.adapters.merge import RoleMerge
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.topics import INPUT_ROLES
from offline.history.past_files import ORDER_FILE

BLOCK_BYTES: Final = 8 * 2**20
"""Text of one role that is read at a time: about 40,000 records."""

_SUFFIX: Final = ".jsonl.gz"


class _Head(msgspec.Struct, frozen=True, gc=False):
    """What is needed of a line before it is decoded."""

    customer_id: str
    event_time_ms: int
    erase: bool = False


_HEADS: Final = msgspec.json.Decoder(_Head)


def history_file(history_dir: Path, name: str) -> Path:
    """Return the file of a role, of the campaign or of the decisions."""
    return history_dir / f"{name}{_SUFFIX}"


def roles_in(history_dir: Path) -> tuple[str, ...]:
    """Return the roles that the history has a file of, in merge order.

    Raises
    ------
    ConfigurationError : the folder has no history file at all
    """
    roles = tuple(role for role in INPUT_ROLES if history_file(history_dir, role).is_file())
    if not roles:
        wanted = ", ".join(f"{role}{_SUFFIX}" for role in INPUT_ROLES)
        raise ConfigurationError(f"{history_dir} holds no history: none of {wanted} is there.")
    return roles


def merged_batches(history_dir: Path, *, batch_records: int) -> Iterator[list[RawRecord]]:
    """Walk through the history in merged order, in batches of at least `batch_records` but the last.

    Records of one role keep their order. Key and timestamp of a record are its customer and its event time, its
    partition is 0, its offset counts its role's lines from 0.

    Raises
    ------
    ConfigurationError : no history, a file that cannot be read, or a line that is no record
    """
    roles = roles_in(history_dir)
    if (history_dir / ORDER_FILE).is_file():
        yield from _in_order_of_arrival(history_dir, roles, batch_records)
    else:
        yield from _in_order_of_time(history_dir, roles, batch_records)


def _in_order_of_arrival(
    history_dir: Path, roles: tuple[str, ...], batch_records: int
) -> Iterator[list[RawRecord]]:
    order_file = history_dir / ORDER_FILE
    waiting = {role: _Waiting(_RoleFile(history_file(history_dir, role), role)) for role in roles}
    try:
        with gzip.open(order_file, "rb") as order:
            while block := order.read(batch_records):
                codes = np.frombuffer(block, dtype=np.uint8)
                batch = np.empty(len(codes), dtype=np.object_)
                for code in np.unique(codes).tolist():
                    places = np.flatnonzero(codes == code)
                    batch[places] = _taken(waiting, code, len(places), order_file)
                yield batch.tolist()
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigurationError(f"Cannot read the history file {order_file}: {error}.") from error
    left = [role for role, records in waiting.items() if records.take(1)]
    if left:
        raise ConfigurationError(f"{order_file} names fewer records of {', '.join(left)} than there are.")


def _taken(waiting: Mapping[str, _Waiting], code: int, count: int, order_file: Path) -> list[RawRecord]:
    role = INPUT_ROLES[code] if code < len(INPUT_ROLES) else ""
    records = waiting[role].take(count) if role in waiting else []
    if len(records) < count:
        raise ConfigurationError(f"{order_file} names more records of {role or code} than there are.")
    return records


def _in_order_of_time(
    history_dir: Path, roles: tuple[str, ...], batch_records: int
) -> Iterator[list[RawRecord]]:
    merge = RoleMerge(roles)
    files = [_RoleFile(history_file(history_dir, role), role) for role in roles]
    batch: list[RawRecord] = []
    while files:
        # The role that holds all others back is the one to read on.
        file = min(files, key=lambda f: (f.largest_ms, INPUT_ROLES.index(f.role)))
        records = file.next_block()
        merge.push(file.role, records)
        if not records:
            merge.set_at_end(file.role, True)
            files.remove(file)
        batch += merge.release()
        if len(batch) >= batch_records:
            yield batch
            batch = []
    if batch:
        yield batch


@dataclass(slots=True)
class _RoleFile:
    """One role's file, read block by block; `largest_ms` is the largest time read so far."""

    path: Path
    role: str
    blocks: Iterator[list[bytes]] = field(init=False)
    largest_ms: int = -1
    n_lines: int = 0

    def __post_init__(self) -> None:
        """Begin at the first line."""
        self.blocks = block_lines(self.path)

    def next_block(self) -> list[RawRecord]:
        """Return the next records; none at the end of the file."""
        lines = next(self.blocks, None)
        if lines is None:
            return []
        heads = self._heads(lines)
        times_ms = [head.event_time_ms for head in heads]
        values = [None if head.erase else line for head, line in zip(heads, lines, strict=True)]
        records = list(
            map(
                RawRecord,
                repeat(self.role),
                repeat(0),
                range(self.n_lines, self.n_lines + len(lines)),
                [head.customer_id.encode() for head in heads],
                values,
                times_ms,
            )
        )
        self.n_lines += len(lines)
        self.largest_ms = max(self.largest_ms, *times_ms)
        return records

    def _heads(self, lines: list[bytes]) -> list[_Head]:
        heads: list[_Head] = []
        try:
            heads.extend(map(_HEADS.decode, lines))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            # `extend` keeps what it got before the error, so the next line is the bad one.
            number = self.n_lines + len(heads) + 1
            raise ConfigurationError(f"{self.path}, line {number}: {error}.") from error
        return heads


@dataclass(slots=True)
class _Waiting:
    """Records of a role that were read and wait for their turn."""

    file: _RoleFile
    records: list[RawRecord] = field(default_factory=list)

    def take(self, count: int) -> list[RawRecord]:
        """Return the next records, fewer only at the end of the file."""
        while len(self.records) < count and (more := self.file.next_block()):
            self.records += more
        taken = self.records[:count]
        del self.records[:count]
        return taken


def block_lines(path: Path) -> Iterator[list[bytes]]:
    """Yield the lines of a packed file, a block at a time; the last line needs no newline."""
    rest = b""
    try:
        with gzip.open(path, "rb") as text:
            while block := text.read(BLOCK_BYTES):
                lines = (rest + block).split(b"\n")
                rest = lines.pop()
                if lines:
                    yield lines
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigurationError(f"Cannot read the history file {path}: {error}.") from error
    if rest:
        yield [rest]
