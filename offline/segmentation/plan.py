"""What a segmentation is asked to do, and the limits that keep it within minutes and memory.

Rules of this file: values only. Up to `WHOLE_ROWS_MAX` customers everything is computed on all of them;
beyond it k-means still runs over the whole, and what costs the square of the customers (silhouette,
Ward) or many repetitions (mixture, stability) runs on one stated sample.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.vocabulary.errors import ConfigurationError

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]

WHOLE_ROWS_MAX: Final = 10_000
"""Ward keeps two triangles of distances: at 10,000 customers 2 x 10,000² / 2 x 8 bytes = 0.8 GB."""

SAMPLE_ROWS: Final = 5_000
"""Customers of the sample of a larger table: the standard error of a mean silhouette is below 0.005 there,
and what costs the square of the customers takes a quarter."""

STABILITY_ROWS_MAX: Final = 2_000
"""Customers of one bootstrap sample; a hundred and eighty fits are made for nine numbers of segments."""

BOOTSTRAPS: Final = 20
K_MIN: Final = 2
K_MAX: Final = 10

K_LIMIT: Final = 50
"""Nobody reads more segments than this, and a typing error such as 2-1000 would take hours."""


class Scale(StrEnum):
    """How features are made comparable before distances are taken."""

    STANDARD = "standard"
    ROBUST = "robust"
    NONE = "none"


class Method(StrEnum):
    """How customers are put together."""

    KMEANS = "kmeans"
    GMM = "gmm"
    WARD = "ward"


METHOD_NAMES: Final = {Method.KMEANS: "k-means", Method.GMM: "Gaussian mixture", Method.WARD: "Ward"}


@dataclass(frozen=True, slots=True)
class KRange:
    """Numbers of segments to try, both ends included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class SegmentationPlan:
    """What to do with the features.

    Parameters
    ----------
    scale : how features are made comparable
    methods : in the order of their weight; the first one gives the segments, the others are compared
    k : number of segments, or None to choose it
    k_range : numbers of segments to try, or None for 2 to 10 as far as there are customers
    seed : the same seed and data give the same result, byte for byte
    """

    scale: Scale = Scale.STANDARD
    methods: tuple[Method, ...] = (Method.KMEANS, Method.GMM, Method.WARD)
    k: int | None = None
    k_range: KRange | None = None
    seed: int = 0


def k_range_of(text: str) -> KRange:
    """Return the range that a person wrote.

    Raises
    ------
    ConfigurationError : it is no range, or one that makes no sense

    Examples
    --------
    >>> k_range_of("2-10"), k_range_of("4")
    (KRange(first=2, last=10), KRange(first=4, last=4))
    """
    found = re.fullmatch(r"\s*([0-9]{1,6})(?:\s*-\s*([0-9]{1,6}))?\s*", text)
    if found is None:
        raise ConfigurationError(f"--k-range {text} is no range: write two whole numbers such as 2-10")
    first, last = int(found[1]), int(found[2] or found[1])
    if not 1 <= first <= last:
        raise ConfigurationError(
            f"--k-range {text}: the first number must be 1 or more and not above the second"
        )
    if last > K_LIMIT:
        raise ConfigurationError(f"--k-range {text}: {last:,} segments are more than the limit of {K_LIMIT}")
    return KRange(first, last)


def methods_of(text: str) -> tuple[Method, ...]:
    """Return the methods that a person wrote, in that order.

    Raises
    ------
    ConfigurationError : one is unknown, stands twice, or there is none

    Examples
    --------
    >>> [method.value for method in methods_of("ward, kmeans")]
    ['ward', 'kmeans']
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    known = [method.value for method in Method]
    for name in names:
        if name not in known:
            raise ConfigurationError(f"--methods {text}: {name} is none of {', '.join(known)}")
        if names.count(name) > 1:
            raise ConfigurationError(f"--methods {text}: {name} stands there more than once")
    if not names:
        raise ConfigurationError(f"--methods is empty: name one or more of {', '.join(known)}")
    return tuple(Method(name) for name in names)


def wanted_range(plan: SegmentationPlan, n_customers: int, n_distinct: int) -> KRange:
    """Return the numbers of segments to try: what was asked for, else 2 to 10 as far as there are customers.

    Parameters
    ----------
    n_customers : rows of the table
    n_distinct : customers that differ from one another in some feature

    Raises
    ------
    ConfigurationError : more segments are asked for than there are customers, or different ones
    """
    asked = [(f"--k {plan.k}", plan.k)] if plan.k is not None else []
    if plan.k_range is not None:
        asked.append((f"--k-range {plan.k_range}", plan.k_range.last))
    for option, k in asked:
        _check_k(option, k, n_customers, n_distinct)
    if plan.k_range is not None:
        return plan.k_range
    # A segment for each customer says nothing; one for each kind of customers that are alike does.
    last = min(K_MAX, n_distinct if n_distinct < n_customers else n_distinct - 1)
    if plan.k is not None:
        last = max(last, plan.k)
    if last < K_MIN and plan.k is None:
        raise ConfigurationError(
            f"{n_customers:,} customers, {n_distinct:,} of them different in the features, are too few to "
            f"choose a number of segments: at least {K_MIN + 1} different ones are needed"
        )
    return KRange(min(K_MIN, last), last)


def _check_k(option: str, k: int, n_customers: int, n_distinct: int) -> None:
    if k < 1:
        raise ConfigurationError(f"{option}: at least one segment is needed")
    if k > K_LIMIT:
        raise ConfigurationError(f"{option}: {k:,} segments are more than the limit of {K_LIMIT}")
    if k > n_customers:
        raise ConfigurationError(
            f"{option}: {k:,} segments are more than the {n_customers:,} customers of the table"
        )
    if k > n_distinct:
        raise ConfigurationError(
            f"{option}: {k:,} segments are more than the {n_distinct:,} different customers; the features of "
            f"the other {n_customers - n_distinct:,} repeat theirs"
        )
