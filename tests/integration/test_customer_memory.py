"""What `upswell features --sizes` says of Redis' part, against a real Redis."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from benchmarks.memory import Size, fill
from benchmarks.services import Services
from consumer.adapters.redis_store import RedisStore
from consumer.pipeline.checked_policy import checked_policy
from consumer.settings import DEFAULT_POLICY
from upswell.customer_sizes import customer_sizes
from upswell.embedded.redis import RedisServer
from upswell.example_customers import A_MONTH, LIVES
from upswell.inspection import inspect_customer

POLICY = checked_policy(DEFAULT_POLICY)
N_CUSTOMERS = 16_000
N_PARTITIONS = 4


@pytest.fixture
def services(clean_redis: RedisServer, tmp_path: Path) -> Services:
    return Services("", clean_redis, tmp_path, N_PARTITIONS)


def test_a_customer_takes_what_the_table_says(services: Services) -> None:
    with Redis.from_url(services.redis.url) as raw:
        before = raw.info("memory")["used_memory"]
        fill(services, Size(N_CUSTOMERS, 0, A_MONTH), products=POLICY.features.product_ids, namespace="nbo.")
        taken = (raw.info("memory")["used_memory"] - before) / N_CUSTOMERS
        assert raw.dbsize() > N_CUSTOMERS
    said = customer_sizes(POLICY.features, lives=[A_MONTH], n=300).total.stored[0]
    assert taken == pytest.approx(said, rel=0.08)


def test_a_filled_bank_is_read_as_any_other(services: Services) -> None:
    fill(services, Size(50, 0, LIVES[0]), products=POLICY.features.product_ids, namespace="nbo.")
    store = RedisStore(services.redis.url, namespace="nbo.")
    found = [
        inspect_customer(store, POLICY.policy.catalogue, POLICY.features, f"c-{number}")
        for number in range(50)
    ]
    store.close()
    assert all(one is not None and one.features["debit_count_30d"] > 5 for one in found)
    assert any(one is not None and one.open_offers for one in found)
