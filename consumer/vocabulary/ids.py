"""Identifiers, and the two hashes that everything deterministic is drawn from.

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
