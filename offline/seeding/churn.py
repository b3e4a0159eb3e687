"""Churn from history: who fell silent, learned from those who did.

A customer counts as gone after `SILENT_DAYS` days without any event. The features are those of the day that many
days before the end of the history; the answer is what happened since. The same model asked about the features
at the end says who will be silent for the next `SILENT_DAYS` days.

Rules of this file: where too few fell silent nothing is said about anybody, and the reason is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from consumer.features.catalogue import FeatureCatalogue
from consumer.vocabulary.products import OfferCatalogue
from consumer.vocabulary.time import DAY_MS
from offline.history.past_files import days
from offline.seeding.lessons import raw_inputs
from offline.seeding.past_features import PastFeatures, features_of_past
from offline.seeding.regression import fitted_scaler

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]

SILENT_DAYS: Final = 30
SILENT_MIN: Final = 20
"""Customers who fell silent, and who did not, that a model needs at least."""

PENALTY: Final = 0.01
FOLDS: Final = 5


@dataclass(frozen=True)
class Churn:
    """Probability of falling silent within `SILENT_DAYS` days, None where it cannot be said; and why.

    probability : shape (n,), for the customers of the past in order; 1 for who is silent already
    """

    probability: Floats | None
    sentence: str


def churn_of(
    history_dir: Path, past: PastFeatures, catalogue: OfferCatalogue, features: FeatureCatalogue
) -> Churn:
    """Return the churn probability of every customer at the end of the history.

    Raises
    ------
    ConfigurationError : a file is missing or wrong
    """
    cut_ms = past.as_of_ms - SILENT_DAYS * DAY_MS
    cut_day = cut_ms // DAY_MS
    before = features_of_past((day for day in days(history_dir, []) if day.day < cut_day), catalogue)
    last_ms = dict(zip(past.customer_ids, past.last_event_ms.tolist(), strict=True))
    is_active = before.may_be_profiled & (before.last_event_ms >= (cut_day - SILENT_DAYS) * DAY_MS)
    rows = np.flatnonzero(is_active)
    fell_silent = np.array(
        [last_ms.get(before.customer_ids[row], 0) < cut_day * DAY_MS for row in rows.tolist()], dtype=np.int64
    )
    if min(fell_silent.sum(), len(rows) - fell_silent.sum()) < SILENT_MIN:
        return Churn(
            None,
            f"Churn probability is left out: of {len(rows):,} active customers {fell_silent.sum():,} fell silent for "
            f"{SILENT_DAYS} days; it takes at least {SILENT_MIN} who did and {SILENT_MIN} who did not.",
        )
    return _learned(before, past, features, rows=rows, fell_silent=fell_silent)


def _learned(
    before: PastFeatures,
    past: PastFeatures,
    features: FeatureCatalogue,
    *,
    rows: Int64s,
    fell_silent: Int64s,
) -> Churn:
    inputs = _inputs(features, before.final_values[rows])
    model = make_pipeline(fitted_scaler(inputs), LogisticRegression(C=PENALTY, max_iter=500))
    foreseen = cross_val_predict(
        model, inputs, fell_silent, cv=StratifiedKFold(FOLDS), method="predict_proba"
    )[:, 1]
    model.fit(inputs, fell_silent)
    probability: Floats = model.predict_proba(_inputs(features, past.final_values))[:, 1]
    is_silent = past.last_event_ms < past.as_of_ms - SILENT_DAYS * DAY_MS
    return Churn(
        np.where(is_silent, 1.0, probability),
        f"Churn probability: of no event for {SILENT_DAYS} days, by a logistic regression on {len(rows):,} customers of "
        f"whom {fell_silent.mean():.1%} fell silent; AUC {roc_auc_score(fell_silent, foreseen):.3f} on customers left "
        "out of the fit; 1 for who is silent already.",
    )


def _inputs(features: FeatureCatalogue, values: Floats) -> Floats:
    return raw_inputs(features, values, np.full(len(values), -1))
