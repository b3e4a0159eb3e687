"""Uniform numbers that belong to a name: the same after a crash, in a replay and for an auditor."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from consumer.policy.facts import Floats

_UINT64_SPAN = 2.0**64


def salted_draws(salt: str, names: Sequence[str]) -> Floats:
    """Return `uniform_draw(salt, name)` for each name, shape (n,); the salt is hashed only once.

    Examples
    --------
    >>> from consumer.vocabulary.ids import uniform_draw
    >>> bool(salted_draws("s", ["a"])[0] == uniform_draw("s", "a"))
    True
    """
    key = blake2b(salt.encode(), digest_size=32).digest()
    digests = b"".join([blake2b(name.encode(), digest_size=8, key=key).digest() for name in names])
    high_bits = np.frombuffer(digests, "<u8") >> np.uint64(11) << np.uint64(11)
    return high_bits / _UINT64_SPAN
