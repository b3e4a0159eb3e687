"""Shape budgets: what keeps the code readable stays within limits; the medians show the drift."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Callable

import pytest

from tests.architecture.source_files import Function, SourceFile, classes, functions, place, source_files

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
POSITIONAL_PARAMETERS_MAX = 4
PARAMETERS_MAX = 7
BRANCHES_MAX = 8
PROJECT_ANCESTORS_MAX = 2
BANNED_MODULES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc", "tools"}

BRANCHING_NODES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)

FILES = source_files()


def body_lines(function: Function) -> int:
    """Lines of a function from its name to its end, without the docstring."""
    documentation = function.body[0] if ast.get_docstring(function) is not None else None
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    if documentation is None:
        return length
    return length - ((documentation.end_lineno or documentation.lineno) - documentation.lineno + 1)


def branches(function: Function) -> int:
    """McCabe's number: one plus the places where the way forks."""
    return 1 + sum(isinstance(node, BRANCHING_NODES) for node in ast.walk(function))


def positional_parameters(function: Function) -> int:
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def parameters(function: Function) -> int:
    return positional_parameters(function) + len(function.args.kwonlyargs)


@pytest.mark.parametrize(
    ("measure", "limit"),
    [
        (body_lines, FUNCTION_LINES_MAX),
        (branches, BRANCHES_MAX),
        (positional_parameters, POSITIONAL_PARAMETERS_MAX),
        (parameters, PARAMETERS_MAX),
    ],
)
def test_no_function_exceeds_the_limit_of(measure: Callable[[Function], int], limit: int) -> None:
    sizes = {
        f"{place(file, function)} {function.name}": measure(function)
        for file in FILES
        for function in functions(file)
    }
    assert_within(sizes, limit, measure.__name__)


def test_no_file_is_longer_than_its_limit() -> None:
    assert_within({str(file.path): file.lines_count for file in FILES}, FILE_LINES_MAX, "lines of a file")


def assert_within(sizes: dict[str, int], limit: int, measure: str) -> None:
    """Fail with the worst first, and with median and 90th percentile of all."""
    too_big = sorted(((size, name) for name, size in sizes.items() if size > limit), reverse=True)
    values = list(sizes.values())
    spread = (
        f"median {statistics.median(values):.0f}, 90 % up to {statistics.quantiles(values, n=10)[-1]:.0f}"
    )
    assert not too_big, f"{measure}: limit {limit}, {spread}\n" + "\n".join(
        f"{size:4} {name}" for size, name in too_big
    )


def test_inheritance_inside_the_project_stays_flat() -> None:
    bases = {
        node.name: [base.id for base in node.bases if isinstance(base, ast.Name)]
        for file in FILES
        for node in classes(file)
    }

    def ancestors(name: str) -> int:
        return max((1 + ancestors(base) for base in bases[name] if base in bases and base != name), default=0)

    assert_within({name: ancestors(name) for name in bases}, PROJECT_ANCESTORS_MAX, "ancestors of a class")


def test_every_init_file_holds_a_docstring_and_nothing_else() -> None:
    with_code = [
        str(file.path)
        for file in FILES
        if file.path.name == "__init__.py"
        and (ast.get_docstring(file.tree) is None or len(file.tree.body) > 1)
    ]
    assert with_code == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [str(file.path) for file in FILES if set(file.path.with_suffix("").parts) & BANNED_MODULES] == []


def test_everything_public_is_documented() -> None:
    undocumented = [
        f"{place(file, node)} {node.name}"
        for file in FILES
        for node in public_definitions(file)
        if ast.get_docstring(node) is None
    ]
    assert undocumented == []
    assert [str(file.path) for file in FILES if ast.get_docstring(file.tree) is None] == []


def public_definitions(file: SourceFile) -> list[Function | ast.ClassDef]:
    """Public functions and classes of the module, and public methods of its public classes."""
    owners: list[ast.Module | ast.ClassDef] = [
        file.tree,
        *(node for node in file.tree.body if isinstance(node, ast.ClassDef) and is_public(node)),
    ]
    return [
        node
        for owner in owners
        for node in owner.body
        if isinstance(node, Function | ast.ClassDef) and is_public(node)
    ]


def is_public(node: Function | ast.ClassDef) -> bool:
    return not node.name.startswith("_")
