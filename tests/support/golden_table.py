"""The table in `tests/golden/README.md`: how each recording is checked, and by which test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.support.golden import FOLDER


class Row(NamedTuple):
    """One recording. `test` is `file::function`, empty where no test checks it; `note` names the
    differences, or the reason why it is not reproduced."""

    recording: str
    held: str
    test: str
    note: str


def cells() -> Iterator[list[str]]:
    """The cells of all tables, a line each."""
    for line in (FOLDER / "README.md").read_text("utf-8").splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def _rows() -> Iterator[Row]:
    for each in cells():
        if len(each) == 4 and each[0] != "recording":
            yield Row(each[0], each[1], each[2].strip("` "), each[3])


ROWS = tuple(_rows())
