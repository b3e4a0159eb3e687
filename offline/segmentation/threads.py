"""How many threads the arithmetic may use, so that a result is the same on every run.

Rules of this file: the only one that touches the thread pools, and it puts them back.

Why: scikit-learn adds the threads' partial sums in the order in which they finish. One or two of them
give the same sum either way round; from three on the last digit depends on luck. For a small table one
thread is also the faster choice: waiting for one another costs more than the sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from offline.segmentation.plan import WHOLE_ROWS_MAX


@contextmanager
def repeatable_threads(n_rows: int) -> Iterator[None]:
    """Compute with one thread on a small table and with two on a large one."""
    with threadpool_limits(limits=1 if n_rows <= WHOLE_ROWS_MAX else 2):
        yield
