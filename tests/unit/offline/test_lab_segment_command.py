"""`upswell lab segment` from the command line: what it refuses, in one sentence each, and what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from offline.segmentation.result import SegmentsFile
from upswell.cli import run

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
ROOT = Path(__file__).resolve().parents[3]
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the shared data are not beside this checkout")


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    """Forty customers of two kinds, with a constant, a text, an identifier and a protected column."""
    random = np.random.default_rng(5)
    kind = np.repeat([0, 1], 20)
    frame = pd.DataFrame(
        {
            "customer_id": np.arange(100, 140),
            "credit_limit": (1_000 + 9_000 * kind + random.normal(0, 300, 40)).round(2),
            "calls": 2 + 6 * (1 - kind) + random.integers(0, 3, 40),
            "country": 7,
            "city": [f"town {number % 5}" for number in range(40)],
            "gender": random.integers(0, 2, 40),
        }
    )
    frame["income"] = frame["credit_limit"] * 3
    frame.loc[[3, 8], "income"] = np.nan
    file = tmp_path / "customers.csv"
    frame.to_csv(file, index=False)
    return file


def refusal(capsys: pytest.CaptureFixture[str], file: Path, *options: str) -> str:
    """Segment the file, and return the one sentence that says why not."""
    out = file.parent / "out"
    capsys.readouterr()
    code = run(["lab", "segment", "--input", str(file), "--out", str(out), *options])
    told = capsys.readouterr()
    assert code == 2, told
    assert told.out == ""
    assert not (out / "segments.json").exists()
    sentences = [line for line in told.err.strip().splitlines() if not line.startswith("…")]
    assert len(sentences) == 1, sentences
    return sentences[0]


def segmented(file: Path, out: Path, *options: str) -> SegmentsFile:
    """Segment the file, and return what segments.json holds."""
    assert run(["lab", "segment", "--input", str(file), "--out", str(out), *options]) == 0
    return SegmentsFile.model_validate_json((out / "segments.json").read_bytes())


FEATURES = ("--features", "credit_limit,calls")
NARROW = ("--k-range", "2-3")
"""Fewer numbers of segments to try, where a test is not about them."""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(
            [*FEATURES, "--k", "41"], ["--k 41", "41 segments", "40 customers"], id="k above customers"
        ),
        pytest.param([*FEATURES, "--k-range", "2-45"], ["--k-range 2-45", "40 customers"], id="range above"),
        pytest.param([*FEATURES, "--k", "0"], ["--k 0", "at least one"], id="k of nothing"),
        pytest.param([*FEATURES, "--k", "51"], ["--k 51", "limit of 50"], id="k beyond any use"),
        pytest.param(
            [*FEATURES, "--k-range", "2:9"], ["--k-range 2:9", "such as 2-10"], id="range with a colon"
        ),
        pytest.param(
            [*FEATURES, "--k-range", "two-5"], ["--k-range two-5", "such as 2-10"], id="range in words"
        ),
        pytest.param(
            [*FEATURES, "--k-range", "9-2"], ["--k-range 9-2", "not above the second"], id="range back"
        ),
        pytest.param(
            [*FEATURES, "--k-range", "0-3"], ["--k-range 0-3", "1 or more"], id="range from nothing"
        ),
        pytest.param(
            [*FEATURES, "--k-range", "2-1000"], ["--k-range 2-1000", "limit of 50"], id="range of hours"
        ),
        pytest.param([*FEATURES, "--methods", "kmean"], ["kmean", "kmeans, gmm, ward"], id="unknown method"),
        pytest.param([*FEATURES, "--methods", ","], ["--methods is empty"], id="no method"),
        pytest.param([*FEATURES, "--methods", "gmm,gmm"], ["gmm", "more than once"], id="method twice"),
        pytest.param(
            ["--features", "credit_limt"], ["'credit_limt'", "'credit_limit'"], id="unknown feature"
        ),
        pytest.param(["--features", "calls,calls"], ["'calls'", "twice"], id="feature twice"),
        pytest.param(["--features", " , "], ["--features is empty", "'calls'"], id="no feature"),
        pytest.param(
            ["--features", "calls,country"], ["'country'", "value 7", "leave it out"], id="constant"
        ),
        pytest.param(["--features", "calls,city"], ["'city'", "category", "numbers"], id="text"),
        pytest.param(["--features", "calls,gender"], ["'gender'", "protected"], id="protected"),
        pytest.param(["--features", "calls,customer_id"], ["'customer_id'", "identifies"], id="identifier"),
        pytest.param(
            ["--features", "calls,income"],
            ["'income'", "2 of 40 values are missing", "row 4", "when_missing"],
            id="missing values",
        ),
        pytest.param([*FEATURES, "--id", "custmer_id"], ["'custmer_id'", "'customer_id'"], id="unknown id"),
        pytest.param(
            [*FEATURES, "--id", "calls"], ["'calls'", "identifies", "--features"], id="id is a feature"
        ),
        pytest.param(
            [*FEATURES, "--id", "income"], ["'income'", "row 4", "id is missing"], id="id with holes"
        ),
        pytest.param(
            [*FEATURES, "--rules", "no.yaml"], ["segment rules no.yaml", "No such file"], id="no rules"
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    options: list[str], words: list[str], customers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = refusal(capsys, customers, *options)
    assert [word for word in words if word not in sentence] == [], sentence


def test_more_segments_than_different_customers_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "alike.csv"
    file.write_text("a,b\n" + "1,5\n2,6\n3,9\n" * 5)
    sentence = refusal(capsys, file, "--features", "a,b", "--k", "4")
    assert "4 segments are more than the 3 different customers" in sentence


@pytest.mark.parametrize("rows", ["1,2\n", "1,2\n3,4\n"])
def test_too_few_customers_to_choose_a_number_are_refused(
    rows: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "few.csv"
    file.write_text("a,b\n" + rows)
    assert "few.csv" in refusal(capsys, file) or "too few" in refusal(capsys, file)


def test_a_folder_that_is_a_file_is_refused(customers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = customers.parent / "taken"
    taken.write_text("here already")
    assert run(["lab", "segment", "--input", str(customers), "--out", str(taken)]) == 2
    assert "--out" in capsys.readouterr().err


def test_a_mistake_in_the_rules_names_its_line(customers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = customers.parent / "rules.yaml"
    rules.write_text(
        (ROOT / "deploy/lab/segment_rules.yaml").read_text().replace("{at_most: -0.5}", "{at_mots: -0.5}", 1)
    )
    sentence = refusal(capsys, customers, *FEATURES, "--rules", str(rules))
    assert "rules.yaml, line " in sentence
    assert "at_mots" in sentence


def test_missing_values_can_be_treated_on_request_and_that_is_said(customers: Path, tmp_path: Path) -> None:
    features = ("--features", "calls,income")
    filled = segmented(customers, tmp_path / "filled", *features, "--when-missing", "median", *NARROW)
    assert filled.n_customers == 40
    assert any("income" in note and "2 missing" in note for note in filled.notes)
    dropped = segmented(customers, tmp_path / "dropped", *features, "--when-missing", "drop", *NARROW)
    assert (dropped.n_customers, dropped.n_rows) == (38, 40)
    assert any("2 of 40 rows were left out" in note for note in dropped.notes)
    assigned = pd.read_csv(tmp_path / "dropped" / "assignments.csv")
    assert set(range(100, 140)) - set(assigned["customer_id"]) == {103, 108}


def test_the_number_asked_for_is_taken_and_the_reason_says_so(customers: Path, tmp_path: Path) -> None:
    found = segmented(customers, tmp_path / "out", *FEATURES, "--k", "3", "--k-range", "2-4")
    assert (found.chosen_k, len(found.segments)) == (3, 3)
    assert "asked for" in found.choice.reason
    assert "would have chosen 2" in found.choice.reason
    assert [one.k for one in found.elbow] == [2, 3, 4]


def test_customers_of_three_kinds_without_differences_are_three_segments(tmp_path: Path) -> None:
    file = tmp_path / "kinds.csv"
    file.write_text("a,b\n" + "1,1\n" * 30 + "5,5\n" * 20 + "1,5\n" * 10)
    found = segmented(file, tmp_path / "out")
    assert found.chosen_k == 3
    assert {tuple(method.sizes.values()) for method in found.methods.values()} == {(30, 20, 10)}


def test_two_customers_are_two_segments_if_somebody_asks_for_them(tmp_path: Path) -> None:
    """All their distances are one distance: correlations of distances do not exist, and are null."""
    file = tmp_path / "two.csv"
    file.write_text("a,b\n1,2\n3,4\n")
    found = segmented(file, tmp_path / "out", "--k", "2")
    assert found.methods["ward"].sizes == {"0": 1, "1": 1}
    assert found.linkages["ward"].cophenetic is None


def test_only_the_methods_asked_for_are_there_and_the_first_gives_the_segments(
    customers: Path, tmp_path: Path
) -> None:
    found = segmented(customers, tmp_path / "out", *FEATURES, "--methods", "ward,kmeans", *NARROW)
    assert list(found.methods) == ["ward", "kmeans"]
    assert found.segments_by == "ward"
    assert list(found.crosstab) == ["ward_kmeans"]
    assert all(one.bic is None for one in found.elbow)
    assigned = pd.read_csv(tmp_path / "out" / "assignments.csv")
    assert assigned["segment"].equals(assigned["ward"])


def test_a_single_segment_is_possible_and_has_no_silhouette(customers: Path, tmp_path: Path) -> None:
    found = segmented(customers, tmp_path / "out", *FEATURES, "--k", "1", "--k-range", "1")
    assert found.chosen_k == 1
    assert {method.silhouette for method in found.methods.values()} == {None}


@pytest.mark.parametrize("scale", ["standard", "robust", "none"])
def test_centroids_in_scaled_units_are_the_profile_in_raw_units(
    scale: str, customers: Path, tmp_path: Path
) -> None:
    found = segmented(customers, tmp_path / "out", *FEATURES, "--scale", scale, *NARROW)
    assert found.scaling.scale == scale
    method = found.methods["kmeans"]
    for segment, centroid in enumerate(method.centroids_scaled):
        raw = np.array(centroid) * found.scaling.spreads + found.scaling.centres
        assert raw.tolist() == pytest.approx([method.profiles[str(segment)][name] for name in found.features])


def test_without_names_of_features_all_columns_that_are_fit_are_taken(
    customers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Constant, text, identifier and protected columns are not; missing values are still refused."""
    assert "'income'" in refusal(capsys, customers)
    found = segmented(customers, tmp_path / "filled", "--when-missing", "median", *NARROW)
    assert found.features == ["credit_limit", "calls", "income"]
    assert any("correlate" in note for note in found.notes)


def test_the_same_seed_gives_the_same_files_byte_for_byte(customers: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        segmented(customers, tmp_path / name, *FEATURES, "--seed", "4", *NARROW)
    first = sorted(path for path in (tmp_path / "first").rglob("*") if path.is_file())
    assert len(first) > 8
    for path in first:
        assert (
            path.read_bytes() == (tmp_path / "second" / path.relative_to(tmp_path / "first")).read_bytes()
        ), path


@pytest.mark.slow
def test_a_large_table_is_sampled_where_that_is_said_and_placed_as_a_whole(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    kind = random.choice(3, size=11_000, p=[0.5, 0.3, 0.2])
    centres = np.array([[0, 0], [30, 4], [-4, 30]])
    values = centres[kind] + random.normal(0, 2, size=(11_000, 2))
    file = tmp_path / "large.csv"
    pd.DataFrame(values, columns=["limit_used", "logins"]).to_csv(file, index=False)
    found = segmented(file, tmp_path / "out", "--features", "limit_used,logins", "--k-range", "2-4")
    sizes = sorted(np.bincount(kind).tolist(), reverse=True)
    assert (found.sample.rows, found.sample.is_whole) == (5_000, False)
    assert any("random sample of 5,000" in note for note in found.notes)
    assert found.chosen_k == 3
    for method in found.methods.values():
        assert list(method.sizes.values()) == sizes


@needs_data
@pytest.mark.slow
def test_santander_is_read_and_segmented_by_its_mapping(tmp_path: Path) -> None:
    features = "age,antiguedad,renta,ind_actividad_cliente,ind_cco_fin_ult1,ind_recibo_ult1"
    found = segmented(
        DATA / "santander_sample.csv",
        tmp_path / "out",
        *("--mapping", str(ROOT / "deploy/mappings/santander.yaml"), "--features", features),
        *("--when-missing", "median", "--k-range", "2-3", "--methods", "kmeans,ward"),
    )
    assert (found.n_customers, found.id_column) == (9_999, "ncodpers")
    assert any("renta" in note and "1,899 missing" in note for note in found.notes)
    assert any("age" in note and "50 missing" in note for note in found.notes)
    assert list(found.families) == ["demographic", "behavioural", "value"]
    assert sum(found.methods["kmeans"].sizes.values()) == 9_999
    assert len(pd.read_csv(tmp_path / "out" / "assignments.csv")) == 9_999


@needs_data
def test_three_families_stand_side_by_side_where_the_mapping_names_them(tmp_path: Path) -> None:
    found = segmented(
        DATA / "personal_loan.csv",
        tmp_path / "out",
        *("--mapping", str(ROOT / "deploy/mappings/personal_loan.yaml"), "--features", "Age,Income,CCAvg"),
        *("--k-range", "2-3", "--methods", "kmeans"),
    )
    assert found.families["demographic"].columns == ["Age", "Experience", "Family"]
    assert found.families["value"].columns == ["Income", "CCAvg", "Mortgage"]
    for family in found.families.values():
        assert sum(family.sizes.values()) == sum(family.crosstab.values()) == 5_000
    assert json.loads((tmp_path / "out" / "segments.json").read_text())["n_customers"] == 5_000
