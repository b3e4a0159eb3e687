"""Identifiers, and the hashes that everything deterministic is drawn from.

Rules of this file: pure; the same text gives the same number on every machine and in every release,
so Python's own `hash` (salted for each process) is never used.
"""

from __future__ import annotations

import re
from hashlib import blake2b

MAX_ID_BYTES = 64
"""Ids longer than this are refused; 64 bytes hold a UUID with a prefix and keep Redis keys small."""

ID_PATTERN = r"^[\x21-\x7e]{1,64}$"
"""Printable ASCII without spaces, so that characters and bytes are the same count."""

KEY_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
KEY_SHIFTS = (30, 31)

_UINT64 = 2**64 - 1
_UINT64_SPAN = 2.0**64
_ID = re.compile(ID_PATTERN[1:-1])


def is_id(text: str) -> bool:
    """Return whether `text` can be an id.

    Examples
    --------
    >>> is_id("c-1"), is_id("c 1"), is_id("")
    (True, False, False)
    """
    return _ID.fullmatch(text) is not None


def stable_hash64(text: str) -> int:
    """Return a 64-bit hash of `text`, never 0 (0 marks an empty slot in records).

    Examples
    --------
    >>> stable_hash64("e-1") == stable_hash64("e-1") != stable_hash64("e-2")
    True
    """
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") or 1


def event_key(text: str, source: int = 0) -> int:
    """Return the 64-bit key of an event id, by which repeated events are found; never 0.

    An id names an event of one topic: the same id on another topic is another event, since a bank's
    systems number their events without asking each other.

    A key for every event must be cheap: this chain of xor, multiply and shift over the eight 64-bit
    words of the id (padded with zeros) runs over a whole batch at once (`adapters/columns.py`), 0.1
    microseconds an event where blake2b takes 0.5. It is no cryptographic hash: someone who may choose
    event ids can make two collide, and then only loses an event of their own.

    Parameters
    ----------
    text : an id, so ASCII of at most 64 bytes
    source : place of the topic in `INPUT_ROLES`

    Examples
    --------
    >>> event_key("e-1") == event_key("e-1") != event_key("e-2")
    True
    >>> event_key("e-1", source=2) == event_key("e-1", source=3)
    False

    References
    ----------
    Steele, Lea & Flood (2014), Fast splittable pseudorandom number generators: the multipliers and
    shifts of the 64-bit finaliser (variant 13 of Stafford).
    """
    padded = text.encode("ascii").ljust(MAX_ID_BYTES, b"\0")
    key = 0
    for start in range(0, MAX_ID_BYTES, 8):
        key = (key ^ int.from_bytes(padded[start : start + 8], "little")) * KEY_MULTIPLIERS[0] & _UINT64
        key ^= key >> KEY_SHIFTS[0]
    key = (key ^ source) * KEY_MULTIPLIERS[1] & _UINT64
    return (key ^ key >> KEY_SHIFTS[1]) or 1


def uniform_draw(salt: str, name: str) -> float:
    """Return the number in [0, 1) that belongs to `name` under `salt`.

    A keyed hash instead of a random generator: a replay, a crash and an auditor all get the same draw.
    The lowest 11 bits are dropped so that the quotient is exact and never rounds up to 1.

    Examples
    --------
    >>> 0.0 <= uniform_draw("holdout", "c-1") < 1.0
    True
    """
    key = blake2b(salt.encode(), digest_size=32).digest()
    digest = blake2b(name.encode(), digest_size=8, key=key).digest()
    return (int.from_bytes(digest, "little") >> 11 << 11) / _UINT64_SPAN


def decision_id(topic_role: str, partition: int, offset: int) -> str:
    """Return the id of the decision that the record at this position triggers.

    A function of the position alone, so that a repeated publication carries the same id and
    readers can drop repeats.

    Examples
    --------
    >>> decision_id("transactions", 3, 1289)
    'transactions-3-1289'
    """
    return f"{topic_role}-{partition}-{offset}"
