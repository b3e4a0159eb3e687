"""Labels of customers → segments numbered by size, with their sizes, centres and inertia.

Rules of this file: pure; every customer is in exactly one segment; segment 0 is the largest, and equal
sizes are ordered by their centres, so that numbers do not depend on the order of rows or on a method's
own numbering.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offline.segmentation.plan import Floats, Int64s

CENTRE_DIGITS = 9
"""Centres that agree to so many decimals are equal when ties are ordered: below it is rounding."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Customers in segments.

    Parameters
    ----------
    labels : shape (n_customers,), 0 is the largest segment
    sizes : shape (k,), customers of each segment, falling
    centres : shape (k, n_features), mean of each segment in the units of the matrix it was made from
    inertia : sum of the squared distances to the own centre
    """

    labels: Int64s
    sizes: Int64s
    centres: Floats
    inertia: float

    @property
    def k(self) -> int:
        """Number of segments that have customers."""
        return len(self.sizes)


def partition_of(scaled: Floats, labels: Int64s) -> Partition:
    """Return the segments that any labels mean; labels that nobody has are left out.

    Parameters
    ----------
    scaled : shape (n_customers, n_features)
    labels : shape (n_customers,), whole numbers of any kind

    Examples
    --------
    >>> partition_of(np.array([[1.0], [5.0], [6.0]]), np.array([7, 3, 3])).labels
    array([1, 0, 0])
    """
    _, found = np.unique(labels, return_inverse=True)
    sizes = np.bincount(found)
    centres = centres_of(scaled, found, len(sizes))
    ties = np.round(centres, CENTRE_DIGITS).T
    order = np.lexsort((*ties[::-1], -sizes))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    numbered = place[found].astype(np.int64)
    return Partition(numbered, sizes[order], centres[order], inertia_of(scaled, numbered, centres[order]))


def centres_of(scaled: Floats, labels: Int64s, k: int) -> Floats:
    """Return the mean of each segment, shape (k, n_features); no segment may be empty."""
    sums = [np.bincount(labels, weights=column, minlength=k) for column in scaled.T]
    return np.column_stack(sums) / np.bincount(labels, minlength=k)[:, None]


def inertia_of(scaled: Floats, labels: Int64s, centres: Floats) -> float:
    """Return the sum of the squared distances to the own centre."""
    squares = [
        np.square(column - centre[labels]).sum() for column, centre in zip(scaled.T, centres.T, strict=True)
    ]
    return float(np.sum(squares))


def nearest(scaled: Floats, centres: Floats) -> Int64s:
    """Return the number of the nearest centre of each customer; the lower number where two are as near.

    The customer's own squared length is the same for all centres, so it is left out of the comparison.
    """
    found: Int64s = np.argmin(np.square(centres).sum(axis=1) - 2.0 * (scaled @ centres.T), axis=1)
    return found.astype(np.int64)
