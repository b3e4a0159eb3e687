"""Run the crash matrix by its seeds: `python -m tests.e2e.crash_matrix --seed 17`, or `--first 0 --count 200`.

Each seed is one run over the real broker and the real Redis (see `crash_scenario.py`), compared with the
undisturbed run. `--keep FOLDER` leaves the logs of all processes there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.e2e.crash_run import CrashRun, CrashRunFailed
from tests.e2e.crash_scenario import scenario
from tests.e2e.crash_services import CrashServices, crash_services
from tests.e2e.learner_crash import LearnerCrashRun


def run_seed(seed: int, services: CrashServices, folder: Path) -> Counter[str]:
    """Carry one seed out; return which harms came about, and print them.

    Raises
    ------
    CrashRunFailed : with the command that does it again
    """
    planned, started_s = scenario(seed), time.monotonic()
    run = LearnerCrashRun if planned.kind == "learner killed" else CrashRun
    happened = run(services, planned, folder / f"seed-{seed}").carry_out()
    told = ", ".join(sorted(happened)) or "nothing"
    print(
        f"{planned}\n    as undisturbed after {time.monotonic() - started_s:.1f} s; happened: {told}",
        flush=True,
    )
    return happened


def run_seeds(seeds: Iterable[int], folder: Path) -> int:
    """Carry seeds out over services of their own, all of them; return how many failed."""
    happened: Counter[str] = Counter()
    failed: list[int] = []
    passed = 0
    with crash_services(folder) as services:
        for seed in seeds:
            try:
                happened += run_seed(seed, services, folder)
                passed += 1
            except CrashRunFailed as failure:
                failed.append(seed)
                print(f"FAILED {failure}", flush=True)
    print(
        f"{passed} runs as undisturbed, {len(failed)} not: {failed}; harms: {dict(sorted(happened.items()))}"
    )
    return len(failed)


def main() -> int:
    """Run one seed, or many."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="run only this one")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="folder for logs and data; a temporary one without it")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.count) if options.seed is None else [options.seed]
    if options.keep is not None:
        return run_seeds(seeds, options.keep)
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        return run_seeds(seeds, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
