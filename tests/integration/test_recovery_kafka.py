"""Recovery on the real broker and the real Redis: the store is emptied, or the log is not the old one."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer
from redis import Redis

from benchmarks.synthetic_events import Load, events, profiles
from consumer.adapters.kafka_config import client_config
from consumer.adapters.kafka_decisions import KafkaDecisionLog
from consumer.adapters.kafka_reader import KafkaReader
from consumer.adapters.kafka_sink import KafkaSink
from consumer.adapters.kafka_source import KafkaSource
from consumer.adapters.kafka_topics import create_topics
from consumer.adapters.lanes import ThreadLane
from consumer.adapters.redis_store import RedisStore
from consumer.adapters.system_clock import SystemClock
from consumer.assembly import assemble_core
from consumer.policy.document import Policy
from consumer.runtime.scorer import Scorer, ScorerLimits, ScorerPorts
from consumer.runtime.serving_models import ServingModels
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.topics import Topics
from tests.simulation.small_bank import PLENTY, other_choices
from tests.simulation.world import ALL_OUTPUTS, Counts, retail_bank, with_budgets
from upswell.embedded.kafka import KafkaBroker
from upswell.embedded.redis import RedisServer

pytestmark = pytest.mark.xdist_group("services")

LOAD = Load(n_customers=40, n_events=400, days=30.0, seed=11, trigger_share=0.4)
PARTITIONS = 2
IDLE_POLLS = 40


class Bank:
    """A small bank on a real broker and a real Redis; one scorer after another."""

    def __init__(self, broker: KafkaBroker, redis: RedisServer, prefix: str) -> None:
        self.client = client_config(broker.bootstrap_servers)
        self.topics = Topics(prefix)
        self.redis_url = redis.url
        self.prefix = prefix
        self.telemetry = Counts()
        self.policy = with_budgets(retail_bank(), per_day=PLENTY)
        create_topics(self.client, self.topics, partitions=PARTITIONS)
        producer = Producer({**self.client, "partitioner": "murmur2_random", "enable.idempotence": True})
        for record in (*profiles(LOAD), *events(LOAD, products=self.policy.catalogue.product_ids)):
            name = self.topics.name(record.role)
            producer.produce(name, record.value, record.key, timestamp=record.event_time_ms)
        assert producer.flush(30.0) == 0

    def store(self) -> RedisStore:
        return RedisStore(self.redis_url, namespace=self.prefix)

    def read_to_the_end(self, *, batch_records: int, policy: Policy | None = None) -> None:
        policy = policy or self.policy
        core = assemble_core(policy, n_partitions=PARTITIONS, topics=self.topics)
        source = KafkaSource(self.client, self.topics, group_id=f"{self.prefix}scorers", instance_id="one")
        sink = KafkaSink(self.client, self.topics, source=source, transactional_id=f"{self.prefix}one")
        decisions = KafkaDecisionLog(self.client, self.topics, staleness_ms=policy.decision_staleness_ms)
        scorer = Scorer(
            ScorerPorts(
                source, sink, self.store(), SystemClock(), self.telemetry, ThreadLane("one"), decisions
            ),
            core.decoder,
            core.pipeline,
            ServingModels(core.model_shape, seeds={}, feed=None, telemetry=self.telemetry),
            PARTITIONS,
            limits=ScorerLimits(batch_records=batch_records),
        )
        idle = seen = 0

        def is_at_end() -> bool:
            nonlocal idle, seen
            records = self.telemetry.counts[("records_total",)]
            idle = idle + 1 if scorer.owned and records == seen else 0
            seen = records
            return idle > IDLE_POLLS

        scorer.run(is_at_end)

    def outputs(self) -> list[tuple[str, bytes | None, bytes | None]]:
        found = []
        for role in ALL_OUTPUTS:
            reader = KafkaReader(self.client, self.topics, role)
            found += [(role, record.key, record.value) for record in reader.read_all()]
            reader.close()
        return sorted(found, key=repr)

    def customers(self) -> list[tuple[str, object]]:
        raw = Redis.from_url(self.redis_url)
        keys = sorted(raw.scan_iter(match=f"{{{self.prefix}*:c:*"))
        values: list[tuple[str, object]] = [(str(key), raw.get(key)) for key in keys]
        assert len(values) == LOAD.n_customers
        raw.close()
        return values

    def lose_store(self) -> None:
        raw = Redis.from_url(self.redis_url)
        raw.flushall()
        raw.close()


def test_an_emptied_redis_comes_back_as_it_was_and_readers_see_nothing_of_it(
    kafka_broker: KafkaBroker, clean_redis: RedisServer, topic_prefix: str
) -> None:
    bank = Bank(kafka_broker, clean_redis, topic_prefix)
    bank.read_to_the_end(batch_records=100)
    outputs, customers = bank.outputs(), bank.customers()
    assert sum(role == "offers" for role, _, _ in outputs) > 20
    bank.lose_store()
    bank.read_to_the_end(batch_records=70, policy=other_choices(bank.policy))
    assert bank.telemetry.counts["decisions_total", "read_back"] == sum(
        r == "decisions" for r, _, _ in outputs
    )
    assert bank.outputs() == outputs
    assert bank.customers() == customers


def test_a_position_that_the_topic_does_not_have_stops_with_both_offsets(
    kafka_broker: KafkaBroker, clean_redis: RedisServer, topic_prefix: str
) -> None:
    bank = Bank(kafka_broker, clean_redis, topic_prefix)
    raw = Redis.from_url(bank.redis_url)
    rest = '{"positions": {"transactions": 987654}, "stream_time_ms": 5, "extra": {}}'
    raw.hset(f"{{{bank.prefix}0}}:pos", mapping={"epoch": 3, "sequence": 8, "rest": rest})
    raw.close()
    with pytest.raises(ConfigurationError, match=r"offset 987654.*ends at \d+.*recreated"):
        bank.read_to_the_end(batch_records=100)
