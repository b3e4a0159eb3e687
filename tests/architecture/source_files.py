"""The project's Python files as syntax trees, for the tests of this folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("consumer", "producer_sim", "offline", "ledger", "dashboard", "upswell")
CODE_FOLDERS = (*PACKAGES, "benchmarks")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: its path from the root, its text, its tree."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def lines_count(self) -> int:
        return len(self.text.splitlines())


def source_files(*folders: str) -> list[SourceFile]:
    """All Python files under the folders, those of the project's code by default."""
    paths = [path for folder in folders or CODE_FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    texts = [(path.relative_to(ROOT), path.read_text(encoding="utf-8")) for path in paths]
    return [SourceFile(path, text, ast.parse(text, str(path))) for path, text in texts]


def functions(file: SourceFile) -> Iterator[Function]:
    """Every function and method of a file, nested ones too."""
    return (node for node in ast.walk(file.tree) if isinstance(node, Function))


def classes(file: SourceFile) -> Iterator[ast.ClassDef]:
    """Every class of a file."""
    return (node for node in ast.walk(file.tree) if isinstance(node, ast.ClassDef))


def place(file: SourceFile, node: ast.stmt | ast.expr | ast.arg | ast.alias) -> str:
    """Where a node stands, as a terminal makes it a link."""
    return f"{file.path}:{node.lineno}"
