"""Every command that a text advises exists."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click

from qtop.commands.cli import main

HOUSE = Path(__file__).parents[2]
#: `qtop prune`, (qtop prune ...), or: start one: qtop prune. A URL is no command.
_ADVISED = re.compile(r"(?:[`(]|one: )qtop ([a-z]+(?:-[a-z]+)*)\b(?!:)")


def texts() -> Iterator[tuple[str, str]]:
    """The documents, and every text in the code, each with the name of its file."""
    for path in sorted(HOUSE.glob("*.md")):
        yield path.name, path.read_text()
    for room in ("engine", "tui"):
        for path in sorted((HOUSE / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield path.name, node.value


def test_every_command_that_a_text_names_exists() -> None:
    assert isinstance(main, click.Group)
    commands = {*main.list_commands(click.Context(main))}
    named = {(name, word) for name, text in texts() for word in _ADVISED.findall(text)}
    assert len(named) > 20
    unknown = {each for each in named if each[1] not in commands}
    assert unknown == set(), "these texts advise commands that do not exist"
