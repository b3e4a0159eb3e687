"""AllLife: every table of the exploration to its digits, and none of the published write-up's known errors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from upswell.cli import run

FEATURES = (
    "Avg_Credit_Limit",
    "Total_Credit_Cards",
    "Total_visits_bank",
    "Total_visits_online",
    "Total_calls_made",
)
DIGITS = 6


@pytest.fixture(scope="module")
def expected(repository: Path) -> dict[str, Any]:
    file = repository.parent / "shared" / "data" / "alllife_expected.json"
    if not file.exists():
        pytest.skip("the AllLife tables are not there (../shared/data/alllife_expected.json)")
    tables: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return tables


@pytest.fixture(scope="module", params=["with mapping", "without mapping"])
def out(request: pytest.FixtureRequest, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = repository.parent / "shared" / "data" / "alllife_customers.csv"
    if not data.exists():
        pytest.skip("the AllLife customers are not there (../shared/data/alllife_customers.csv)")
    folder = tmp_path_factory.mktemp("alllife")
    mapping = repository / "deploy" / "mappings" / "alllife.yaml"
    named = ["--mapping", str(mapping)] if request.param == "with mapping" else []
    cut = [] if named else ["--credit-category", "Avg_Credit_Limit:50000,100000"]
    assert run(["lab", "explore", "--input", str(data), *named, *cut, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def found(out: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((out / "explore.json").read_text(encoding="utf-8"))
    return document


def test_size_columns_and_missing_cells(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found["rows"] == expected["rows"]
    assert found["columns"] == expected["columns"]
    assert found["missing_cells"] == expected["missing_cells"] == 0


def test_repeated_keys_and_rows(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found["repeated_keys"]["Customer Key"]["repeated"] == expected["duplicate_customer_keys"]
    assert found["duplicate_rows_without_ids"] == expected["duplicate_rows_without_ids"]


def test_summary_to_its_digits(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert rounded(found["describe"]) == expected["describe"]
    assert {name: round(found["skew"][name], DIGITS) for name in FEATURES} == expected["skew"]


def test_correlations_with_the_engagement_score_to_their_digits(
    found: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert rounded(found["correlation"]["pearson"]) == expected["correlation"]


def test_engagement_is_the_sum_of_raw_contacts(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found["engagement"]["definition"] in expected["engagement_definition"]
    assert found["engagement"]["head"] == expected["engagement_head"]


def test_every_customer_has_a_credit_category_by_raw_values(
    found: dict[str, Any], expected: dict[str, Any]
) -> None:
    counts = found["credit_category"]["counts"]
    assert counts == expected["credit_category_on_raw_same_bins"]
    assert sum(counts.values()) == expected["rows"]


def test_misprinted_correlations_are_not_repeated(found: dict[str, Any], expected: dict[str, Any]) -> None:
    pattern = re.compile(r"corr (\w+),(\w+): seed (\S+) true (\S+)")
    for misprint in expected["seed_misprints"]:
        match = pattern.fullmatch(misprint)
        assert match is not None
        first, second, wrong, right = match.groups()
        value = round(found["correlation"]["pearson"][first][second], DIGITS)
        assert value == float(right) != float(wrong)


def test_no_finding_takes_the_row_number_for_a_column_of_customers(found: dict[str, Any], out: Path) -> None:
    """The write-up read three correlations in the row of Sl_No: 0.74, 0.41 and −0.68."""
    texts = [finding["text"] for finding in found["findings"]]
    pairs = {
        ("Avg_Credit_Limit", "Total_Credit_Cards"): "0.609",
        ("Avg_Credit_Limit", "Total_calls_made"): "-0.414",
    }
    for (first, second), value in pairs.items():
        told = [text for text in texts if text.startswith(f"{first} and {second} ")]
        assert len(told) == 1
        assert f"Pearson {value}," in told[0]
    # −0.100 between limit and branch visits is too weak to be told.
    assert not [text for text in texts if text.startswith("Avg_Credit_Limit and Total_visits_bank ")]
    with_row_number = [text for text in texts if "Sl_No" in text]
    assert len(with_row_number) == 1
    assert with_row_number[0].startswith("The file is ordered")
    # Nor is it drawn in a heat map or scatter.
    assert not [figure for figure in found["figures"] if "Sl_No" in figure]


def test_the_report_is_one_file_with_its_figures_inside(found: dict[str, Any], out: Path) -> None:
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count('src="data:image/png;base64,') == len(found["figures"])
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "<script" not in page
    assert all((out / figure).stat().st_size > 1_000 for figure in found["figures"])


def rounded(table: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    return {
        name: {other: round(value, DIGITS) + 0.0 for other, value in row.items()}
        for name, row in table.items()
    }
