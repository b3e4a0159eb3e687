"""Steps of long laboratory work, shown on standard error while they last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console


@contextmanager
def shown_steps() -> Iterator[Callable[[str], None]]:
    """Give a function that shows the step that begins; on a terminal with a moving sign, else a line each."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda step: console.print(f"… {step}", highlight=False, markup=False, soft_wrap=True)
        return
    with console.status("") as status:
        yield status.update
