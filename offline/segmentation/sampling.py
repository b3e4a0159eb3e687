"""Which customers stand for all of them where computing on all would cost too much.

Rules of this file: pure; the same number of customers and the same seed give the same sample; a sample
is in the order of the rows, without repetition.
"""

from __future__ import annotations

import numpy as np

from offline.segmentation.plan import SAMPLE_ROWS, WHOLE_ROWS_MAX, Int64s


def analysis_rows(n_rows: int, seed: int) -> Int64s:
    """Return the rows that everything but k-means is computed on: all of a small table, a sample of a large one."""
    return sample_rows(n_rows, n_rows if n_rows <= WHOLE_ROWS_MAX else SAMPLE_ROWS, seed)


def sample_rows(n_rows: int, rows_max: int, seed: int) -> Int64s:
    """Return the rows of the sample: all of them, if they are no more than `rows_max`.

    Examples
    --------
    >>> sample_rows(3, 10, seed=0), len(sample_rows(1_000, 10, seed=0))
    (array([0, 1, 2]), 10)
    """
    if n_rows <= rows_max:
        return np.arange(n_rows)
    drawn = np.random.default_rng(seed).choice(n_rows, size=rows_max, replace=False)
    return np.sort(drawn)
