"""The log of a bank in memory as a history, whole or up to a cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.topics import INPUT_ROLES
from offline.backfilling.export import HistoryWriter, is_erasure
from tests.simulation.world import World


def write_past(
    world: World, records: Iterable[RawRecord], history_dir: Path, *, decisions: bool = False
) -> Path:
    """Write these records, and if asked all decisions of the world, as a history."""
    records = list(records)
    erasures = Counter(record.key or b"" for record in records if is_erasure(record))
    with HistoryWriter(history_dir, world.policy.catalogue, erasures) as writer:
        for start in range(0, len(records), 100):
            writer.write(records[start : start + 100])
        if decisions:
            writer.write_decisions([r.value for r in world.log.records("decisions") if r.value])
    return history_dir


def positions_after(world: World, records: Iterable[RawRecord]) -> dict[int, dict[str, int]]:
    """Return partition → role → offset after the last of these records."""
    positions = {number: dict.fromkeys(INPUT_ROLES, 0) for number in range(world.n_partitions)}
    for record in records:
        positions[record.partition][record.role] = record.offset + 1
    return positions


def clear_of(world: World, partition: int) -> None:
    """Drop what a partition of the world's store holds."""
    stored = world.store.partitions[partition]
    stored.records.clear()
    stored.open_decisions.clear()
    stored.deadlines.clear()
