"""How long and how much memory the laboratory takes: `python -m benchmarks.laboratory [--rows 1000000]`.

A CSV of ten columns is drawn (five kinds of customers, counts and amounts, some outliers), `upswell lab
segment` runs over it in a process of its own with its usual settings (three methods, 2 to 10 segments,
families, report), and the process' own figures are taken: wall clock, processor time, largest resident memory.

Goals: less than 2 minutes and less than 2 GB for 1,000,000 rows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

ROWS: Final = 1_000_000
SECONDS_MAX: Final = 120.0
BYTES_MAX: Final = 2_000_000_000
KINDS: Final = 5
COUNTS: Final = ("branch_visits", "calls_made", "online_logins", "app_sessions", "emails_opened")
AMOUNTS: Final = ("credit_limit", "yearly_income", "account_balance", "card_spend", "savings_deposit")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took."""

    wall_s: float
    processor_s: float
    resident_bytes_max: int
    exit_code: int


def write_customers(file: Path, n_rows: int, seed: int) -> None:
    """Write a table of ten columns, a row a customer, whose kinds overlap a little."""
    random = np.random.default_rng(seed)
    kind = random.choice(KINDS, size=n_rows, p=[0.35, 0.25, 0.2, 0.12, 0.08])
    rates = random.uniform(0.5, 14.0, size=(KINDS, len(COUNTS)))
    centres = random.uniform(7.0, 11.0, size=(KINDS, len(AMOUNTS)))
    frame = pd.DataFrame(random.poisson(rates[kind]), columns=list(COUNTS))
    amounts = np.exp(random.normal(centres[kind], 0.35))
    for place, name in enumerate(AMOUNTS):
        frame[name] = amounts[:, place].round(2)
    frame.to_csv(file, index=False)


def measured(command: list[str]) -> Cost:
    """Run a command and return what it took; its output goes to the terminal."""
    started = time.perf_counter()
    child = subprocess.Popen(command)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Cost(
        wall_s=time.perf_counter() - started,
        processor_s=usage.ru_utime + usage.ru_stime,
        # Linux counts KiB, macOS bytes.
        resident_bytes_max=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        exit_code=child.returncode,
    )


def main() -> int:
    """Measure one run, print its figures, and fail when a goal does not hold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=ROWS, help="customers in the table")
    parser.add_argument("--seed", type=int, default=0, help="of the table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "customers.csv", Path(folder) / "segments"
        write_customers(file, options.rows, options.seed)
        print(
            f"{options.rows:,} rows of {len(COUNTS) + len(AMOUNTS)} columns, {file.stat().st_size:,} bytes",
            flush=True,
        )
        command = ["lab", "segment", "--input", str(file), "--out", str(out)]
        cost = measured([sys.executable, "-m", "upswell.cli", *command])
    does_hold = cost.exit_code == 0 and cost.wall_s < SECONDS_MAX and cost.resident_bytes_max < BYTES_MAX
    print(
        f"upswell lab segment, {options.rows:,} rows: {cost.wall_s:.1f} s wall clock, {cost.processor_s:.1f} s of "
        f"processor, {cost.resident_bytes_max / 1e6:,.0f} MB resident at most (load average "
        f"{os.getloadavg()[0]:.2f}); goals {SECONDS_MAX:.0f} s and {BYTES_MAX / 1e6:,.0f} MB: "
        f"{'hold' if does_hold else 'do not hold'}"
    )
    return 0 if does_hold else 1


if __name__ == "__main__":
    sys.exit(main())
