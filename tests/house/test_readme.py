"""The README's table of keys is made from the code (`make docs` renews it), and what it shows can
be done."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from qtop import keymap
from qtop.cli import main

_README = Path(__file__).parents[2] / "README.md"
_BLOCK = re.compile(r"(?<=<!-- keys -->\n).*(?=<!-- /keys -->)", re.DOTALL)


def test_the_readme_lists_the_keys_that_the_console_has() -> None:
    text = _README.read_text()
    wanted = f"\n{keymap.markdown_table().strip()}\n\n"
    if os.environ.get("UPDATE_README"):
        _README.write_text(_BLOCK.sub(lambda _: wanted, text))
        return
    assert _BLOCK.search(text), "the README has lost its <!-- keys --> block"
    assert _BLOCK.findall(text) == [wanted], "run `make docs`"


def test_pictures_named_in_the_readme_are_there() -> None:
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", _README.read_text()):
        assert (_README.parent / picture).is_file(), picture


def commands_shown() -> list[str]:
    """The qtop commands in the README's blocks of code, without what follows a `#`."""
    lines = _README.read_text().splitlines()
    return [line.strip() for line in lines if line.startswith("    qtop ")]


@pytest.mark.parametrize("line", commands_shown())
def test_a_command_shown_there_is_one_that_can_be_given(line: str) -> None:
    _, name, *words = shlex.split(line, comments=True)
    if "--help" not in words:
        main.commands[name].make_context(name, words)


def test_there_are_commands_shown() -> None:
    assert len(commands_shown()) > 5
