"""Docstrings and comments name only arguments, attributes and classes that exist."""

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
#: A name of a class, perhaps with a member: `Store`, `SnapshotReader.look`.
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


#: Names of other packages.
FOREIGN = {"ActiveJob", "Resque", "Sidekiq"}


def test_classes_named_in_docstrings_exist() -> None:
    known = words() | FOREIGN
    wrong = {}
    for name, text in SOURCES.items():
        prose = "\n".join(_PROSE.findall(text))
        spoken = {part for found in _CLASS.findall(prose) for part in found if part}
        if missing := spoken - known:
            wrong[name] = missing
    assert wrong == {}


def prose_of(text: str) -> str:
    """The docstrings and comments of a file."""
    return "\n".join(_PROSE.findall(text))


def members() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The members of each of our classes, and the names of its bases."""
    own: dict[str, set[str]] = {}
    bases: dict[str, set[str]] = {}
    for text in SOURCES.values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                own.setdefault(node.name, set()).update(names_in(node))
                names = {ast.unparse(base).partition("[")[0] for base in node.bases}
                bases.setdefault(node.name, set()).update(names)
    return own, bases


def test_members_named_in_docstrings_are_in_their_class() -> None:
    own, bases = members()

    def has(name: str, member: str) -> bool:
        # The documentation of another package's class lists its members, not ours.
        return name not in own or member in own[name] or any(has(b, member) for b in bases[name])

    wrong = {
        f"{file}: {name}.{member}"
        for file, text in SOURCES.items()
        for name, member in _CLASS.findall(prose_of(text))
        if member and name in own and not has(name, member)
    }
    assert wrong == set()


#: `module.name`, `module.name()` of a module of ours; `folder/file.py`.
_OF_MODULE: Final = re.compile(r"`([a-z_]+)\.([a-z_]\w*)(?:\(\))?`")
_SPOKEN_FILE: Final = re.compile(r"`((?:[\w-]+/)+[\w-]+\.(?:py|lua))`")
#: File name extensions, which follow a dot but are no names of Python.
SUFFIXES = {"json", "log", "lua", "md", "py", "toml"}
#: Settings, as they are written in the file of settings.
SETTINGS = {"keys.requeue"}


def words_of_modules() -> dict[str, set[str]]:
    """The names in the code of each module, by its last name; for a package, those of its
    modules."""
    found: dict[str, set[str]] = {}
    for file, text in SOURCES.items():
        *folders, name = Path(file).with_suffix("").parts
        inside = set(re.findall(r"\w+", _PROSE.sub("", text)))
        found.setdefault(folders[-1] if name == "__init__" else name, set()).update(inside)
        for above, below in zip(folders, [*folders[1:], name], strict=True):
            found.setdefault(above, set()).add(below)
    return found


def test_modules_and_files_named_in_docstrings_exist() -> None:
    known = words_of_modules()
    files = [
        path.as_posix()
        for folder in ("engine", "tui", "tests")
        for path in ROOT.glob(f"{folder}/**/*.*")
    ]
    wrong = set()
    for file, text in SOURCES.items():
        prose = prose_of(text)
        for module, name in _OF_MODULE.findall(prose):
            spoken = f"{module}.{name}"
            if module in known and name not in known[module] | SUFFIXES and spoken not in SETTINGS:
                wrong.add(f"{file}: {spoken}")
        wrong |= {
            f"{file}: {path}"
            for path in _SPOKEN_FILE.findall(prose)
            if not any(each.endswith(f"/{path}") for each in files)
        }
    assert wrong == set()
