"""Parts of seeding: segments and their names, calibration, priors, measures, evidence, and what people read."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from consumer.features.catalogue import catalogue_for
from consumer.policy.document import load_policy
from consumer.scoring.online_model import OnlineModel
from consumer.scoring.prior import log_odds
from consumer.scoring.seed_bundle import SeedSegments
from consumer.scoring.seeds import NO_SEGMENT, seeds_of
from consumer.scoring.snapshot import state_of
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.products import OfferCatalogue
from offline.history.past_files import days, read_offers
from offline.seeding.bundle_file import check_writable, read_bundle
from offline.seeding.calibration import fitted_calibrations
from offline.seeding.findings import findings
from offline.seeding.lessons import HELD_OUT_SHARE, agreed_offers, check_offers
from offline.seeding.measures import measured, reliability
from offline.seeding.past_features import PastFeatures, features_of_past
from offline.seeding.priors import product_rates, segment_priors
from offline.seeding.regression import Lessons, fitted_scaler
from offline.seeding.report import report_of, write_report
from offline.seeding.seed import CALIBRATION_EVIDENCE_MAX, Seeding, final_segments, seeding_of
from offline.seeding.segments import SEGMENT_FEATURES, names_of, segmentation_of
from producer_sim import history
from producer_sim.settings import BankSettings


@pytest.fixture(scope="module")
def catalogue(repository: Path) -> OfferCatalogue:
    return load_policy(repository / "deploy" / "policy" / "retail_bank.yaml").catalogue


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory, catalogue: OfferCatalogue) -> PastFeatures:
    folder = tmp_path_factory.mktemp("history")
    history.write(BankSettings(customers=200, history_days=40, campaign_share=0.3, seed=5), folder)
    return features_of_past(days(folder, read_offers(folder)), catalogue)


@pytest.fixture(scope="module")
def seeding(past: PastFeatures, catalogue: OfferCatalogue) -> Seeding:
    return seeding_of(past, catalogue, seed=1, n_segments=4)


# ---------------------------------------------------------------- on the history


def test_on_the_history_river_says_what_scikit_learn_says(seeding: Seeding) -> None:
    seeds = seeds_of(seeding.bundle, feature_names=catalogue_for(seeding_products(seeding)).names).snapshots
    lessons = seeding.lessons
    theirs = seeding.regression.p_accept(lessons.inputs, lessons.product)
    models = {
        column: OnlineModel(tuple(seeding.bundle.input_names), state_of(seeds[name]))
        for column, name in enumerate(seeding_products(seeding))
    }
    ours = [
        models[product].predict_one(inputs)
        for inputs, product in zip(lessons.inputs, lessons.product.tolist(), strict=True)
    ]
    assert np.abs(np.array(ours) - theirs).max() < 1e-6


def seeding_products(seeding: Seeding) -> tuple[str, ...]:
    return tuple(model.product_id for model in seeding.bundle.models[: len(seeding.rates)])


def test_every_model_carries_its_calibration_and_a_prior_for_each_segment(seeding: Seeding) -> None:
    for model in seeding.bundle.models:
        assert len(model.segment_prior) == 4
        assert 0.0 <= model.calibration.count <= CALIBRATION_EVIDENCE_MAX
    assert len({model.calibration.offset for model in seeding.bundle.models}) > 1
    seeds = seeds_of(seeding.bundle, feature_names=list(SEGMENT_FEATURES)).snapshots
    first = seeding.bundle.models[0]
    assert state_of(seeds[first.product_id]).calibration.offset == first.calibration.offset


def test_the_last_quarter_is_held_out_and_every_held_out_offer_is_measured(seeding: Seeding) -> None:
    n = len(seeding.lessons)
    assert len(seeding.evaluation.accepted) == n - int(n * HELD_OUT_SHARE)
    assert (
        seeding.evaluation.accepted.tolist() == seeding.lessons.accepted[int(n * HELD_OUT_SHARE) :].tolist()
    )
    by_product = [seeding.evaluation.counted(column) for column in range(len(seeding.rates))]
    assert sum(by_product) == len(seeding.evaluation.accepted)


def test_who_objects_to_profiling_is_in_no_segment_and_teaches_nothing(
    past: PastFeatures, catalogue: OfferCatalogue, seeding: Seeding
) -> None:
    features = catalogue_for(catalogue.product_ids)
    assert not past.may_be_profiled.all()
    segments = final_segments(past, seeding.bundle.segments, features)
    assert (segments[~past.may_be_profiled] == NO_SEGMENT).all()
    assert (segments[past.may_be_profiled] >= 0).all()

    offers_of = past.offers[0].customer_id
    objecting = past.may_be_profiled.copy()
    objecting[list(past.customer_ids).index(offers_of)] = False
    kept = agreed_offers(replace(past, may_be_profiled=objecting))
    assert kept.offers
    assert offers_of not in {offer.customer_id for offer in kept.offers}
    assert len(kept.offers) == len(kept.values) < len(past.offers)


def test_too_few_customers_are_told_not_segmented(past: PastFeatures, catalogue: OfferCatalogue) -> None:
    alone = seeding_of(past, catalogue, seed=1, n_segments=10_000)
    assert alone.bundle.segments is None
    assert all(model.segment_prior == [] for model in alone.bundle.models)
    assert any("too few" in sentence for sentence in findings(alone))
    assert "Without segments" in report_of(alone, catalogue)


# ---------------------------------------------------------------- segments


def test_segments_are_named_after_what_sets_them_apart_and_no_two_names_are_the_same() -> None:
    width = len(SEGMENT_FEATURES)
    rich = [0.0] * width
    rich[list(SEGMENT_FEATURES).index("income_minor")] = 2.0
    rich[list(SEGMENT_FEATURES).index("age_years")] = -1.0
    assert names_of(np.array([rich, rich, [0.0] * width])) == [
        "higher income, younger",
        "higher income, younger (2)",
        "in the middle",
    ]


def test_customers_who_are_all_alike_are_no_segments(catalogue: OfferCatalogue) -> None:
    features = catalogue_for(catalogue.product_ids)
    assert segmentation_of(np.ones((500, len(features.names))), features, n_segments=3, seed=1) is None


def test_segments_come_with_the_highest_income_first(seeding: Seeding) -> None:
    segments = seeding.bundle.segments
    assert isinstance(segments, SeedSegments)
    incomes = [centroid[segments.feature_names.index("income_minor")] for centroid in segments.centroids]
    assert incomes == sorted(incomes, reverse=True)
    assert sum(segments.sizes) == int(seeding.past.may_be_profiled.sum())


# ---------------------------------------------------------------- calibration, priors, measures


def test_calibration_finds_that_a_model_exaggerates() -> None:
    rng = np.random.default_rng(1)
    odds = rng.normal(-2.0, 1.5, 4_000)
    accepted = (rng.random(4_000) < 1.0 / (1.0 + np.exp(-(0.5 * odds - 0.4)))).astype(np.int64)
    maps = fitted_calibrations(odds, accepted, np.zeros(4_000, dtype=np.int64), n_products=1)
    assert maps.slope == pytest.approx(0.5, abs=0.1)
    assert maps.offsets[0] == pytest.approx(-0.4, abs=0.2)


def test_without_answers_calibration_changes_nothing() -> None:
    nothing = np.empty(0)
    maps = fitted_calibrations(nothing, nothing.astype(np.int64), nothing.astype(np.int64), n_products=2)
    assert maps.slope == 1.0
    assert maps.offsets.tolist() == [0.0, 0.0]


def lessons(product: list[int], accepted: list[int]) -> Lessons:
    return Lessons(np.zeros((len(product), 1)), np.array(product), np.array(accepted))


def test_a_segment_that_accepts_more_than_its_products_raises_its_prior() -> None:
    told = lessons([0, 1] * 200, [1, 0] * 100 + [0, 0] * 100)
    segment = np.array([0] * 200 + [1] * 200)
    rates = product_rates(told, n_products=2)
    shifts = segment_priors(told, segment, rates, n_segments=3).shifts
    assert shifts[0, 0] > 0.5 > -0.5 > shifts[0, 1]
    assert abs(shifts[0, 2]) < abs(shifts[0, 1])


def test_without_offers_in_a_segment_its_prior_is_the_products() -> None:
    told = lessons([0, 1] * 100, [1, 0] * 50 + [0, 0] * 50)
    rates = product_rates(told, n_products=2)
    found = segment_priors(told, np.zeros(200, dtype=np.int64), rates, n_segments=2)
    assert found.shifts[:, 1] == pytest.approx(np.zeros(2), abs=1e-12)
    assert np.isfinite(log_odds(rates)[:, None] + found.shifts).all()


def test_measures_that_the_answers_cannot_give_are_left_out() -> None:
    found = measured(np.array([0.1, 0.2]), np.array([0, 0]))
    assert found.auc is None
    assert "auc" not in found.to_numbers()


def test_bins_hold_every_offer_once_and_ece_is_their_distance() -> None:
    p = np.linspace(0.01, 0.5, 400)
    accepted = (np.arange(400) % 4 == 0).astype(np.int64)
    bins = reliability(p, accepted)
    assert sum(each.offers for each in bins) == 400
    expected = sum(each.offers * abs(each.p_accept - each.accepted_share) for each in bins) / 400
    assert measured(p, accepted).ece == pytest.approx(expected)


def test_an_input_that_never_varies_has_spread_one_and_a_rare_one_is_not_shouted() -> None:
    inputs = np.zeros((1_000, 2))
    inputs[0, 1] = 0.1
    assert fitted_scaler(inputs).scale_.tolist() == [1.0, 0.05]


# ---------------------------------------------------------------- bad input


def test_an_answer_that_is_neither_yes_nor_no_is_named(past: PastFeatures) -> None:
    offers = list(past.offers)
    offers[3] = type(offers[3])("c-1", "mortgage", "email", 77, 2)
    with pytest.raises(ConfigurationError, match=r"mortgage to c-1 at 77 has accepted=2"):
        check_offers(Path("past"), offers)


def test_a_campaign_whose_first_offers_were_all_refused_is_told(past: PastFeatures) -> None:
    offers = sorted(past.offers, key=lambda offer: offer.accepted)
    with pytest.raises(ConfigurationError, match=r"of its first .* offers 0 were accepted"):
        check_offers(Path("past"), offers * 3 if sum(o.accepted for o in offers) < 20 else offers)


def test_a_folder_in_place_of_a_file_is_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="it is a folder"):
        check_writable(tmp_path)


def test_a_file_that_is_no_bundle_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "seeds.json").write_text('{"fingerprint": 3}', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="no seed bundle: fingerprint"):
        read_bundle(tmp_path / "seeds.json")
    with pytest.raises(ConfigurationError, match="Cannot read"):
        read_bundle(tmp_path / "none.json")


# ---------------------------------------------------------------- what people read


class Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.sources: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in {"src", "href"}]


def test_the_report_names_products_segments_and_measures_and_needs_no_network(
    seeding: Seeding, catalogue: OfferCatalogue
) -> None:
    page = Words()
    page.feed(report_of(seeding, catalogue))
    text = " ".join(page.text)
    assert seeding.bundle.segments is not None
    for words in (
        *catalogue.product_ids,
        "log loss",
        "AUC",
        "ECE",
        "speaks for",
        *seeding.bundle.segments.names,
    ):
        assert words in text
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in page.sources)
    assert "nan" not in text.split()


def test_a_report_that_cannot_be_written_is_one_sentence(
    seeding: Seeding, catalogue: OfferCatalogue, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="Cannot write the report"):
        write_report(seeding, catalogue, tmp_path / "none" / "report.html")
