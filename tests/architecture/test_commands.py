"""What the documents tell people to type exists, and `make help` shows everything there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/ARCHITECTURE.md")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
# In a line of code, at its beginning or after what starts a command.
MAKE_TARGETS = re.compile(r"(?:^|[\n`&;$] *)make ((?:[a-z][a-z-]*(?: |$|(?=[`\n])))+)")


def code_of(document: Path) -> str:
    """The code blocks and code words of a document."""
    return "\n".join(CODE.findall(document.read_text(encoding="utf-8")))


def make_targets(repository: Path) -> set[str]:
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):(?!=)", makefile, re.MULTILINE))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_make_target_in_the_document_exists(name: str, repository: Path) -> None:
    named = {
        target for targets in MAKE_TARGETS.findall(code_of(repository / name)) for target in targets.split()
    }
    assert named <= make_targets(repository)


def test_the_readme_names_the_two_commands_of_a_first_visit(repository: Path) -> None:
    assert {"make demo", "make test"} <= set(re.findall(r"make \w+", code_of(repository / "README.md")))


def test_make_help_lists_every_target(repository: Path) -> None:
    run = subprocess.run(["make", "help"], cwd=repository, capture_output=True, check=True, text=True)
    assert set(re.findall(r"^  make (\S+)", run.stdout, re.MULTILINE)) == make_targets(repository)


def test_the_import_rules_are_kept(repository: Path) -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [str(lint_imports), "--no-logo", "--no-cache"],
        cwd=repository,
        capture_output=True,
        check=False,
        text=True,
    )
    assert run.returncode == 0, run.stdout
