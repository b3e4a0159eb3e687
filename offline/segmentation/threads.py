"""How many threads the arithmetic may use, so that a result is the same on every run.

Rules of this file: the only one that touches the thread pools, and it puts them back.

Why: scikit-learn adds the threads' partial sums in the order in which they finish. One or two of them
give the same sum either way round; from three on the last digit depends on luck. For a small table one
thread is also the faster choice: waiting for one another costs more than the sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

WHOLE_TABLE_THREADS: Final = 2
"""For a run over a whole large table."""


@contextmanager
def repeatable_threads(threads: int = 1) -> Iterator[None]:
    """Compute with one thread, or with two; more would not repeat."""
    assert threads <= WHOLE_TABLE_THREADS
    with threadpool_limits(limits=threads):
        yield
