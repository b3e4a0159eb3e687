"""Bytes to columns and documents to bytes: the one place where the bank's JSON is read and written.

Rules of this file: every raw record becomes exactly one of event, erasure or dead letter; a batch is read
by role with a fast struct reader, and only records that it refuses are read again with care
(`refusals`), so garbage costs more than good records but the verdict is always pydantic's.

Reading is the only per-event Python of the scorer, therefore it is list comprehensions by field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import attrgetter
from typing import Any, Final

import msgspec
import numpy as np

from consumer.adapters.columns import Block, Merged, block_of, merge
from consumer.adapters.refusals import DecodeLimits, is_suspicious, least_suspicious_bytes, read_carefully
from consumer.adapters.structs import READERS, Reader
from consumer.decoded import DeadLetter, DecodedBatch, Erasures
from consumer.features.event_columns import Int64s
from consumer.vocabulary.errors import InvalidMessage
from consumer.vocabulary.ids import is_id
from consumer.vocabulary.log import RawRecord, TopicPartition
from consumer.vocabulary.products import OfferCatalogue
from consumer.vocabulary.reasons import DeadLetterCode
from consumer.vocabulary.topics import INPUT_ROLES

DEFAULT_LIMITS: Final = DecodeLimits()
_PRINTABLE: Final = bytes(range(0x21, 0x7F))
_READ_FAULTS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_ROLE_NUMBER: Final = {role: number for number, role in enumerate(INPUT_ROLES)}


@dataclass(slots=True)
class _RoleBatch:
    """The records of one role on their way to columns; `faults` by index into `records`."""

    role: str
    arrival: Int64s
    records: list[RawRecord]
    documents: list[Any]
    faults: dict[int, InvalidMessage] = field(default_factory=dict)
    erased: list[int] = field(default_factory=list)

    def refuse(self, index: int, code: DeadLetterCode, reason: str) -> None:
        """Note a fault; the first fault of a record is the one that counts."""
        self.faults.setdefault(index, InvalidMessage(code, reason))

    def readable(self) -> Iterator[tuple[int, Any]]:
        """Walk the documents that are no erasure and have no fault yet."""
        gone = self.faults.keys() | set(self.erased)
        return ((index, document) for index, document in enumerate(self.documents) if index not in gone)


@dataclass(frozen=True, slots=True)
class BatchDecoder:
    """The decoder of a scorer: `decode_batch` with its catalogue and limits."""

    catalogue: OfferCatalogue
    limits: DecodeLimits = DEFAULT_LIMITS

    def decode(self, records: Sequence[RawRecord]) -> DecodedBatch:
        """Decode one batch; never raises for what is in a record."""
        return decode_batch(records, self.catalogue, self.limits)


def decode_batch(
    records: Sequence[RawRecord], catalogue: OfferCatalogue, limits: DecodeLimits = DEFAULT_LIMITS
) -> DecodedBatch:
    """Return a batch of input records as columns, with its erasures and dead letters.

    Parameters
    ----------
    records : in order of arrival, of any input roles and partitions
    catalogue : the products that may be named, in column order
    limits : what a record may be at most
    """
    numbers = np.fromiter([_ROLE_NUMBER[record.role] for record in records], np.int64, len(records))
    batches = []
    for number, role in enumerate(INPUT_ROLES):
        arrival = np.flatnonzero(numbers == number)
        if len(arrival):
            batches.append(_read_role(role, arrival, [records[i] for i in arrival.tolist()], limits))
            _check_meaning(batches[-1], catalogue, limits)
    merged = merge({batch.role: _block(batch, catalogue) for batch in batches}, catalogue)
    return _assembled(records, batches, merged)


def encode(document: Mapping[str, Any]) -> bytes:
    """Return a document as compact JSON, fields in the document's order; NumPy numbers are allowed.

    Examples
    --------
    >>> encode({"event_id": "e-1", "amount_minor": np.int64(5)})
    b'{"event_id":"e-1","amount_minor":5}'
    """
    return _ENCODER.encode(document)


def _plain_number(value: object) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_plain_number)


# ---------------------------------------------------------------- one role: bytes → documents


def _read_role(role: str, arrival: Int64s, records: list[RawRecord], limits: DecodeLimits) -> _RoleBatch:
    values = [record.value or b"" for record in records]
    reader = READERS[role]
    batch = _RoleBatch(role, arrival, records, _read_fast(reader, values))
    for index in sorted(_doubtful(reader, batch.documents, values, limits)):
        record = records[index]
        try:
            if record.value is None and role in ("customers", "traits"):
                _read_tombstone(batch, index)
            else:
                batch.documents[index] = read_carefully(role, record.value, limits)
        except InvalidMessage as fault:
            batch.faults[index] = fault
    return batch


def _read_fast(reader: Reader, values: Sequence[bytes]) -> list[Any]:
    """Return a document for each value, None where the fast reader refuses it.

    `extend` keeps what it got before an error, so one bad record costs one more call, not a second pass.
    """
    documents: list[Any] = []
    pending = map(reader.decoder.decode, values)
    while len(documents) < len(values):
        try:
            documents.extend(pending)
        except _READ_FAULTS:
            documents.append(None)
    return documents


def _doubtful(
    reader: Reader, documents: Sequence[Any], values: Sequence[bytes], limits: DecodeLimits
) -> set[int]:
    """Return the indices of documents that must be read with care, by checks over the whole batch."""
    doubtful = {index for index, document in enumerate(documents) if document is None}
    read = documents if not doubtful else [document for document in documents if document is not None]
    if not all(map(bytes.isascii, values)):
        doubtful |= {index for index, value in enumerate(values) if not _is_utf8(value)}
    sizes = np.fromiter(map(len, values), np.int64, len(values))
    long_values = np.flatnonzero(sizes >= least_suspicious_bytes(limits)).tolist()
    doubtful |= {index for index in long_values if is_suspicious(values[index], limits)}
    if not _texts_are_plain(reader, read):
        readable = ((index, document) for index, document in enumerate(documents) if document is not None)
        doubtful |= {index for index, document in readable if not _texts_are_plain(reader, [document])}
    return doubtful


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _texts_are_plain(reader: Reader, documents: Sequence[Any]) -> bool:
    """Return whether all text fields of the documents match their patterns."""
    for name in reader.id_fields:
        ids = filter(None, map(attrgetter(name), documents))
        if "".join(ids).encode().translate(None, _PRINTABLE):
            return False
    for name, pattern in reader.patterns.items():
        distinct = set(map(attrgetter(name), documents)) - {None}
        if not all(map(pattern.match, distinct)):
            return False
    return True


def _read_tombstone(batch: _RoleBatch, index: int) -> None:
    """Read a null value: of a profile it erases the customer, of traits it clears them."""
    record = batch.records[index]
    customer_id = _key_text(record)
    if batch.role == "customers":
        batch.erased.append(index)
        return
    batch.documents[index] = READERS["traits"].struct(
        event_id=f"traits-{record.partition}-{record.offset}",
        customer_id=customer_id,
        event_time_ms=max(record.timestamp_ms, 0),
    )


def _key_text(record: RawRecord) -> str:
    key = (record.key or b"").decode("ascii", "replace")
    if not is_id(key):
        raise InvalidMessage(DeadLetterCode.KEY_MISMATCH, "the key of a null value is not a customer id")
    return key


# ---------------------------------------------------------------- checks of meaning


def _check_meaning(batch: _RoleBatch, catalogue: OfferCatalogue, limits: DecodeLimits) -> None:
    """Refuse documents that are well formed but cannot be used."""
    _check_keys(batch)
    _check_products(batch, catalogue.product_index)
    _check_times(batch, limits)


def _check_keys(batch: _RoleBatch) -> None:
    keys = [record.key for record in batch.records]
    wanted = [None if document is None else document.customer_id.encode() for document in batch.documents]
    if keys == wanted:
        return
    for index, _ in batch.readable():
        if keys[index] != wanted[index]:
            reason = "the record's key is not its customer_id" if keys[index] else "the record has no key"
            batch.refuse(index, DeadLetterCode.KEY_MISMATCH, reason)


def _check_products(batch: _RoleBatch, known: Mapping[str, int]) -> None:
    for name in _PRODUCT_FIELDS.get(batch.role, ()):
        for index, document in batch.readable():
            named = getattr(document, name)
            names = (named,) if isinstance(named, str) else named or ()
            if not known.keys() >= set(names):
                reason = f"{name}: no product of this id is in the policy"
                batch.refuse(index, DeadLetterCode.UNKNOWN_PRODUCT, reason)


_PRODUCT_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "customers": ("holdings",),
    "traits": ("affinity",),
    "interactions": ("product_id",),
}


def _check_times(batch: _RoleBatch, limits: DecodeLimits) -> None:
    latest = [record.timestamp_ms + limits.ahead_ms_max for record in batch.records]
    times = [0 if document is None else document.event_time_ms for document in batch.documents]
    ahead = np.array(times, np.int64) > np.array(latest, np.int64)
    for index in np.flatnonzero(ahead):
        reason = f"event_time_ms: more than {limits.ahead_ms_max // 1000} s ahead of the record's timestamp"
        batch.refuse(int(index), DeadLetterCode.FUTURE_TIME, reason)


# ---------------------------------------------------------------- all roles together


def _block(batch: _RoleBatch, catalogue: OfferCatalogue) -> Block:
    if not batch.faults and not batch.erased:
        return block_of(batch.role, batch.documents, batch.arrival, catalogue)
    kept = [index for index, _ in batch.readable()]
    documents = [batch.documents[index] for index in kept]
    return block_of(batch.role, documents, batch.arrival[kept], catalogue)


def _assembled(records: Sequence[RawRecord], batches: Sequence[_RoleBatch], merged: Merged) -> DecodedBatch:
    partition = np.fromiter([record.partition for record in records], np.int64, len(records))
    offset = np.fromiter([record.offset for record in records], np.int64, len(records))
    timestamp_ms = np.fromiter([record.timestamp_ms for record in records], np.int64, len(records))
    arrival = merged.arrival
    erased = np.array(sorted(_erasures(batches)), np.int64)
    erased_ids = np.array([_key_text(records[i]) for i in erased.tolist()], dtype=np.object_)
    seen = np.argsort(np.concatenate([arrival, erased]), kind="stable")
    names = np.concatenate([merged.customer_ids, erased_ids])[seen]
    rows = np.concatenate([partition[arrival], partition[erased]])[seen]
    customer_ids, customer_partition, customer = _customers(names, rows)
    in_order = np.empty(len(seen), np.int64)
    in_order[seen] = customer
    columns = merged.columns
    return DecodedBatch(
        customer_ids=customer_ids,
        customer_partition=customer_partition,
        events=merged.events(in_order[: len(arrival)]),
        partition=partition[arrival],
        offset=offset[arrival],
        timestamp_ms=timestamp_ms[arrival],
        event_ids=merged.event_ids,
        decision_role=columns["decision_role"],
        decision_partition=columns["decision_partition"],
        decision_offset=columns["decision_offset"],
        erasures=Erasures(in_order[len(arrival) :], np.searchsorted(arrival, erased)),
        dead_letters=_dead_letters(batches),
        positions=_positions(batches, partition, offset),
    )


def _erasures(batches: Sequence[_RoleBatch]) -> Iterator[int]:
    return (int(batch.arrival[index]) for batch in batches for index in batch.erased)


def _customers(names: Any, partitions: Int64s) -> tuple[tuple[str, ...], Int64s, Int64s]:
    """Return the distinct customers partition by partition, each one's partition, and each name's row."""
    order = np.argsort(partitions, kind="stable")
    ordered = names[order].tolist()
    numbers, starts = np.unique(partitions[order], return_index=True)
    distinct: list[str] = []
    places: list[int] = []
    n_distinct: list[int] = []
    for start, end in pairwise([*starts.tolist(), len(ordered)]):
        own = ordered[start:end]
        row_of = {name: row for row, name in enumerate(dict.fromkeys(own), start=len(distinct))}
        places += map(row_of.__getitem__, own)
        distinct += row_of
        n_distinct.append(len(row_of))
    rows = np.empty(len(names), np.int64)
    rows[order] = places
    return tuple(distinct), np.repeat(numbers, n_distinct), rows


def _dead_letters(batches: Sequence[_RoleBatch]) -> tuple[DeadLetter, ...]:
    """Return the dead letters of all roles, in order of arrival."""
    found = [
        (
            int(batch.arrival[index]),
            DeadLetter(batch.records[index], DeadLetterCode(fault.code), fault.reason),
        )
        for batch in batches
        for index, fault in batch.faults.items()
    ]
    return tuple(letter for _, letter in sorted(found, key=lambda item: item[0]))


def _positions(batches: Sequence[_RoleBatch], partition: Int64s, offset: Int64s) -> dict[TopicPartition, int]:
    positions: dict[TopicPartition, int] = {}
    for batch in batches:
        own = partition[batch.arrival]
        after = np.zeros(int(own.max()) + 1, np.int64)
        np.maximum.at(after, own, offset[batch.arrival] + 1)
        numbers = np.flatnonzero(after)
        positions |= {
            (batch.role, p): at for p, at in zip(numbers.tolist(), after[numbers].tolist(), strict=True)
        }
    return positions
