"""docs/features.md, generated from the catalogue: `python -m consumer.features.document > docs/features.md`.

Rules of this file: the products stand in as `<product>`, so the page holds for every policy; nothing is
written here that the catalogue does not know, but for the notes on how each aggregation is computed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final

from consumer.features.catalogue import SEGMENT_INPUTS, FeatureCatalogue, catalogue_for
from consumer.features.feature import Feature
from consumer.features.feature_table import BLOCKS
from consumer.features.tiles import RINGS
from consumer.vocabulary.time import DAY_MS, HOUR_MS, MINUTE_MS

ANY_PRODUCT: Final = "<product>"

_TITLES: Final = {
    "money": "Money in windows",
    "flow": "Flow",
    "recency": "Recency",
    "salary": "Salary",
    "balance": "Balance",
    "spend": "Spending by merchant group",
    "channel": "Interactions by channel",
    "interaction": "Interactions by kind",
    "interest": "Interest in products",
    "experience": "Complaints, satisfaction, engagement",
    "offers": "Offers",
    "profile": "Profile",
    "traits": "Traits",
}

_INTRODUCTION: Final = """\
# Features

Generated from the catalogue by `python -m consumer.features.document`; a test holds it current.
With one product there are {n_features} features and {n_inputs} model inputs; each further product adds
{features_a_product} features and {inputs_a_product} inputs. Every feature is as of the record's time (the largest event time of the
customer), includes the event that triggers a decision and nothing later, and is finite: where nothing is
known it has its default. Money is in minor units.

How the numbers are computed:

- **sum, count, mean, max in a window**: from tiles, exact integers. A window is exact at its head and
  moves by whole hops at its tail: at time T it holds the events with
  `event_time // hop >= (T - window) // hop`; windows and hops are
  {rings}.
  A largest amount is kept to seven digits. A count stops at 65,535 a tile.
- **decayed sum**: Σ amount · 2^(−age / half-life), exact under gaps of any length
  (`consumer/features/decay.py`). A decayed mean is a decayed sum over the decayed count.
- **last value**: of the largest event time; of two at the same time the larger, of two profiles or traits
  the one that arrived later.
- **ratio of sums**: `debit_trend` and `credit_trend` are the daily mean of 30 days over that of 90 days
  (0 to 3); `cash_share` is the decayed sum of cash withdrawals over that of all debits.
- **salary_regularity**: each salary is a unit vector at its phase of a week and of a month; with R the
  length of their decayed mean and n their decayed count, √((n·R² − 1) / (n − 1)) of the better cycle,
  0 for fewer than two salaries.
- **engagement_score**: 1 − 2^(−w / 8) with w the decayed interactions weighted by the customer's effort.
- **model input**: `log1p`; money as `log1p(amount / 100)`, signed where it can be negative; rounded to
  thousandths. Inputs named `segment_is_0` to `segment_is_{last_segment}` mark the segment.

An event older than the longest window only counts in `too_old_count`. An objection to profiling wipes
everything but the profile.
"""


def features_document() -> str:
    """Return the text of docs/features.md."""
    catalogue, larger = catalogue_for((ANY_PRODUCT,)), catalogue_for((ANY_PRODUCT, "another"))
    introduction = _INTRODUCTION.format(
        n_features=len(catalogue.features),
        n_inputs=len(catalogue.input_names),
        features_a_product=len(larger.features) - len(catalogue.features),
        inputs_a_product=len(larger.input_names) - len(catalogue.input_names),
        rings=", ".join(f"{ring.window} by {_duration(ring.hop_ms)}" for ring in RINGS),
        last_segment=len(SEGMENT_INPUTS) - 1,
    )
    return "\n".join([introduction, *_sections(catalogue)])


def _duration(length_ms: int) -> str:
    """Return a length in its largest whole unit.

    Examples
    --------
    >>> _duration(2 * HOUR_MS)
    '2 h'
    """
    units = ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min"))
    size, unit = next((size, unit) for size, unit in units if length_ms % size == 0)
    return f"{length_ms // size} {unit}"


def _sections(catalogue: FeatureCatalogue) -> Iterable[str]:
    for block in BLOCKS:
        yield f"## {_TITLES[block.name]}\n"
        yield "| feature | unit | from | computed as | window | default | model input | why |"
        yield "|---|---|---|---|---|---|---|---|"
        yield from map(_row, block.features(catalogue.product_ids))
        yield ""


def _row(feature: Feature) -> str:
    seen = feature.transform if feature.in_model else "no"
    cells = (
        f"`{feature.name}`",
        feature.unit,
        feature.source,
        feature.aggregation,
        feature.window or "–",
        f"{feature.default:g}",
        seen,
        feature.why,
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(features_document())
