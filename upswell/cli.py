"""The command `upswell`: one entry for every role, with exit codes that scripts can rely on.

    0  done
    1  a check or a run failed: a sentence on standard error says what
    2  wrong configuration or usage: nothing was started

Rules of this file: names and errors only; each command is a file in `upswell/commands/` and imports
what it needs when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import typer

from consumer.vocabulary.errors import ConfigurationError, UpswellError
from upswell.commands import config, demo, features, inspect, lab, learn, policy, score, simulate, topics

FAILED: Final = 1
WRONG_CONFIGURATION: Final = 2
INTERRUPTED: Final = 130

app = typer.Typer(
    name="upswell",
    help="Next best offer for a bank, decided on the stream.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("score")(score.score)
app.command("learn")(learn.learn)
app.add_typer(simulate.app, name="simulate")
app.command("inspect")(inspect.inspect)
app.command("features")(features.features)
app.add_typer(lab.app, name="lab")
app.add_typer(policy.app, name="policy")
app.add_typer(topics.app, name="topics")
app.add_typer(config.app, name="config")


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        app(list(arguments), prog_name="upswell")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED
    except ConfigurationError as error:
        return _told(error, WRONG_CONFIGURATION)
    except UpswellError as error:
        return _told(error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has enough of it; nothing may be written at exit either.
        sys.stdout = None
        return FAILED
    return 0


def main() -> None:
    """Entry point of the installed command."""
    sys.exit(run(sys.argv[1:]))


def _told(error: UpswellError, code: int) -> int:
    typer.echo(f"upswell: {error}", err=True)
    return code


if __name__ == "__main__":
    main()
