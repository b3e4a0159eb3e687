"""What the customers of each segment are like, in the units of the file and in standard deviations.

Rules of this file: pure; profiles are over all customers that have a value; a mean that does not exist
is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from offline.segmentation.features import numeric_values
from offline.segmentation.plan import Floats, Int64s


@dataclass(frozen=True, slots=True)
class Profiles:
    """Means and medians of columns for each segment, beside those of all customers.

    Parameters
    ----------
    columns : names
    means, medians : shape (k, n_columns), raw units
    overall_means, overall_deviations : shape (n_columns,), raw units, of all customers
    """

    columns: tuple[str, ...]
    means: Floats
    medians: Floats
    overall_means: Floats
    overall_deviations: Floats

    @property
    def z(self) -> Floats:
        """Means of the segments in standard deviations of all customers from their mean; 0 if all are alike."""
        apart = self.means - self.overall_means
        return np.divide(
            apart, self.overall_deviations, out=np.zeros_like(apart), where=self.overall_deviations > 0
        )

    def place(self, column: str) -> int:
        """Return the place of a column."""
        return self.columns.index(column)


def profiles_of(frame: pd.DataFrame, columns: Sequence[str], labels: Int64s) -> Profiles:
    """Return the profiles of segments.

    Parameters
    ----------
    frame : a row a customer
    columns : numeric ones or flags
    labels : shape (n_customers,), from 0 on, none empty
    """
    found = [_column(numeric_values(frame, name), labels) for name in columns]
    return Profiles(
        columns=tuple(columns),
        means=np.column_stack([means for means, _, _ in found]),
        medians=np.column_stack([medians for _, medians, _ in found]),
        overall_means=np.array([overall[0] for _, _, overall in found]),
        overall_deviations=np.array([overall[1] for _, _, overall in found]),
    )


def _column(values: Floats, labels: Int64s) -> tuple[Floats, Floats, tuple[float, float]]:
    k = int(labels.max()) + 1
    known = ~np.isnan(values)
    present, own = values[known], labels[known]
    counts = np.bincount(own, minlength=k)
    sums = np.bincount(own, weights=present, minlength=k)
    means = np.divide(sums, counts, out=np.full(k, np.nan), where=counts > 0)
    medians = np.array([np.median(present[own == one]) if counts[one] else np.nan for one in range(k)])
    overall = (float(present.mean()), float(present.std())) if len(present) else (np.nan, np.nan)
    return means, medians, overall
