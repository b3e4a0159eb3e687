"""Seeds: a small simulated history becomes a bundle, and an offer never sees what came after it."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from consumer.features.catalogue import catalogue_for
from consumer.policy.document import load_policy
from consumer.scoring.seed_bundle import SeedBundle
from consumer.scoring.seeds import seeds_of
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.products import OfferCatalogue
from offline.history.past_files import PastDay, days, read_offers
from offline.seeding.past_features import PastFeatures, features_of_past
from offline.seeding.seed import EVIDENCE_MAX, Seeding, seeding_of, seeds_from_history
from producer_sim import history
from producer_sim.settings import BankSettings


@pytest.fixture(scope="module")
def catalogue(repository: Path) -> OfferCatalogue:
    return load_policy(repository / "deploy" / "policy" / "retail_bank.yaml").catalogue


@pytest.fixture(scope="module")
def history_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history")
    history.write(BankSettings(customers=400, history_days=40, campaign_share=0.3, seed=5), folder)
    return folder


@pytest.fixture(scope="module")
def past(history_dir: Path, catalogue: OfferCatalogue) -> PastFeatures:
    return features_of_past(days(history_dir, read_offers(history_dir)), catalogue)


@pytest.fixture(scope="module")
def seeding(past: PastFeatures, catalogue: OfferCatalogue) -> Seeding:
    return seeding_of(past, catalogue, seed=1)


@pytest.fixture(scope="module")
def bundle(seeding: Seeding) -> SeedBundle:
    return seeding.bundle


def test_every_record_and_every_offer_of_the_history_is_used(history_dir: Path, past: PastFeatures) -> None:
    lines = {
        file.name.split(".")[0]: len(gzip.decompress(file.read_bytes()).splitlines())
        for file in history_dir.iterdir()
    }
    assert len(past.offers) == lines.pop("campaign")
    assert past.n_events == sum(lines.values())
    assert past.refused == {}
    assert np.isfinite(past.values).all()


def test_the_features_of_an_offer_do_not_know_what_came_after_it(
    history_dir: Path, past: PastFeatures, catalogue: OfferCatalogue
) -> None:
    place = len(past.offers) // 2
    offer = past.offers[place]

    def cut(day: PastDay) -> PastDay:
        records = [record for record in day.records if record.timestamp_ms <= offer.offered_at_ms]
        return replace(
            day, records=records, offers=[o for o in day.offers if o.offered_at_ms <= offer.offered_at_ms]
        )

    until_then = features_of_past(map(cut, days(history_dir, read_offers(history_dir))), catalogue)
    assert until_then.offers[-1] == offer
    assert until_then.values[-1].tobytes() == past.values[place].tobytes()


def test_a_past_offer_counts_as_made_for_the_offers_after_it(
    past: PastFeatures, catalogue: OfferCatalogue
) -> None:
    made = past.values[:, catalogue_for(catalogue.product_ids).index["offers_made"]]
    is_first = np.array([place == 0 for place in _places_by_customer(past)])
    assert (made[is_first] == 0.0).all()
    assert (made[~is_first] > 0.0).all()


def _places_by_customer(past: PastFeatures) -> list[int]:
    seen: dict[str, int] = {}
    places = []
    for offer in past.offers:
        places.append(seen.get(offer.customer_id, 0))
        seen[offer.customer_id] = places[-1] + 1
    return places


def test_there_is_a_seed_for_every_model_and_its_evidence_is_bounded(
    bundle: SeedBundle, catalogue: OfferCatalogue
) -> None:
    assert tuple(model.product_id for model in bundle.models) == catalogue.model_ids
    assert all(0.0 < model.positives < model.examples <= EVIDENCE_MAX for model in bundle.models)


def test_first_weights_foresee_the_last_offers_better_than_the_rate(bundle: SeedBundle) -> None:
    assert bundle.metrics["held_out_log_loss"] < 0.97 * bundle.metrics["held_out_log_loss_of_the_rates"]


def test_interest_in_a_product_speaks_for_offering_it(bundle: SeedBundle, catalogue: OfferCatalogue) -> None:
    for model in bundle.models[: len(catalogue.products)]:
        assert model.weights[bundle.input_names.index(f"interest_{model.product_id}")] > 0.0


def test_every_customer_is_placed_and_every_segment_has_some(
    bundle: SeedBundle, past: PastFeatures, catalogue: OfferCatalogue
) -> None:
    features = catalogue_for(catalogue.product_ids)
    placed = seeds_of(bundle, feature_names=features.names).place_segment(past.final_values)
    assert set(placed.tolist()) == set(range(6))


def test_the_same_history_gives_the_same_bundle(
    bundle: SeedBundle, history_dir: Path, catalogue: OfferCatalogue
) -> None:
    assert seeds_from_history(history_dir, catalogue, seed=1).bundle == bundle


def _copy(history_dir: Path, folder: Path) -> Path:
    for file in history_dir.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("transactions", b"{}\n", r"transactions\.jsonl\.gz, line 1: .*customer_id"),
        ("transactions", b"{\n", r"line 1"),
        (
            "interactions",
            b'{"customer_id":"c","event_time_ms":172800000}\n{"customer_id":"c","event_time_ms":1}\n',
            "line 2: the record is of an earlier day",
        ),
        ("campaign", b'{"customer_id":"c"}\n', r"campaign\.jsonl\.gz, line 1"),
        ("campaign", b"", "0 offers and 0 acceptances"),
    ],
)
def test_a_wrong_history_file_is_one_sentence_with_its_line(
    history_dir: Path, catalogue: OfferCatalogue, tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    folder = _copy(history_dir, tmp_path)
    (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(content))
    with pytest.raises(ConfigurationError, match=told) as caught:
        seeds_from_history(folder, catalogue)
    assert "\n" not in str(caught.value)


def test_traits_that_were_published_before_are_part_of_the_past(
    history_dir: Path, past: PastFeatures, catalogue: OfferCatalogue, tmp_path: Path
) -> None:
    folder = _copy(history_dir, tmp_path)
    customer = past.offers[-1].customer_id
    record = {
        "schema_version": "1.0",
        "event_id": "traits-1",
        "customer_id": customer,
        "event_time_ms": past.offers[-1].offered_at_ms - 1,
        "segment": 2,
        "lifetime_value_minor": 70_000,
    }
    (folder / "traits.jsonl.gz").write_bytes(gzip.compress(json.dumps(record).encode() + b"\n"))
    found = features_of_past(days(folder, read_offers(folder)), catalogue)
    column = catalogue_for(catalogue.product_ids).index["lifetime_value_minor"]
    assert found.n_events == past.n_events + 1
    assert (past.values[-1, column], found.values[-1, column]) == (0.0, 70_000.0)


def test_a_missing_history_file_is_named(
    history_dir: Path, catalogue: OfferCatalogue, tmp_path: Path
) -> None:
    folder = _copy(history_dir, tmp_path)
    (folder / "outcomes.jsonl.gz").unlink()
    with pytest.raises(ConfigurationError, match=r"outcomes\.jsonl\.gz"):
        seeds_from_history(folder, catalogue)


def test_a_file_that_is_not_packed_is_named(
    history_dir: Path, catalogue: OfferCatalogue, tmp_path: Path
) -> None:
    folder = _copy(history_dir, tmp_path)
    (folder / "customers.jsonl.gz").write_bytes(b"plain text")
    with pytest.raises(ConfigurationError, match=r"customers\.jsonl\.gz"):
        seeds_from_history(folder, catalogue)


def test_an_offer_of_a_product_that_the_policy_does_not_have_is_named(
    history_dir: Path, catalogue: OfferCatalogue, tmp_path: Path
) -> None:
    folder = _copy(history_dir, tmp_path)
    file = folder / "campaign.jsonl.gz"
    lines = gzip.decompress(file.read_bytes()).replace(b'"mortgage"', b'"boat_loan"')
    file.write_bytes(gzip.compress(lines))
    with pytest.raises(ConfigurationError, match="boat_loan"):
        seeds_from_history(folder, catalogue)
