"""`upswell lab segment` on AllLife's 660 customers reproduces the published tables to their digits."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from upswell.cli import run

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FEATURES = (
    "Avg_Credit_Limit",
    "Total_Credit_Cards",
    "Total_visits_bank",
    "Total_visits_online",
    "Total_calls_made",
)
pytestmark = pytest.mark.skipif(
    not (DATA / "alllife_expected.json").exists(), reason="the shared data are not beside this checkout"
)


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DATA / "alllife_expected.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alllife")
    code = run(
        [
            *("lab", "segment", "--input", str(DATA / "alllife_customers.csv")),
            *("--features", ",".join(FEATURES), "--k-range", "1-10", "--seed", "0", "--out", str(folder)),
        ]
    )
    assert code == 0
    return folder


@pytest.fixture(scope="module")
def segments(out: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((out / "segments.json").read_text(encoding="utf-8"))
    return loaded


def near(value: object, digits: int) -> Any:
    """The value to so many decimals, as the expected file has rounded it."""
    return pytest.approx(value, abs=0.5000001 * 10**-digits)


@pytest.mark.parametrize("k", range(1, 11))
def test_the_scan_has_the_published_inertia_silhouette_and_sizes(
    segments: dict[str, Any], expected: dict[str, Any], k: int
) -> None:
    found = next(one for one in segments["elbow"] if one["k"] == k)
    published = expected["kmeans_scan"][str(k)]
    assert found["inertia"] == near(published["inertia"], 4)
    assert found["sizes"] == published["sizes"]
    if k == 1:
        assert found["silhouette"] is None
    else:
        assert found["silhouette"] == near(published["silhouette"], 6)


def test_three_segments_are_chosen(segments: dict[str, Any]) -> None:
    assert segments["n_customers"] == 660
    assert segments["features"] == list(FEATURES)
    assert segments["chosen_k"] == 3


def test_k_means_has_the_published_sizes_silhouette_and_centres(
    segments: dict[str, Any], expected: dict[str, Any]
) -> None:
    found, published = segments["methods"]["kmeans"], expected["kmeans3"]
    assert found["sizes"] == {"0": 386, "1": 224, "2": 50}
    assert found["inertia"] == near(published["inertia"], 6)
    assert found["silhouette"] == near(published["silhouette"], 6)
    for centre, wanted in zip(found["centroids_scaled"], published["centres_scaled"], strict=True):
        assert centre == near(wanted, 8)


@pytest.mark.parametrize("segment", ["0", "1", "2"])
def test_the_profile_has_the_published_means(
    segments: dict[str, Any], expected: dict[str, Any], segment: str
) -> None:
    found = segments["methods"]["kmeans"]["profiles"][segment]
    published = expected["kmeans3"]["profile_raw_means"][segment]
    for column in (*FEATURES, "Engagement_Score"):
        assert found[column] == near(published[column], 6)


@pytest.mark.parametrize("column", ["Sl_No", "Customer Key"])
def test_the_assignments_give_the_published_means_of_the_identifiers(
    out: Path, expected: dict[str, Any], column: str
) -> None:
    customers = pd.read_csv(DATA / "alllife_customers.csv")
    assigned = pd.read_csv(out / "assignments.csv")
    assert assigned["Sl_No"].tolist() == customers["Sl_No"].tolist()
    means = customers.groupby(assigned["segment"].to_numpy())[column].mean()
    for segment, mean in means.items():
        assert mean == near(expected["kmeans3"]["profile_raw_means"][str(segment)][column], 6)


def test_ward_has_the_published_sizes_and_centres(segments: dict[str, Any], expected: dict[str, Any]) -> None:
    found, published = segments["methods"]["ward"], expected["ward3"]
    assert found["sizes"] == {"0": 385, "1": 225, "2": 50}
    by_size = {
        published["value_counts"][label]: centre for label, centre in published["centres_scaled"].items()
    }
    for size, centre in zip(found["sizes"].values(), found["centroids_scaled"], strict=True):
        assert centre == near(by_size[size], 6)


@pytest.mark.parametrize("linkage", ["ward", "complete", "average", "single"])
def test_every_linkage_is_as_published(
    segments: dict[str, Any], expected: dict[str, Any], linkage: str
) -> None:
    found, published = segments["linkages"][linkage], expected["hierarchical"][linkage]
    assert found["sizes"] == published["sizes"]
    for measure in ("silhouette", "cophenetic", "ari_vs_kmeans"):
        assert found[measure] == near(published[measure], 6)


def test_the_crosstab_of_k_means_and_ward_is_as_published(
    segments: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Ward's own numbers of its segments, 1 to 3, are numbered here by size."""
    numbers = {"3": "0", "1": "1", "2": "2"}
    published = {
        f"{pair.split(',')[0]},{numbers[pair.split(',')[1]]}": count
        for pair, count in expected["crosstab_kmeans_ward"].items()
    }
    assert segments["crosstab"]["kmeans_ward"] == published
    assert segments["agreement"]["kmeans_ward"] == near(expected["hierarchical"]["ward"]["ari_vs_kmeans"], 6)


def test_the_segments_are_named_by_value_and_contact(segments: dict[str, Any]) -> None:
    """50 customers of high limits online, 224 callers of low limits, 386 branch users between."""
    names = {one["size"]: one["name"] for one in segments["segments"]}
    assert names == {386: "Moderate, engaged", 224: "Basic, high contact", 50: "Premium, low contact"}
    premium = next(one for one in segments["segments"] if one["size"] == 50)
    assert "loyalty" in premium["marketing"][0]["text"]
    assert "141,040 against 34,574" in premium["marketing"][0]["because"]


def test_every_customer_is_assigned_once(out: Path) -> None:
    assigned = pd.read_csv(out / "assignments.csv")
    assert len(assigned) == 660
    assert Counter(assigned["kmeans"]) == {0: 386, 1: 224, 2: 50}
    assert assigned["segment"].equals(assigned["kmeans"])


def test_the_report_is_one_page_that_needs_no_network(out: Path) -> None:
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "http://" not in page
    assert "https://" not in page
    assert page.count("<img") == len(list((out / "figures").glob("*.png"))) == 8
    assert "<script" not in page
