"""A customer as one value of the store: the record, then the open decisions, then where the one ends.

    b"record" + b"open decisions" + 0e 00      the last two bytes: how long the open decisions are (14)

One key for both: a key with its entry takes 100 bytes of Redis and a word of every MGET, whatever is in it.

Rules of this file: pure; neither part is looked into.
"""

from __future__ import annotations

from typing import Final

from consumer.vocabulary.errors import Defect

_LENGTH_BYTES: Final = 2
_NONE: Final = bytes(_LENGTH_BYTES)
_OPEN_BYTES_MAX: Final = 2 ** (8 * _LENGTH_BYTES) - 1


def joined(record: bytes, open_decisions: bytes | None) -> bytes:
    r"""Return the value of a customer.

    Raises
    ------
    Defect : open decisions of 64 KiB or more

    Examples
    --------
    >>> joined(b"record", b"open")
    b'recordopen\x04\x00'
    >>> parted(b'recordopen\x04\x00')
    (b'record', b'open')
    """
    if not open_decisions:
        return record + _NONE
    if len(open_decisions) > _OPEN_BYTES_MAX:
        raise Defect(f"the open decisions of a customer take {len(open_decisions):,} bytes")
    return record + open_decisions + len(open_decisions).to_bytes(_LENGTH_BYTES, "little")


def parted(value: bytes | None) -> tuple[bytes | None, bytes | None]:
    """Return record and open decisions of a value, None for what there is none of.

    Raises
    ------
    Defect : the value is not of this form
    """
    if value is None:
        return None, None
    if value.endswith(_NONE):
        return value[:-_LENGTH_BYTES], None
    end = len(value) - _LENGTH_BYTES
    start = end - int.from_bytes(value[end:], "little")
    if end < 0 or start < 0:
        raise Defect(f"a stored customer of {len(value)} bytes does not say where its record ends")
    return value[:start], value[start:end]
