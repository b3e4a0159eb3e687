"""Exploration on small tables: a finding is said when its rule holds, and only then."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from consumer.vocabulary.errors import ConfigurationError
from offline.exploration.exploration import Exploration, Options, explore
from offline.exploration.findings import findings
from offline.exploration.report import write_exploration
from offline.tables.mapping import ColumnMapping, TableMapping
from offline.tables.table import read_table


def explored(
    folder: Path, frame: pd.DataFrame, options: Options | None = None, **columns: ColumnMapping
) -> Exploration:
    file = folder / "customers.csv"
    frame.to_csv(file, index=False)
    return explore(read_table(file, TableMapping(name="small", columns=columns)), options)


def texts(found: Exploration, topic: str) -> list[str]:
    return [finding.text for finding in findings(found) if finding.topic == topic]


def test_independent_columns_have_no_correlation_to_tell(tmp_path: Path) -> None:
    draws = np.random.default_rng(5).normal(size=(500, 2))
    found = explored(tmp_path, pd.DataFrame(draws, columns=["a", "b"]))
    assert texts(found, "correlation") == ["No two columns correlate with 0.3 or more."]
    assert texts(found, "distribution") == []


def test_a_curved_relation_is_said_to_be_curved(tmp_path: Path) -> None:
    values = np.arange(1.0, 40.0)
    found = explored(tmp_path, pd.DataFrame({"a": values, "b": np.exp(values)}))
    assert texts(found, "correlation")[0].startswith("a and b rise together, not on a straight line")


def test_pearson_and_spearman_of_different_sign_are_no_relation(tmp_path: Path) -> None:
    low = np.arange(40.0)
    frame = pd.DataFrame({"a": [*low, 5_000.0], "b": [*-low, 5_000.0]})
    assert texts(explored(tmp_path, frame), "correlation")[0].startswith("a and b give two answers")


def test_a_repeated_far_value_is_suspected_to_mean_missing(tmp_path: Path) -> None:
    frame = pd.DataFrame({"months": [*range(40), -999999, -999999], "b": np.arange(42.0) % 7})
    assert texts(explored(tmp_path, frame), "missing values")[-1].startswith("months holds -999,999 2 times")


def test_a_label_is_told_with_its_share(tmp_path: Path) -> None:
    frame = pd.DataFrame({"took": [1, 0, 0, 0] * 10, "income": [9.5, 1, 2, 3] * 10})
    found = explored(tmp_path, frame, took=ColumnMapping(role="label", type="flag"))
    assert texts(found, "label")[0].startswith("took is 1 for 10 of 40 customers (25.0%)")


def test_what_is_protected_is_compared_with_nothing(tmp_path: Path) -> None:
    frame = pd.DataFrame({"gender": list("fm") * 20, "limit": [1.0, 9.0] * 20, "kind": list("xxyy") * 10})
    found = explored(tmp_path, frame)
    assert "gender" not in found.categories
    assert {item.category for item in found.by_category} == {"Credit_Category", "kind"}


def test_weights_of_the_engagement_score_can_be_chosen(tmp_path: Path) -> None:
    frame = pd.DataFrame({"calls": [1, 2, 3], "visits": [0, 1, 5]})
    found = explored(tmp_path, frame, Options(weights={"calls": 0.5}))
    assert found.frame["Engagement_Score"].tolist() == [0.5, 1.0, 1.5]


def test_chosen_treatments_are_told_and_raw_values_stay_in_the_summary(tmp_path: Path) -> None:
    frame = pd.DataFrame({"limit": [1.0, 2.0, 3.0, 4.0, 100.0, np.nan], "b": [1, 2, 3, 4, 5, 7]})
    found = explored(tmp_path, frame, limit=ColumnMapping(when_missing="drop", when_outlier="cap"))
    assert found.frame["limit"].tolist() == [1.0, 2.0, 3.0, 4.0, 7.0]
    assert found.summary.numbers.loc["limit", "max"] == 100.0
    assert found.notes == (
        "1 of 6 rows were left out, which have no value in limit.",
        "limit: 1 values outside -1 to 7 (box-plot rule, 1.5) were set to the fence.",
    )


def test_an_indicator_never_overwrites_a_column_of_the_file(tmp_path: Path) -> None:
    frame = pd.DataFrame({"limit": [1.0, None, 3.0], "limit_missing": [7, 8, 9]})
    with pytest.raises(ConfigurationError, match="'limit_missing' is already there"):
        explored(tmp_path, frame, limit=ColumnMapping(when_missing="indicator"))


def test_a_score_that_stands_in_the_file_is_kept_and_none_derived(tmp_path: Path) -> None:
    frame = pd.DataFrame({"Engagement_Score": [5, 6, 9], "calls": [1, 2, 2], "b": [3.0, 1.0, 2.0]})
    found = explored(tmp_path, frame)
    assert found.frame["Engagement_Score"].tolist() == [5, 6, 9]
    assert found.notes == ("Engagement_Score stands in the file already and is not derived.",)
    write_exploration(found, tmp_path / "out")


def test_a_missing_value_puts_nobody_into_a_credit_category(tmp_path: Path) -> None:
    frame = pd.DataFrame({"limit": [1.0, 2.0, 3.0, np.nan], "b": [1, 2, 3, 5]})
    found = explored(tmp_path, frame, limit=ColumnMapping(role="value", when_missing="median"))
    assert found.frame["Credit_Category"].tolist()[-1] == "Unknown"


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(pd.DataFrame({"a": ["x", "y"], "b": ["u", "v"]}), id="no number"),
        pytest.param(pd.DataFrame({"a": [1, 1], "b": [2, 2]}), id="constants only"),
        pytest.param(pd.DataFrame({"a": [1], "b": ["x"]}), id="one row"),
        pytest.param(pd.DataFrame({"a": [1, None], "b": [None, 2]}), id="never together"),
        pytest.param(pd.DataFrame({"a": [1.5, 1e99], "b": [0, -1e99]}), id="huge"),
    ],
)
def test_strange_tables_are_reported_without_failing(frame: pd.DataFrame, tmp_path: Path) -> None:
    write_exploration(explored(tmp_path, frame), tmp_path / "out")
    document = json.loads((tmp_path / "out" / "explore.json").read_text(encoding="utf-8"))
    assert document["rows"] == len(frame)
    assert (tmp_path / "out" / "report.html").stat().st_size > 1_000
