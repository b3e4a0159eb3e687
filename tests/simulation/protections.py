"""Each protection of the delivery promise taken away: the schedules must find it.

    python -m tests.simulation.protections                    every protection, the first seeds that find it
    python -m tests.simulation.protections --only outbox      one of them

A protection that no schedule misses is either not needed or not tested. (That a publication is also finished
before partitions are given away is a courtesy: without it the group refuses it, and the next owner publishes.)
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import pytest

from consumer.adapters import memory_store
from consumer.adapters.memory_io import MemorySource
from consumer.adapters.memory_log import MemoryLog
from consumer.adapters.memory_store import MemoryStore, StoredPartition
from consumer.adapters.ownership import Standing
from consumer.ports import DueCustomers, OutboxEntry, PartitionState, PartitionWrite
from consumer.runtime import batch_load, batch_write, scorer
from consumer.runtime.publication import Publisher
from consumer.runtime.scorer import Scorer
from consumer.runtime.takeover import TakeoverPlan, plan_takeover
from consumer.vocabulary.deadlines import Span
from consumer.vocabulary.errors import Fenced
from tests.simulation.schedules import ScheduleFailed, run_schedule

Removal = Callable[[pytest.MonkeyPatch], None]

SCHEDULES: Final = 300
SEEDS_SHOWN: Final = 3


def _without_epoch_check(patch: pytest.MonkeyPatch) -> None:
    def standing(change: PartitionWrite, *, epoch: int, sequence: int) -> Standing:
        return Standing.DUE if sequence == change.expected.sequence else Standing.FENCED

    patch.setattr(memory_store, "standing_of", standing)


def _without_sequence_check(patch: pytest.MonkeyPatch) -> None:
    def standing(change: PartitionWrite, *, epoch: int, sequence: int) -> Standing:
        return Standing.DUE if epoch == change.expected.epoch else Standing.FENCED

    patch.setattr(memory_store, "standing_of", standing)


def _planned_without(**changes: object) -> Removal:
    def remove(patch: pytest.MonkeyPatch) -> None:
        def plan(*arguments: Any, **named: Any) -> TakeoverPlan:
            return replace(plan_takeover(*arguments, **named), **changes)  # type: ignore[arg-type]

        patch.setattr(scorer, "plan_takeover", plan)

    return remove


def _without_stable_offsets(patch: pytest.MonkeyPatch) -> None:
    def committed(log: MemoryLog, group_id: str, partition: int) -> dict[str, int]:
        offsets = log._committed.get(group_id, {})
        return {role: offset for (role, number), offset in offsets.items() if number == partition}

    patch.setattr(MemoryLog, "committed", committed)


def _without_generation_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemorySource, "check_generation", lambda source: None)


def _without_read_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Scorer, "_read_back", lambda self, partitions: None)


def _with_offsets_that_move_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(scorer, "committed_after", lambda positions, owned: dict(positions))


def _without_cut_at_the_committed_offsets(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(scorer, "parts_at_published", lambda records, owned: [records])


def _without_the_filter_of_outputs(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(batch_write, "_is_visible_already", lambda sourced, owned: False)


def _with_only_the_first_due(patch: pytest.MonkeyPatch) -> None:
    original = MemoryStore.due

    def some(store: MemoryStore, spans: Mapping[int, Span]) -> dict[int, DueCustomers]:
        found = original(store, spans)
        return {partition: replace(due, customers=due.customers[:2]) for partition, due in found.items()}

    patch.setattr(MemoryStore, "due", some)


def _with_epochs_that_come_back(patch: pytest.MonkeyPatch) -> None:
    def take_over(
        store: MemoryStore, partition: int, *, n_partitions: int
    ) -> tuple[PartitionState, list[OutboxEntry]]:
        empty = StoredPartition(PartitionState(partition, 0, 0, {}), n_partitions)
        stored = store.partitions.setdefault(partition, empty)
        stored.state = replace(stored.state, epoch=stored.state.epoch + 1)
        return stored.state, [stored.outbox[sequence] for sequence in sorted(stored.outbox)]

    patch.setattr(MemoryStore, "take_over", take_over)


def _without_check_of_readings(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(batch_load, "_read_at", lambda due, loaded: {})


def _without_proof_of_membership(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Scorer, "_prove_membership", lambda self, visible: None)


def _without_taking_over_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Scorer, "_taken_back", lambda self, records: records)


def _without_waiting_at(method: str) -> Removal:
    """The publication under way is not waited for before `method` of the scorer."""

    def remove(patch: pytest.MonkeyPatch) -> None:
        original = getattr(Scorer, method)

        def hasty(self: Scorer, *arguments: Any) -> None:
            with pytest.MonkeyPatch.context() as inner:
                inner.setattr(Publisher, "finish", lambda publisher: {})
                original(self, *arguments)

        patch.setattr(Scorer, method, hasty)

    return remove


PROTECTIONS: Final[Mapping[str, Removal]] = {
    "epoch check of the write": _without_epoch_check,
    "sequence check of the write": _without_sequence_check,
    "outbox": _planned_without(republish=()),
    "stable offsets": _without_stable_offsets,
    "generation check of the transaction": _without_generation_check,
    "suppressed publication": _planned_without(suppressed_until={}),
    "its filter of outputs": _without_the_filter_of_outputs,
    "offsets that never move back": _with_offsets_that_move_back,
    "batches cut at the committed offsets": _without_cut_at_the_committed_offsets,
    "all due decisions closed": _with_only_the_first_due,
    "read-back of decisions": _without_read_back,
    "epochs that never come back": _with_epochs_that_come_back,
    "refused owners take over again": _without_taking_over_again,
    "readings checked at the write": _without_check_of_readings,
    "membership proved at a takeover": _without_proof_of_membership,
    "publication finished before a takeover": _without_waiting_at("on_assigned"),
}


@contextmanager
def removed(name: str) -> Iterator[None]:
    """Run without one of the protections."""
    with pytest.MonkeyPatch.context() as patch:
        PROTECTIONS[name](patch)
        yield


def finds(name: str, seed: int) -> bool:
    """Return whether a schedule fails without a protection."""
    with removed(name):
        try:
            run_schedule(seed)
        except (ScheduleFailed, Fenced):
            return True
    return False


def first_seeds(name: str, *, schedules: int = SCHEDULES, enough: int = SEEDS_SHOWN) -> list[int]:
    """Return the first seeds that miss a protection."""
    seeds: list[int] = []
    for seed in range(schedules):
        if finds(name, seed):
            seeds.append(seed)
        if len(seeds) == enough:
            break
    return seeds


def main(arguments: Sequence[str] | None = None) -> None:
    """Print for each protection which schedules find its absence."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=sorted(PROTECTIONS))
    told = parser.parse_args(arguments)
    for name in [told.only] if told.only else PROTECTIONS:
        seeds = ", ".join(map(str, first_seeds(name))) or f"none of {SCHEDULES}"
        print(f"| {name} | {seeds} |", flush=True)


if __name__ == "__main__":
    main()
