"""Where a second thing is done while a loop goes on: in a thread, or at once.

A thread helps although Python computes in one at a time: what is done beside the loop mostly waits for a
broker, and the client library waits without holding the interpreter.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from consumer.vocabulary.errors import UpswellError


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
    """A `Lane` without a thread: the action is done at once, and what it raised is told when it is finished."""

    def __init__(self) -> None:
        self._error: UpswellError | None = None

    def start(self, action: Callable[[], None]) -> None:
        """Do the action."""
        try:
            action()
        except UpswellError as error:
            self._error = error

    def finish(self) -> None:
        """Raise what the action raised, once."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def close(self) -> None:
        """Nothing is ever under way."""
