"""The past on disk: clean records, a random campaign, and labels that agree with the outcomes."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.messages import INPUT_RECORDS
from consumer.vocabulary.time import DAY_MS
from producer_sim.bank import Bank
from producer_sim.history import FILES, HistoryReport, days_of_history, write
from producer_sim.settings import RETAIL_PRODUCTS, TYPICAL_FAULTS, BankSettings

SETTINGS = BankSettings(customers=400, history_days=25, days=1, faults=TYPICAL_FAULTS, campaign_share=0.1)


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in gzip.decompress((folder / f"{name}.jsonl.gz").read_bytes()).splitlines()
    ]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, HistoryReport]:
    """A history and what was reported about it."""
    folder = tmp_path_factory.mktemp("past")
    return folder, write(SETTINGS, folder)


def test_the_files_hold_valid_records_of_the_past_in_the_order_of_their_time(
    past: tuple[Path, HistoryReport],
) -> None:
    folder, report = past
    for name in FILES:
        found = lines(folder, name)
        assert len(found) == report.lines[name] > 0
        times = [record["event_time_ms"] for record in found]
        assert times == sorted(times)
        assert report.start_ms <= times[0] <= times[-1] < report.end_ms == SETTINGS.start_ms
        for record in found[::11]:
            INPUT_RECORDS[name].model_validate_json(json.dumps(record))
        assert len({record["event_id"] for record in found}) == len(found), "the archive has no duplicates"


def test_the_campaigns_labels_agree_with_its_outcomes(past: tuple[Path, HistoryReport]) -> None:
    folder, report = past
    campaign = lines(folder, "campaign")
    outcomes = lines(folder, "outcomes")
    for label, kind in (("accepted", "accepted"), ("purchased", "purchased")):
        by_label = {contact["decision_id"] for contact in campaign if contact[label]}
        by_outcome = {outcome["decision_id"] for outcome in outcomes if outcome["kind"] == kind}
        assert by_label == by_outcome
    assert report.accepted == sum(contact["accepted"] for contact in campaign) > 20
    assert {outcome["decision_id"] for outcome in outcomes} <= {
        contact["decision_id"] for contact in campaign
    }


def test_answers_that_come_after_the_end_are_not_known_to_the_history(tmp_path: Path) -> None:
    # Mortgages are pondered for days, so some customers accept only after the history's end.
    settings = BankSettings(customers=1_500, history_days=16, products=("mortgage",), campaign_share=0.5)
    report = write(settings, tmp_path)
    bank = Bank(settings)
    told = [answer for day in days_of_history(bank) for _, answer in day.contacts]
    accepted_ms = [answer.accepted_ms for answer in told if answer.accepted_ms is not None]
    assert report.accepted == sum(moment < settings.start_ms for moment in accepted_ms) < len(accepted_ms)
    assert all(outcome["event_time_ms"] < settings.start_ms for outcome in lines(tmp_path, "outcomes"))


def test_contacts_are_random_consented_and_end_before_the_history_does(
    past: tuple[Path, HistoryReport],
) -> None:
    folder, report = past
    campaign = lines(folder, "campaign")
    first_profile = {profile["customer_id"]: profile for profile in reversed(lines(folder, "customers"))}
    for contact in campaign:
        profile = first_profile[contact["customer_id"]]
        assert profile["consents"]["marketing"]
        assert profile["consents"][contact["channel"]]
        assert contact["product_id"] not in profile["holdings"]
    products = Counter(contact["product_id"] for contact in campaign)
    assert set(products) == set(RETAIL_PRODUCTS)
    assert max(products.values()) < 3 * min(products.values())
    last_ms = max(contact["offered_at_ms"] for contact in campaign)
    assert report.end_ms - 7 * DAY_MS < last_ms < report.end_ms - 5 * DAY_MS


def test_the_same_seed_writes_the_same_bytes(past: tuple[Path, HistoryReport], tmp_path: Path) -> None:
    folder, _ = past
    write(SETTINGS, tmp_path)
    for file in folder.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


def test_a_history_without_days_or_without_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="history_days must be at least 1"):
        write(BankSettings(customers=1), tmp_path)
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="cannot write the history to"):
        write(SETTINGS, tmp_path / "file")
