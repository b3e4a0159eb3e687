"""Forgetting customers who have not been seen for longer than the longest window.

A time to live on every write would double the cost of the write (MSET cannot set one and clears what
is there). So active records carry none: a slow walk over the keys gives one to each record that has
none, and the next write of that customer takes it away again. A record that is never written again
disappears between one and one plus the time of a walk after its last write, never earlier.

Rules of this file: no record is read or changed; nothing here needs a fence, because the worst that a
race can do is to leave a record without its time to live until the next walk.
"""

from __future__ import annotations

from typing import Final

from consumer.adapters.redis_nodes import RedisNodes
from consumer.adapters.resp import packed
from consumer.vocabulary.errors import Retryable

RECORD_LIFE_S: Final = 400 * 86_400
"""The longest window of a feature is 365 days; the rest is slack for late events."""

KEYS_A_STEP: Final = 200
WRITES_A_STEP: Final = 32
"""200 keys each 32 writes: a step costs less than a millisecond, and an hour of 60 writes/s walks a million keys."""


class ExpirySweep:
    """The walk, a step at a time.

    Parameters
    ----------
    nodes : whose keys are walked, one node after the other
    pattern : of the keys that get a time to live
    """

    def __init__(self, nodes: RedisNodes, pattern: bytes) -> None:
        self._nodes = nodes
        self._pattern = pattern
        self._writes = 0
        self._node = 0
        self._cursor = b"0"

    def step_now_and_then(self) -> None:
        """Count one write; do a step when enough of them have passed."""
        self._writes += 1
        if self._writes % WRITES_A_STEP == 0:
            try:
                self.step()
            except Retryable:
                # The write before it is done; whether Redis is away is for the next one to say.
                self._cursor = b"0"

    def step(self) -> bool:
        """Give the next keys their time to live; return whether a walk over all nodes just ended."""
        masters = self._nodes.masters()
        node = masters[self._node % len(masters)]
        with self._nodes.conversation(node) as talk:
            scan = packed([b"SCAN", self._cursor, b"MATCH", self._pattern, b"COUNT", b"%d" % KEYS_A_STEP])
            ((self._cursor, keys),) = talk.say([scan])
            lives = talk.say([packed([b"TTL", key]) for key in keys])
            mortal = [key for key, life_s in zip(keys, lives, strict=True) if life_s == -1]
            talk.say([packed([b"EXPIRE", key, b"%d" % RECORD_LIFE_S]) for key in mortal])
        if self._cursor != b"0":
            return False
        self._node = (self._node + 1) % len(masters)
        return self._node == 0
