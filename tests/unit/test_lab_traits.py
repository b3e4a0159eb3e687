"""Traits: what is said of each customer, of whom nothing is said, and when churn can be said at all."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from consumer.adapters.codec import decode_batch
from consumer.features.catalogue import catalogue_for
from consumer.policy.document import load_policy
from consumer.scoring.seeds import placer_of
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.products import OfferCatalogue
from consumer.vocabulary.time import DAY_MS
from offline.history.past_files import days, read_offers
from offline.seeding.churn import SILENT_DAYS, Churn, churn_of
from offline.seeding.past_features import PastFeatures, features_of_past
from offline.seeding.seed import Seeding, seeding_of
from offline.seeding.traits import check_bundle, lifetime_value_minor, traits_of
from producer_sim import history
from producer_sim.settings import BankSettings
from upswell.traits_topic import trait_line, write_traits

START_DAY = 20_000
N_DAYS = 75


@pytest.fixture(scope="module")
def catalogue(repository: Path) -> OfferCatalogue:
    return load_policy(repository / "deploy" / "policy" / "retail_bank.yaml").catalogue


@pytest.fixture(scope="module")
def history_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history")
    history.write(BankSettings(customers=150, history_days=40, campaign_share=0.4, seed=6), folder)
    return folder


@pytest.fixture(scope="module")
def past(history_dir: Path, catalogue: OfferCatalogue) -> PastFeatures:
    return features_of_past(days(history_dir, read_offers(history_dir)), catalogue)


@pytest.fixture(scope="module")
def seeding(past: PastFeatures, catalogue: OfferCatalogue) -> Seeding:
    return seeding_of(past, catalogue, seed=1, n_segments=3)


def test_every_customer_who_agrees_to_profiling_has_traits_and_nobody_else(
    past: PastFeatures, seeding: Seeding, catalogue: OfferCatalogue
) -> None:
    found = traits_of(past, seeding.bundle, catalogue, churn=None)
    agreeing = [
        name for name, agrees in zip(past.customer_ids, past.may_be_profiled.tolist(), strict=True) if agrees
    ]
    assert 0 < len(agreeing) < len(past.customer_ids)
    assert [each.customer_id for each in found.traits] == agreeing
    assert any("do not agree to profiling" in sentence for sentence in found.sentences)


def test_the_segment_is_the_one_that_the_scorer_would_choose(
    past: PastFeatures, seeding: Seeding, catalogue: OfferCatalogue
) -> None:
    placed = placer_of(seeding.bundle.segments, catalogue_for(catalogue.product_ids).names)(past.final_values)
    found = {
        each.customer_id: each.segment
        for each in traits_of(past, seeding.bundle, catalogue, churn=None).traits
    }
    expected = dict(zip(past.customer_ids, placed.tolist(), strict=True))
    assert found == {name: expected[name] for name in found}
    assert len(set(found.values())) == 3


def test_affinity_is_a_probability_of_each_product_that_is_not_held(
    past: PastFeatures, seeding: Seeding, catalogue: OfferCatalogue
) -> None:
    features = catalogue_for(catalogue.product_ids)
    for each in traits_of(past, seeding.bundle, catalogue, churn=None).traits:
        row = list(past.customer_ids).index(each.customer_id)
        held = {
            name
            for name in catalogue.product_ids
            if past.final_values[row, features.index[f"holds_{name}"]] > 0
        }
        assert set(each.affinity) == set(catalogue.product_ids) - held
        assert all(0.0 <= p <= 1.0 for p in each.affinity.values())


def test_the_same_history_and_bundle_give_the_same_records(
    past: PastFeatures, seeding: Seeding, catalogue: OfferCatalogue, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        write_traits(traits_of(past, seeding.bundle, catalogue, churn=None).traits, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    newer = traits_of(replace(past, as_of_ms=past.as_of_ms + 1), seeding.bundle, catalogue, churn=None)
    older = {
        json.loads(line)["event_id"] for line in (tmp_path / "one").read_text(encoding="utf-8").splitlines()
    }
    assert older.isdisjoint(each.event_id for each in newer.traits)


def test_the_service_can_read_every_record(
    past: PastFeatures, seeding: Seeding, catalogue: OfferCatalogue
) -> None:
    churn = np.linspace(0.0, 1.0, len(past.customer_ids))
    traits = traits_of(past, seeding.bundle, catalogue, churn=churn).traits
    records = [
        RawRecord("traits", 0, place, each.customer_id.encode(), trait_line(each), each.event_time_ms)
        for place, each in enumerate(traits)
    ]
    decoded = decode_batch(records, catalogue)
    assert len(decoded.dead_letters) == 0
    assert len(decoded.events) == len(traits)


def test_lifetime_value_is_the_discounted_margin_of_what_is_held_as_long_as_the_customer_stays(
    catalogue: OfferCatalogue,
) -> None:
    margin = catalogue.products[0].margin_minor
    held = np.zeros((3, len(catalogue.products)), dtype=bool)
    held[:2, 0] = True
    stays = lifetime_value_minor(held, catalogue, None)
    assert stays == pytest.approx([margin * sum(0.9**year for year in range(5))] * 2 + [0.0])
    leaving = lifetime_value_minor(held, catalogue, np.array([0.0, 1.0, 1.0]))
    assert leaving == pytest.approx([stays[0], margin, 0.0])


def test_a_bundle_of_other_features_is_refused_with_both_fingerprints(
    seeding: Seeding, catalogue: OfferCatalogue
) -> None:
    features = catalogue_for(catalogue.product_ids[:2])
    with pytest.raises(ConfigurationError, match=f"{seeding.bundle.fingerprint}.*{features.fingerprint}"):
        check_bundle(seeding.bundle, features, Path("seeds.json"))


# ---------------------------------------------------------------- churn


def churning_bank(folder: Path, *, leavers: int) -> Path:
    """A bank of 90 customers; the first `leavers` stop before the last 35 days, after having done little."""
    last_day = {k: START_DAY + (N_DAYS - 35 if k < leavers else N_DAYS) for k in range(90)}
    profiles = [
        {"customer_id": f"c{k}", "event_time_ms": START_DAY * DAY_MS + 1, "consents": {"profiling": True}}
        for k in range(90)
    ]
    payments = [
        {
            "customer_id": f"c{k}",
            "event_time_ms": day * DAY_MS + 1_000 * k + 5,
            "kind": "card_payment",
            "direction": "debit",
            "amount_minor": 150 + k % 7 if k < leavers else 9_000 + 100 * (k % 9),
            "currency": "EUR",
            "channel": "pos",
        }
        for day in range(START_DAY, START_DAY + N_DAYS, 3)
        for k in range(90)
        if day < last_day[k]
    ]
    packed(folder, "customers", profiles)
    packed(folder, "transactions", payments)
    for role in ("interactions", "outcomes", "campaign"):
        packed(folder, role, [])
    return folder


def packed(folder: Path, role: str, records: Iterable[dict[str, object]]) -> None:
    lines = [
        json.dumps({"schema_version": "1.0", "event_id": f"{role}-{place}", **record})
        for place, record in enumerate(records)
    ]
    (folder / f"{role}.jsonl.gz").write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))


def churn_in(folder: Path, catalogue: OfferCatalogue) -> tuple[PastFeatures, Churn]:
    found = features_of_past(days(folder, []), catalogue)
    return found, churn_of(folder, found, catalogue, catalogue_for(catalogue.product_ids))


def test_churn_is_learned_from_those_who_fell_silent(tmp_path: Path, catalogue: OfferCatalogue) -> None:
    found, churn = churn_in(churning_bank(tmp_path, leavers=30), catalogue)
    assert churn.probability is not None
    is_silent = found.last_event_ms < found.as_of_ms - SILENT_DAYS * DAY_MS
    assert is_silent.sum() == 30
    assert (churn.probability[is_silent] == 1.0).all()
    assert (churn.probability[~is_silent] < 0.3).all()
    assert "AUC" in churn.sentence


def test_where_too_few_fell_silent_churn_is_left_out_and_told(
    tmp_path: Path, catalogue: OfferCatalogue
) -> None:
    _, churn = churn_in(churning_bank(tmp_path, leavers=5), catalogue)
    assert churn.probability is None
    assert "of 90 active customers 5 fell silent" in churn.sentence
