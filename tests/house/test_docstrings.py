"""That docstrings and comments speak of what exists: arguments, attributes, classes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for folder in ("engine", "tui")
    for path in (ROOT / folder).rglob("*.py")
}

_SECTION: Final = re.compile(r"^(Args|Attributes):\n((?: +\S.*\n|\n)*)", re.MULTILINE)
_ENTRY: Final = re.compile(r"^ {4}(\w+): ", re.MULTILINE)
_PROSE: Final = re.compile(r'"""(?:.|\n)*?"""|#.*')
#: A name of a class, perhaps of something in it: `Store`, `SnapshotReader.look`.
_CLASS: Final = re.compile(r"`([A-Z][a-z]\w*[a-z]\w*)(?:\.(\w+))?(?:\(\))?`")

Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def entries(docstring: str) -> set[str]:
    """The names that a docstring explains under `Args` and `Attributes`."""
    sections = _SECTION.findall(docstring + "\n")
    return {name for _, body in sections for name in _ENTRY.findall(body)}


def names_in(node: Documented) -> Iterator[str]:
    """The arguments of a function; of a class also its attributes and methods."""
    if not isinstance(node, ast.ClassDef):
        given = node.args
        every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        yield from (argument.arg for argument in every if argument is not None)
        return
    for each in ast.walk(node):
        if isinstance(each, ast.arg):
            yield each.arg
        elif isinstance(each, ast.Attribute):
            yield each.attr
        elif isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            yield each.name


def test_docstrings_explain_arguments_and_attributes_that_exist() -> None:
    wrong = {
        f"{name}: {node.name}": missing
        for name, text in SOURCES.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, Documented)
        and (missing := entries(ast.get_docstring(node) or "") - set(names_in(node)))
    }
    assert wrong == {}


def words() -> set[str]:
    """Every word of the code itself, without docstrings and comments."""
    return {word for text in SOURCES.values() for word in re.findall(r"\w+", _PROSE.sub("", text))}


#: Names of others.
FOREIGN = {"ActiveJob", "Resque", "Sidekiq"}


def test_classes_that_are_spoken_of_exist() -> None:
    known = words() | FOREIGN
    wrong = {}
    for name, text in SOURCES.items():
        prose = "\n".join(_PROSE.findall(text))
        spoken = {part for found in _CLASS.findall(prose) for part in found if part}
        if missing := spoken - known:
            wrong[name] = missing
    assert wrong == {}
