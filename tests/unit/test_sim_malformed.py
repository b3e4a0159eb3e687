"""Malformed records of the simulated bank become the dead letters that its truth file names."""

from collections import Counter, defaultdict

import msgspec

from consumer.adapters.codec import decode_batch
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.products import OfferCatalogue, Product
from consumer.vocabulary.time import HOUR_MS
from producer_sim.bus import MemoryBus
from producer_sim.malformed import EXPECTED_CODES, KINDS
from producer_sim.run import run
from producer_sim.settings import RETAIL_PRODUCTS, BankSettings, FaultRates
from producer_sim.stand_in import CoinScorer

CATALOGUE = OfferCatalogue(tuple(Product(name, name, "retail", 1) for name in RETAIL_PRODUCTS), ())


def test_every_malformed_record_becomes_the_dead_letter_that_the_truth_expects_and_no_other_does() -> None:
    offers = {f"offer_{product}": (product,) for product in RETAIL_PRODUCTS}
    bus = MemoryBus(CoinScorer(offers))
    faults = FaultRates(malformed=0.08, duplicate=0.02, late=0.02, clock_skew=0.03)
    truth = run(BankSettings(customers=300, days=8, offers=offers, faults=faults, step_ms=12 * HOUR_MS), bus)
    records = [
        RawRecord(p.record.role, p.partition, p.offset, p.record.key, p.record.value, p.record.arrival_ms)
        for p in bus.log
    ]
    batch = decode_batch(records, CATALOGUE)
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for letter in batch.dead_letters:
        found[letter.record.role][letter.code.value] += 1
    assert found == truth.dead_letters_expected
    assert len(batch.event_ids) + len(batch.dead_letters) == truth.published_count
    kinds = {fate for fates in truth.published.values() for fate in fates if fate.startswith("malformed.")}
    assert kinds == {f"malformed.{kind}" for kind in EXPECTED_CODES}, "every kind occurred"


def test_every_topic_has_kinds_that_are_known() -> None:
    assert {kind for kinds in KINDS.values() for kind in kinds} == set(EXPECTED_CODES)
    assert all(len(msgspec.json.encode(kind)) < 40 for kind in EXPECTED_CODES), "kinds are fates, and short"
