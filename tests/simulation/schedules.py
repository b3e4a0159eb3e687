"""Run schedules by their seeds: `python -m tests.simulation.schedules --seed 17`, or `--first 0 --count 300`."""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np

from tests.simulation.schedule import Schedule
from tests.simulation.small_bank import N_BANKS, Bank, small_bank, state_of
from tests.simulation.world import ALL_OUTPUTS


class ScheduleFailed(AssertionError):
    """A schedule whose outputs or state differ from the undisturbed run; the text says how to replay it."""


def run_schedule(seed: int) -> Counter[str]:
    """Run one schedule; return which faults happened.

    Raises
    ------
    ScheduleFailed : with the command that runs it again
    """
    bank = small_bank(seed % N_BANKS)
    schedule = Schedule(bank, np.random.default_rng(seed), bank.core)
    try:
        schedule.run()
        check(bank, schedule)
        if seed % 2:
            schedule.harm_store_and_change_models()
            check(bank, schedule)
    except Exception as error:
        raise ScheduleFailed(
            f"{error}\nfaults: {'; '.join(schedule.trace)}\nagain: python -m tests.simulation.schedules --seed {seed}"
        ) from error
    return schedule.happened


def check(bank: Bank, schedule: Schedule) -> None:
    """Compare with the undisturbed run: nothing missing, twice or different; records equal."""
    outputs = Counter(schedule.world.outputs(*ALL_OUTPUTS))
    expected = Counter(bank.outputs)
    missing, extra = expected - outputs, outputs - expected
    assert not missing, (
        f"{missing.total()} outputs are missing, {extra.total()} too many, one is {_one(missing)}"
    )
    assert not extra, f"{extra.total()} outputs too many, one is {_one(extra)}"
    state = state_of(schedule.world)
    different = sorted(str(k) for k in bank.state.keys() | state.keys() if bank.state.get(k) != state.get(k))
    assert not different, f"the store differs in {different[:5]}"


def _one(outputs: Counter[tuple[str, bytes, bytes]]) -> str:
    role, key, value = min(outputs)
    return f"{role} {key.decode()} {value.decode()[:200]}"


def main() -> None:
    """Run one schedule, or many; stop at the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="run only this one")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=300)
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.count) if options.seed is None else [options.seed]
    happened: Counter[str] = Counter()
    for seed in seeds:
        happened += run_schedule(seed)
    print(f"{len(seeds)} schedules gave the output of the undisturbed run; faults: {dict(happened)}")


if __name__ == "__main__":
    main()
