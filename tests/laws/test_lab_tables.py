"""Laws of the laboratory's tables: what is read is what was written, and treatments do what they say."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offline.exploration.credit_category import UNKNOWN, credit_categories
from offline.exploration.distribution import box_plot, histogram
from offline.exploration.engagement import engagement_score
from offline.tables.mapping import CategoryCut, ColumnMapping, TableMapping
from offline.tables.missing import without_missing
from offline.tables.outliers import fence, without_outliers
from offline.tables.table import read_table

NUMBERS = st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: value + 0.0)
MAYBE = st.one_of(st.none(), NUMBERS)
COLUMN = st.lists(MAYBE, min_size=2, max_size=40).filter(
    lambda values: any(value is not None for value in values)
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
# Reading writes files; the folder is shared by all examples of a test, each of which writes its own file.
FILES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@FILES
@given(COLUMN, st.data())
def test_numbers_and_texts_come_back_from_a_file_as_they_were_written(
    folder: Path, numbers: list[float | None], data: st.DataObject
) -> None:
    texts = data.draw(st.lists(TEXTS, min_size=len(numbers), max_size=len(numbers)))
    written = pd.DataFrame({"number": pd.Series(numbers, dtype="float64"), "text": texts})
    mapping = TableMapping(
        name="law",
        missing=("<missing>",),
        strip=False,
        columns={"number": ColumnMapping(type="number"), "text": ColumnMapping(type="text")},
    )
    written.to_csv(folder / "law.csv", index=False, na_rep="<missing>")
    written.to_parquet(folder / "law.parquet", index=False)
    for file in ("law.csv", "law.parquet"):
        found = read_table(folder / file, mapping)
        pd.testing.assert_series_equal(found.frame["number"], written["number"])
        assert found.frame["text"].tolist() == texts
        assert found.reading.column("number").missing_count == written["number"].isna().sum()


@given(COLUMN, st.lists(st.integers(-1_000, 1_000), min_size=1, max_size=5, unique=True).map(sorted))
def test_every_customer_has_exactly_one_category_and_a_higher_value_never_a_lower_one(
    values: list[float | None], edges: list[int]
) -> None:
    labels = tuple(f"label {place}" for place in range(len(edges) + 1))
    cut = CategoryCut(column="limit", edges=tuple(map(float, edges)), labels=labels)
    series = pd.Series(values, dtype="float64")
    found = credit_categories(series, cut)
    assert not found.hasnans
    assert found.value_counts().sum() == len(values)
    assert (found == UNKNOWN).tolist() == series.isna().tolist()
    ordered = found[series.notna()].cat.codes[series.dropna().sort_values().index]
    assert ordered.is_monotonic_increasing


@given(COLUMN, st.sampled_from(["median", "mode", "indicator"]))
def test_a_value_stands_in_for_every_missing_one_and_for_no_other(
    values: list[float | None], how: str
) -> None:
    frame = pd.DataFrame({"income": pd.Series(values, dtype="float64")})
    treated = without_missing(frame, {"income": how}).frame  # type: ignore[dict-item]
    present = frame["income"].notna()
    assert not treated["income"].hasnans
    assert treated["income"][present].equals(frame["income"][present])
    if how == "indicator" and not present.all():
        assert treated["income_missing"].tolist() == (~present).astype(int).tolist()


@given(COLUMN)
def test_dropping_leaves_exactly_the_rows_with_a_value(values: list[float | None]) -> None:
    frame = pd.DataFrame(
        {"income": pd.Series(values, dtype="float64"), "row": range(len(values)), "untreated": np.nan}
    )
    treated = without_missing(frame, {"income": "drop", "untreated": "keep"})
    assert treated.frame["row"].tolist() == [row for row, value in enumerate(values) if value is not None]
    assert len(treated.notes) == (1 if None in values else 0)


@given(COLUMN, st.sampled_from(["box_plot", "z_score"]), st.floats(0.5, 4.0))
def test_capped_values_lie_within_the_fence_and_the_others_are_unchanged(
    values: list[float | None], rule: str, limit: float
) -> None:
    frame = pd.DataFrame({"income": pd.Series(values, dtype="float64")})
    how = ColumnMapping(outlier_rule=rule, outlier_limit=limit, when_outlier="cap")  # type: ignore[arg-type]
    limits = fence(frame["income"], how.outlier_rule, how.fence)
    treated = without_outliers(frame, {"income": how}).frame["income"]
    outside = limits.outside(frame["income"])
    assert not limits.outside(treated).any()
    assert treated[~outside].equals(frame["income"][~outside])
    assert treated.isna().equals(frame["income"].isna())


@given(st.lists(NUMBERS, min_size=2, max_size=30), st.floats(0.5, 4.0))
def test_the_fence_of_the_z_score_is_so_many_sample_deviations_from_the_mean(
    values: list[float], limit: float
) -> None:
    limits = fence(pd.Series(values), "z_score", limit)
    deviation = limit * statistics.stdev(values)
    assert limits.low == pytest.approx(statistics.fmean(values) - deviation, rel=1e-6, abs=1e-3)
    assert limits.high == pytest.approx(statistics.fmean(values) + deviation, rel=1e-6, abs=1e-3)


@given(COLUMN)
def test_removing_outliers_removes_their_rows_only(values: list[float | None]) -> None:
    frame = pd.DataFrame({"income": pd.Series(values, dtype="float64")})
    how = ColumnMapping(when_outlier="remove")
    outside = fence(frame["income"], "box_plot", 1.5).outside(frame["income"])
    assert without_outliers(frame, {"income": how}).frame.index.tolist() == np.flatnonzero(~outside).tolist()


@given(st.lists(NUMBERS, min_size=1, max_size=60))
def test_a_histogram_counts_every_value_once(values: list[float]) -> None:
    present = np.array(values)
    found = histogram(present)
    assert found.counts.sum() + found.beyond_count == len(values)
    assert len(found.edges) == len(found.counts) + 1
    box = box_plot(present)
    assert (
        min(values) <= box.low_whisker <= box.median <= box.high_whisker <= max(values)
        or box.first_quartile == box.third_quartile
    )


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=20))
def test_the_engagement_score_is_linear_in_its_weights(contacts: list[tuple[int, int]]) -> None:
    frame = pd.DataFrame(contacts, columns=["calls", "visits"])
    alone = engagement_score(frame, {"calls": 1.0}) + 3 * engagement_score(frame, {"visits": 1.0})
    assert engagement_score(frame, {"calls": 1.0, "visits": 3.0}).tolist() == alone.tolist()
