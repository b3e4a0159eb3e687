"""Profiles as the bank publishes them: one customer's row as a `bank.customers` record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from consumer.vocabulary.messages import SCHEMA_VERSION
from consumer.vocabulary.time import date_of_epoch_day
from consumer.vocabulary.words import AML_STATUSES, EMPLOYMENT_STATUSES, KYC_STATUSES
from producer_sim.population import CONSENT_NAMES, GENDERS, OCCUPATIONS, REGIONS, Population
from producer_sim.records import CustomerRecord
from producer_sim.settings import BankSettings

_CREDIT_LIMITS_MINOR: Final = {
    "credit_card_basic": 150_000,
    "credit_card_gold": 500_000,
    "credit_card_platinum": 1_500_000,
}


def profile_records(
    settings: BankSettings, population: Population, rows: Iterable[int], *, event_time_ms: int
) -> list[CustomerRecord]:
    """Return the profiles of `rows` as they are now, with the time at which they became so."""
    return [_profile(settings, population, row, event_time_ms) for row in rows]


def _profile(settings: BankSettings, population: Population, row: int, event_time_ms: int) -> CustomerRecord:
    held = [settings.products[p] for p in np.flatnonzero(population.holdings[row]).tolist()]
    return CustomerRecord(
        schema_version=SCHEMA_VERSION,
        event_id=f"{settings.seed:x}.p{row}.{population.profile_version[row]}",
        customer_id=population.ids[row],
        event_time_ms=event_time_ms,
        birth_date=date_of_epoch_day(int(population.birth_day[row])).isoformat(),
        income_minor=int(population.income_minor[row]),
        occupation=OCCUPATIONS[population.occupation[row]],
        employment_status=EMPLOYMENT_STATUSES[population.employment[row]],
        credit_score=int(population.credit_score[row]),
        region=REGIONS[population.region[row]],
        joined_on=date_of_epoch_day(int(population.joined_day[row])).isoformat(),
        holdings=held,
        credit_limit_minor=sum(_CREDIT_LIMITS_MINOR.get(product_id, 0) for product_id in held),
        consents=dict(zip(CONSENT_NAMES, population.consents[row].tolist(), strict=True)),
        kyc_status=KYC_STATUSES[population.kyc[row]],
        aml_status=AML_STATUSES[population.aml[row]],
        vulnerable=bool(population.vulnerable[row]),
        deceased=bool(population.deceased[row]),
        protected={"gender": GENDERS[population.gender[row]]},
    )
