"""The README's tables of keys are made from the code. `make docs` renews them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.house.key_tables import PARTS, key_tables

from qtop.keymap import ACTIONS

_README = Path(__file__).parents[2] / "README.md"
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
    told = [action for actions in PARTS.values() for action in actions]
    assert sorted(action.id for action in told) == sorted(action.id for action in ACTIONS)


def test_a_table_tells_where_a_key_works_and_what_stands_before_the_deed() -> None:
    lines = key_tables().splitlines()
    requeue = next(line for line in lines if line.startswith("| `r` | Put the marked failed"))
    assert requeue.endswith(
        "| on Failed, a group of failures, one failure | asks first | `requeue` |"
    )
    assert "| Key | Does | Id |" in lines, "a place that the heading names is not said again"


def test_pictures_named_in_the_readme_are_there() -> None:
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", _README.read_text()):
        assert (_README.parent / picture).is_file(), picture
