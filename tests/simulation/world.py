"""A whole bank in memory: log, store and as many scorers as a test wants, without threads or waiting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

from consumer.adapters.decision_reader import MemoryDecisionLog
from consumer.adapters.lanes import SameThreadLane
from consumer.adapters.memory_group import MemoryGroup
from consumer.adapters.memory_io import MemorySink, MemorySource, StepHook
from consumer.adapters.memory_log import MemoryLog
from consumer.adapters.memory_store import MemoryStore
from consumer.adapters.partitioner import partition_of
from consumer.assembly import NO_SEEDS, Core, assemble_core
from consumer.features.catalogue import catalogue_for
from consumer.features.layout import Layout
from consumer.policy.document import Policy, load_policy, parse_policy
from consumer.runtime.scorer import Scorer, ScorerLimits, ScorerPorts
from consumer.runtime.serving_models import ServingModels
from consumer.scoring.seeds import SeedSet
from consumer.vocabulary.log import OutputRecord

RETAIL_BANK = Path(__file__).parents[2] / "deploy" / "policy" / "retail_bank.yaml"
IDLE_STEPS = 3
"""Steps without a record after which nothing can come any more: one to rebalance, one to merge, one spare."""


@cache
def retail_bank() -> Policy:
    """The policy that the project ships."""
    return load_policy(RETAIL_BANK)


def with_budgets(policy: Policy, *, per_day: int) -> Policy:
    """The same policy with a small budget on every offer and no caution towards young offers."""
    data = policy.text.model_dump(mode="python", by_alias=True)
    for offer in data["offers"]:
        offer["budget_per_day"] = per_day
    data["exploration"] |= {"young_share": 1.0, "no_offer_priority": 0.0001}
    return parse_policy(yaml.safe_dump(data), source="budgets")


class StillClock:
    """Time stands; waiting is free."""

    def monotonic_s(self) -> float:
        return 0.0

    def sleep_s(self, seconds: float) -> None:
        return None


@dataclass(slots=True)
class Counts:
    """Telemetry that a test can ask."""

    counts: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.counts[name, *labels.values()] += amount

    def gauge(self, name: str, value: float, **labels: str) -> None:
        return None

    def observe(self, name: str, value: float, **labels: str) -> None:
        return None

    def moved(self, *, is_ready: bool) -> None:
        return None


@dataclass(slots=True)
class World:
    """One bank. `with_policy` changes the policy; scorers share log, group and store."""

    n_partitions: int = 2
    policy: Policy = field(default_factory=retail_bank)
    seeds: SeedSet = NO_SEEDS
    log: MemoryLog = field(init=False)
    group: MemoryGroup = field(init=False)
    store: MemoryStore = field(default_factory=MemoryStore)
    telemetry: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self.log = MemoryLog(self.n_partitions)
        self.group = MemoryGroup("scorers", self.n_partitions)

    def publish(self, records: Iterable[OutputRecord]) -> None:
        """Put input records into the log, by the partition of their key."""
        for record in records:
            partition = partition_of(record.key, self.n_partitions)
            self.log.append(
                record.role, partition, record.key, record.value or None, timestamp_ms=record.event_time_ms
            )

    def core(self) -> Core:
        """Return the core under today's policy; the store remembers the layouts of the policies before."""
        layout = catalogue_for(self.policy.catalogue.product_ids).layout
        self.store.remember_layout(layout.fingerprint, layout.to_json())
        layouts = {name: Layout.from_json(text) for name, text in self.store.layouts().items()}
        return assemble_core(self.policy, n_partitions=self.n_partitions, seeds=self.seeds, layouts=layouts)

    def scorer(
        self,
        member: str,
        *,
        batch_records: int = 5_000,
        on_step: StepHook | None = None,
        core: Core | None = None,
    ) -> Scorer:
        """Return a new scorer process that has joined the group."""
        core = core or self.core()
        source = MemorySource(self.log, self.group, member=member)
        sink = MemorySink(self.log, source, transactional_id=member, on_step=on_step)
        scorer = Scorer(
            ScorerPorts(
                source,
                sink,
                self.store,
                StillClock(),
                self.telemetry,
                SameThreadLane(),
                MemoryDecisionLog(self.log),
            ),
            core.decoder,
            core.pipeline,
            ServingModels(core.model_shape, seeds=self.seeds.snapshots, feed=None, telemetry=self.telemetry),
            self.n_partitions,
            limits=ScorerLimits(batch_records=batch_records),
            dead_letter_limit=core.dead_letter_limit,
        )
        source.open(scorer)
        return scorer

    def run(self, *scorers: Scorer) -> None:
        """Step the scorers in turn until nothing comes any more."""
        idle = 0
        while idle < IDLE_STEPS:
            idle = 0 if sum(scorer.step() for scorer in scorers) else idle + 1

    def outputs(self, *roles: str) -> list[tuple[str, bytes, bytes]]:
        """Return what readers see of these topics, sorted: order between partitions means nothing."""
        return sorted((role, record.key, record.value) for role in roles for record in self.log.outputs(role))

    def records(self) -> dict[tuple[int, str], bytes]:
        """Return every stored customer record."""
        return {
            (number, customer): value
            for number, partition in self.store.partitions.items()
            for customer, value in partition.records.items()
        }


ALL_OUTPUTS: Sequence[str] = ("offers", "decisions", "examples", "dead_letter")
