"""Steps of long laboratory work, shown on standard error while they last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console


@contextmanager
def shown_steps() -> Iterator[Callable[[str], None]]:
    """Give a function that shows the step that begins, beside a moving sign.

    Nothing is shown where nobody watches: a log or a pipe gets results and errors only.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda step: None
        return
    with console.status("") as status:
        yield status.update
