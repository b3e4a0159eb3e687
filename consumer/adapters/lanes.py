"""Where a second thing is done while a loop goes on: in a thread, or at once.

A thread helps although Python computes in one at a time: what is done beside the loop mostly waits for a
broker, and the client library waits without holding the interpreter.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class ThreadLane:
    """A `Lane` that is one thread."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._under_way: Future[None] | None = None

    def start(self, action: Callable[[], None]) -> None:
        """Begin an action."""
        self._under_way = self._thread.submit(action)

    def finish(self) -> None:
        """Wait for the action under way; raises what it raised, once."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def close(self) -> None:
        """Wait for the action under way and let the thread go."""
        self._thread.shutdown()


class SameThreadLane:
    """A `Lane` that does everything at once, so that a run in memory is one sequence; it raises at once, too."""

    def start(self, action: Callable[[], None]) -> None:
        """Do the action."""
        action()

    def finish(self) -> None:
        """Nothing is ever under way."""

    def close(self) -> None:
        """Nothing is ever under way."""
