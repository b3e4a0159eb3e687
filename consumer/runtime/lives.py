"""A process that was fenced lives on: everything is built anew, and it joins its group again.

Being fenced is ordinary: the process slept too long, and others took over. Being fenced again and again, soon after
each new beginning, is not: two processes have one name.

Rules of this file: it knows nothing of what a life is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from consumer.ports import Clock, Telemetry
from consumer.vocabulary.errors import Fenced

REBUILDS: Final = 10
"""Times in a row that a process comes back after it was fenced."""

LONG_LIFE_S: Final = 600.0
"""Who was fenced after a longer life begins to count anew."""


def live_on(life: Callable[[], None], telemetry: Telemetry, clock: Clock) -> None:
    """Live until a life ends by itself; after having been fenced, live again.

    Raises
    ------
    Fenced : more than `REBUILDS` times in a row
    """
    rebuilds = 0
    while True:
        born_s = clock.monotonic_s()
        try:
            life()
        except Fenced:
            rebuilds = 1 if clock.monotonic_s() - born_s > LONG_LIFE_S else rebuilds + 1
            if rebuilds > REBUILDS:
                raise
            telemetry.count("rebuilds_total")
        else:
            return
