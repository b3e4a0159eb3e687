"""Seeds: a bundle becomes models at version 0 and a way to place customers, or one clear sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from consumer.scoring.calibration import Calibration
from consumer.scoring.compiled import compile_models
from consumer.scoring.seed_bundle import SeedBundle, SeedModel, SeedScaler, SeedSegments
from consumer.scoring.seeds import NO_SEGMENT, placer_of, read_seeds, seeds_of
from consumer.scoring.snapshot import state_of
from consumer.vocabulary.errors import ConfigurationError
from offline.seeding.bundle_file import read_bundle, write_bundle

INPUTS = ("balance", "salary")
FEATURES = ("salary", "age", "income")
FINGERPRINT = "0123456789abcdef"
SEGMENTS = SeedSegments(
    feature_names=["income", "age"],
    transforms=["signed_log1p", "identity"],
    mean=[10.0, 40.0],
    sd=[2.0, 10.0],
    centroids=[[1.0, 1.0], [-1.0, -1.0], [-1.0, 1.0]],
)
BUNDLE = SeedBundle(
    fingerprint=FINGERPRINT,
    as_of_ms=1_000,
    input_names=list(INPUTS),
    scaler=SeedScaler(mean=[1.0, 2.0], sd=[1.0, 0.5]),
    models=[
        SeedModel(product_id="card", weights=[0.5, -0.25], intercept=-3.0, examples=300.0, positives=15.0)
    ],
    segments=SEGMENTS,
    metrics={},
).with_version()


def read(file: Path, fingerprint: str = FINGERPRINT, features: tuple[str, ...] = FEATURES):  # type: ignore[no-untyped-def]
    return read_seeds(file, input_names=INPUTS, fingerprint=fingerprint, feature_names=features)


def test_a_bundle_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_bundle(BUNDLE, tmp_path / "deep" / "seeds.json")
    assert read_bundle(tmp_path / "deep" / "seeds.json") == BUNDLE


def test_a_seed_scores_before_any_example_and_counts_for_its_bounded_evidence(tmp_path: Path) -> None:
    write_bundle(BUNDLE, tmp_path / "seeds.json")
    seeds = read(tmp_path / "seeds.json")
    models = compile_models(INPUTS, FINGERPRINT, ("card", "loan"), groups={}, snapshots=dict(seeds.snapshots))
    odds = models.score(np.array([[2_000, 3_000]])).log_odds
    assert odds[0].tolist() == [-3.0 + 0.5 - 0.5, 0.0]
    assert models.evidence.tolist() == [300.0, 0.0]
    assert models.versions == {"card": 0}
    assert seeds.snapshots["card"].seed_version == seeds.version == BUNDLE.seed_version


def test_a_bundle_of_the_first_version_is_one_without_calibration_and_priors(tmp_path: Path) -> None:
    document = json.loads(BUNDLE.model_dump_json())
    document["bundle_version"] = "1.0"
    for model in document["models"]:
        for later in ("calibration", "segment_prior", "metrics"):
            del model[later]
    for later in ("names", "sizes"):
        del document["segments"][later]
    (tmp_path / "seeds.json").write_text(json.dumps(document), encoding="utf-8")
    seed = read(tmp_path / "seeds.json").snapshots["card"]
    assert state_of(seed).calibration == Calibration()
    assert state_of(seed).segment_prior == []


def test_the_version_is_that_of_the_content() -> None:
    changed = BUNDLE.model_copy(update={"as_of_ms": 2_000}).with_version()
    assert BUNDLE.with_version().seed_version == BUNDLE.seed_version != changed.seed_version


def test_a_customer_is_placed_at_the_nearest_centroid() -> None:
    place = placer_of(SEGMENTS, FEATURES)
    values = np.array([[0.0, 50.0, np.expm1(12.0)], [0.0, 30.0, np.expm1(8.0)], [0.0, 49.0, -5.0]])
    assert place(values).tolist() == [0, 1, 2]


@given(arrays(np.float64, (7, 3), elements=st.floats(-1e12, 1e12)), st.integers(1, 7))
def test_a_customers_segment_does_not_depend_on_the_others(values: np.ndarray, size: int) -> None:
    place = placer_of(SEGMENTS, FEATURES)
    parts = [place(values[start : start + size]) for start in range(0, 7, size)]
    assert np.concatenate(parts).tolist() == place(values).tolist()


def test_without_segments_nobody_is_placed() -> None:
    seeds = seeds_of(BUNDLE.model_copy(update={"segments": None}), feature_names=FEATURES)
    assert seeds.place_segment(np.zeros((2, 3))).tolist() == [NO_SEGMENT, NO_SEGMENT]


def test_a_missing_bundle_is_one_sentence_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"Cannot read the seeds .*none\.json: No such file"):
        read(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "Invalid JSON"),
        ("{}", "fingerprint: Field required"),
        (BUNDLE.model_dump_json().replace('"sd":[1.0,0.5]', '"sd":[1.0,0.0]'), "greater than 0"),
        (BUNDLE.model_dump_json().replace("[0.5,-0.25]", "[0.5]"), "lengths"),
        (BUNDLE.model_dump_json().replace('"positives":15.0', '"positives":900.0'), "positives"),
        (
            BUNDLE.model_dump_json().replace('"segment_prior":[]', '"segment_prior":[0.1]'),
            "priors of 1 segments",
        ),
        (BUNDLE.model_dump_json().replace('"names":[]', '"names":["rich"]'), "1 names and 0 sizes for 3"),
        (BUNDLE.model_dump_json().replace('"slope":1.0', '"slope":9.0'), "less than or equal to 2"),
        (BUNDLE.model_dump_json().replace('"intercept":-3.0', '"intercept":NaN'), "finite"),
    ],
)
def test_a_broken_bundle_is_one_sentence_with_the_place(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "seeds.json").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told) as caught:
        read(tmp_path / "seeds.json")
    assert "\n" not in str(caught.value)


def test_seeds_of_other_features_are_refused_with_both_fingerprints(tmp_path: Path) -> None:
    write_bundle(BUNDLE, tmp_path / "seeds.json")
    with pytest.raises(ConfigurationError, match=rf"{FINGERPRINT}, but this build computes ffff"):
        read(tmp_path / "seeds.json", fingerprint="ffff")


def test_segments_by_a_feature_that_is_gone_are_refused_by_its_name(tmp_path: Path) -> None:
    write_bundle(BUNDLE, tmp_path / "seeds.json")
    with pytest.raises(ConfigurationError, match="income"):
        read(tmp_path / "seeds.json", features=("age",))


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="Cannot write the seeds"):
        write_bundle(BUNDLE, tmp_path / "file" / "seeds.json")
