"""What the scorer costs without broker and Redis: CPU microseconds an event for each step, in one process.

    python -m benchmarks.profile_core [--events 100000] [--customers 20000] [--batch 5000] [--every-event] [--functions]

The same decoder, pipeline and stored forms as the service, over a dictionary instead of a store. Steps are
measured in CPU time of this process, so that other work on the machine disturbs little. The profiles go in
first and are not measured. `--every-event` opens a decision at each event; small batches show what a batch
costs before its first event; `--functions` adds a cProfile of the measured part.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from benchmarks.policies import EVERY_EVENT, write_policy
from benchmarks.synthetic_events import Load, events, profiles
from consumer.adapters.interpreter import suit_interpreter
from consumer.adapters.partitioner import partition_of
from consumer.adapters.resp import interleaved, packed
from consumer.assembly import Core, assemble_core
from consumer.pipeline.batch import BatchResult, LoadedBatch, PartitionProgress
from consumer.policy.document import Policy, load_policy
from consumer.ports import OutboxEntry
from consumer.scoring.compiled import CompiledModels, compile_models
from consumer.settings import DEFAULT_POLICY
from consumer.vocabulary.log import OutputRecord, RawRecord

Result = TypeVar("Result")
MEGA = 1e6
N_PARTITIONS = 12
TOP_FUNCTIONS = 45
EVIDENCE = 20.0
"""Examples behind each model: young enough that a fifth of the decisions make an offer."""

YOUNG_SHARE = 0.005
"""Of the draw that a young offer gets where every event decides."""

TRIGGER_SHARE = 0.064
"""With the money that arrives, about 10 % of the events open a decision."""


@dataclass(slots=True)
class InMemory:
    """A scorer's loop over dictionaries, with the CPU time of each step and a digest of all outputs."""

    core: Core
    models: CompiledModels
    records: dict[str, bytes] = field(default_factory=dict)
    open_decisions: dict[str, bytes] = field(default_factory=dict)
    progress: dict[int, PartitionProgress] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    decisions: int = 0
    digest: bytes = b""

    def step(self, batch: Sequence[RawRecord]) -> None:
        """Take one batch in."""
        decoded = self._timed("decode", lambda: self.core.decoder.decode(batch))
        loaded = LoadedBatch(
            decoded,
            decoded.customer_ids,
            tuple(decoded.customer_partition.tolist()),
            [self.records.get(name) for name in decoded.customer_ids],
            [self.open_decisions.get(name) for name in decoded.customer_ids],
            (),
            {p: self.progress.get(p, PartitionProgress(0, {})) for p in {p for _, p in decoded.positions}},
        )
        result = self._timed("fold, score, decide", lambda: self.core.pipeline.run(loaded, self.models))
        self._timed("stored forms", lambda: self._store(result))
        self.decisions += sum(n for (name, _), n in result.counts.items() if name == "decisions_total")
        outputs = b"".join(msgspec.msgpack.encode(sourced.output) for sourced in result.outputs)
        self.digest = blake2b(self.digest + outputs, digest_size=16).digest()

    def digest_of_records(self) -> str:
        """Return a digest of everything stored."""
        stored = sorted(self.records.items()) + sorted(self.open_decisions.items())
        return blake2b(msgspec.msgpack.encode(stored), digest_size=16).hexdigest()

    def _store(self, result: BatchResult) -> None:
        """Keep what the batch changed; make the bytes that Redis would get."""
        names, outputs = result.customer_ids, tuple(sourced.output for sourced in result.outputs)
        packed([b"HSET", msgspec.msgpack.encode(OutboxEntry(1, outputs, {}))])
        kept = {names[row]: value for row, value in enumerate(result.records) if value is not None}
        packed(interleaved([name.encode() for name in kept], kept.values()))
        self.records |= kept
        self.open_decisions |= {
            names[row]: value for row, value in enumerate(result.open_decisions) if value is not None
        }
        self.progress |= result.progress

    def _timed(self, name: str, call: Callable[[], Result]) -> Result:
        started = time.process_time()
        result = call()
        self.seconds[name] += time.process_time() - started
        return result


def models_of(core: Core) -> CompiledModels:
    """Return models as after some weeks: with weights, so that there are reasons, and with some evidence."""
    shape = core.model_shape
    models = compile_models(
        shape.input_names, shape.fingerprint, shape.model_ids, groups=shape.groups, snapshots={}
    )
    n_models = len(shape.model_ids)
    return replace(
        models,
        version="benchmark",
        weights=np.random.default_rng(5).normal(0.0, 0.02, models.weights.shape),
        sds=np.full_like(models.sds, 3.0),
        gain=np.ones(n_models),
        evidence=np.full(n_models, EVIDENCE),
    )


def policy_where_every_event_decides() -> Policy:
    """Return the retail bank's policy with a trigger for every event, about a third of which make an offer."""
    with tempfile.TemporaryDirectory() as folder:
        return load_policy(
            write_policy(Path(folder) / "every_event.yaml", EVERY_EVENT, young_share=YOUNG_SHARE)
        )


def raw_records(outputs: Iterator[OutputRecord], start: int) -> list[RawRecord]:
    """Return records as a source gives them."""
    return [
        RawRecord(
            output.role,
            partition_of(output.key, N_PARTITIONS),
            offset,
            output.key,
            output.value,
            output.event_time_ms,
        )
        for offset, output in enumerate(outputs, start)
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=5_000)
    parser.add_argument("--every-event", action="store_true", help="every event opens a decision")
    parser.add_argument("--functions", action="store_true", help="also profile the functions")
    options = parser.parse_args(arguments)
    load = Load(options.customers, options.events, trigger_share=TRIGGER_SHARE)
    policy = policy_where_every_event_decides() if options.every_event else load_policy(DEFAULT_POLICY)
    core = assemble_core(policy, n_partitions=N_PARTITIONS)
    loop = InMemory(core, models_of(core))
    first = raw_records(profiles(load), 0)
    measured = raw_records(events(load, products=policy.catalogue.product_ids), len(first))
    for batch in _batches(first, options.batch):
        loop.step(batch)
    loop.seconds.clear()
    loop.decisions = 0
    suit_interpreter()
    profiler = cProfile.Profile()
    for batch in _batches(measured, options.batch):
        if options.functions:
            profiler.runcall(loop.step, batch)
        else:
            loop.step(batch)
    for name, seconds in loop.seconds.items():
        print(f"{name:24s} {seconds * MEGA / options.events:8.2f} µs an event")
    total = sum(loop.seconds.values())
    print(f"{'together':24s} {total * MEGA / options.events:8.2f} µs an event, {loop.decisions:,} decisions")
    print(f"digest of all outputs    {loop.digest.hex()}")
    print(f"digest of all records    {loop.digest_of_records()}")
    if options.functions:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(TOP_FUNCTIONS)


def _batches(records: list[RawRecord], size: int) -> Iterator[list[RawRecord]]:
    return (records[start : start + size] for start in range(0, len(records), size))


if __name__ == "__main__":
    main()
