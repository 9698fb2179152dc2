"""The README's tables of keys are made from the code. `make docs` renews them."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
from tests.house.key_tables import PARTS, key_tables

from qtop.commands.cli import main
from qtop.keymap.keymap import ACTIONS

_README = Path(__file__).parents[2] / "README.md"
#: A command as it is typed, in an indented line, with or without the folder it is in.
_TYPED = re.compile(r"^    (?:\S*/)?(qtop .+)$", re.MULTILINE)
_BLOCK = re.compile(r"(?<=<!-- keys -->\n).*(?=<!-- /keys -->)", re.DOTALL)


def test_the_readme_lists_the_keys_that_the_console_has() -> None:
    text = _README.read_text()
    wanted = f"\n{key_tables()}\n"
    if os.environ.get("UPDATE_README"):
        _README.write_text(_BLOCK.sub(lambda _: wanted, text))
        return
    assert _BLOCK.search(text), "the README has lost its <!-- keys --> block"
    assert _BLOCK.findall(text) == [wanted], "run `make docs`"


def test_every_key_is_in_one_of_the_tables() -> None:
    listed = [action for actions in PARTS.values() for action in actions]
    assert sorted(action.id for action in listed) == sorted(action.id for action in ACTIONS)


def test_a_table_says_where_a_key_works_and_what_comes_before_the_action() -> None:
    lines = key_tables().splitlines()
    requeue = next(line for line in lines if line.startswith("| `r` | Put the marked failed"))
    assert requeue.endswith(
        "| on Failed, a group of failures, one failure | asks first | `requeue` |"
    )
    assert "| Key | Does | Id |" in lines, "a place that the heading names is not said again"


@pytest.mark.parametrize("line", _TYPED.findall(_README.read_text()))
def test_a_command_in_the_readme_can_be_typed(line: str) -> None:
    name, *words = shlex.split(line, comments=True)[1:]
    known = name if name in main.commands else "console"
    command = main.commands[known]
    with contextlib.suppress(click.exceptions.Exit):  # the one of --help
        command.make_context(known, words if known == name else [name, *words])


def test_pictures_named_in_the_readme_are_there() -> None:
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", _README.read_text()):
        assert (_README.parent / picture).is_file(), picture


def test_the_source_distribution_has_what_the_readme_names() -> None:
    project = tomllib.loads((_README.parent / "pyproject.toml").read_text())
    include = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    linked = re.findall(r"\]\(([\w./-]+)\)", _README.read_text())
    needed = {"Makefile", *(path.partition("/")[0] for path in linked)}
    assert needed <= {path.strip("/") for path in include}
