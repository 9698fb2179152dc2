"""Files and functions are short; scripts and commands explain themselves."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import click
import pytest

from qtop.commands.cli import main

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {
    path.relative_to(ROOT).as_posix(): path
    for folder in ("engine", "tui")
    for path in (ROOT / folder).rglob("*.py")
}
SCRIPTS = sorted((ROOT / "engine").rglob("*.lua"))
LONGEST_FILE = 800
LONGEST_FUNCTION = 60


@cache
def trees() -> dict[str, ast.Module]:
    """Every file, parsed once."""
    return {name: ast.parse(path.read_text("utf-8")) for name, path in SOURCES.items()}


def test_files_are_short() -> None:
    lines = {name: path.read_text("utf-8").count("\n") for name, path in SOURCES.items()}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many lines a function's body has, without its docstring and the functions in it."""
    body = function.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    inner = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return sum(map(lines_of, body)) - sum(map(lines_of, inner))


def lines_of(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_functions_are_short() -> None:
    long = {
        f"{name}: {node.name}": length(node)
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and length(node) > LONGEST_FUNCTION
    }
    assert long == {}


NOUNS = re.compile(
    r" (?:(?!more)\w+ )?(?:job|queue|worker|failure|item|group|schedule|moment|line|command|time)s"
    r"(?![\w/])"
)
#: Files whose texts always speak of several.
ALWAYS_MANY = {"engine/resque/worker/__main__.py"}


def test_one_job_is_not_called_jobs() -> None:
    """A text that counts uses `counted`; bounds, which are many, are constants."""
    wrong = [
        f"{name}: {ast.unparse(text)}"
        for name in SOURCES.keys() - ALWAYS_MANY
        for text in ast.walk(trees()[name])
        if isinstance(text, ast.JoinedStr)
        for value, after in pairwise(text.values)
        if isinstance(value, ast.FormattedValue)
        and value.conversion == -1
        and not (isinstance(value.value, ast.Name) and value.value.id.isupper())
        and isinstance(after, ast.Constant)
        and NOUNS.match(str(after.value))
    ]
    assert wrong == []


def test_a_file_says_what_it_is_for() -> None:
    assert [name for name, tree in trees().items() if not ast.get_docstring(tree)] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_headed_with_its_contract(script: Path) -> None:
    lines = script.read_text("utf-8").splitlines()
    header = []
    for line in lines:
        if not line.startswith("--"):
            break
        header.append(line)
    text = "\n".join(header)
    is_included = script.name.endswith(".inc.lua")
    words = ["KEYS", "ARGV"] if is_included else ["KEYS", "Returns", "Cost"]
    if "ARGV[" in "\n".join(lines[len(header) :]):
        words.append("ARGV")
    assert [word for word in words if word not in text] == []
    assert len(header) >= 3


def commands(group: click.Group, path: str = "qtop") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        elif not command.hidden:
            yield f"{path} {name}", command


COMMANDS = dict(commands(main))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_shows_an_example(name: str) -> None:
    command = COMMANDS[name]
    with click.Context(command, info_name=name) as context:
        shown = command.get_help(context)
    assert "Example:" in shown
    # `qtop` alone opens the console.
    typed = "qtop" if name == "qtop console" else name
    assert typed in shown.partition("Example:")[2], "the example shows the command itself"
