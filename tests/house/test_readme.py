"""The README's table of keys is made from the code. `make docs` renews it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from qtop import keymap

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
