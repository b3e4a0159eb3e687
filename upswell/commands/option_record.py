"""A command's options as the fields of a dataclass, for commands that have more than a function should take.

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Options:
        out: Annotated[Path, typer.Option(help="Folder of the results.")]
        seed: Annotated[int, typer.Option(help="Of all draws.")] = 0

    @options_of(Options)
    def segment(options: Options) -> None: ...

Rules of this file: Typer reads a function's signature; this writes the signature that the fields describe.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import wraps
from typing import Any, TypeVar, get_type_hints

Record = TypeVar("Record")


def options_of(record: type[Record]) -> Callable[[Callable[[Record], None]], Callable[..., None]]:
    """Return a decorator: the function takes one `record`, Typer sees an option a field.

    Parameters
    ----------
    record : dataclass whose fields are annotated with `typer.Option`
    """
    hints = get_type_hints(record, include_extras=True)
    signature = inspect.Signature(
        [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if field.default is MISSING else field.default,
                annotation=hints[field.name],
            )
            for field in fields(record)  # type: ignore[arg-type]  # a dataclass, which Python's types cannot say
        ]
    )

    def decorated(function: Callable[[Record], None]) -> Callable[..., None]:
        @wraps(function)
        def command(**options: Any) -> None:
            function(record(**options))

        command.__signature__ = signature  # type: ignore[attr-defined]  # read by inspect.signature
        command.__annotations__ = hints | {"return": None}
        return command

    return decorated
