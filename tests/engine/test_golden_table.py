"""The table of `tests/golden/README.md`: what of the recordings is held, and by which tests."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache

import pytest
from tests.support import golden
from tests.support.golden_table import ROWS, Row, cells

HERE = golden.FOLDER.parent / "engine"
#: Of those that are reproduced the whole database is compared, by one of these.
COMPARING = {"ours", "dump", "contents"}
#: Known, and not worth a file.
NOT_KEPT = {"failure_bad_utf8_oj"}
REPRODUCED = ("same", "but for")


def test_every_recording_is_in_the_table_once() -> None:
    files = sorted(path.stem for path in golden.FOLDER.glob("*.json"))
    assert [row.recording for row in ROWS] == sorted({*files, *NOT_KEPT})
    assert len(ROWS) == 144


def test_the_numbers_above_the_table_are_those_of_the_table() -> None:
    said = {each[0]: int(each[2]) for each in cells() if len(each) == 3 and each[2].isdigit()}
    counted = Counter(row.held for row in ROWS)
    assert said == counted
    assert sum(counted[held] for held in REPRODUCED) >= 110


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.recording)
def test_a_row_names_a_test_that_holds_its_recording_or_a_reason(row: Row) -> None:
    if row.held != "same":
        assert row.note, "what differs, or why it is not reproduced"
    if row.held == "not":
        return
    file, _, name = row.test.partition("::")
    assert name.startswith("test_")
    texts, names = used(file, name)
    assert row.recording in texts
    if row.held in REPRODUCED:
        assert names & COMPARING


def used(file: str, test: str) -> tuple[set[str], set[str]]:
    """The texts and names in a test, and in whatever of its own module it uses: fixtures,
    functions, constants."""
    homes = definitions(file)
    texts: set[str] = set()
    names: set[str] = set()
    waiting, seen = [test], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in homes:
            continue
        seen.add(name)
        for node in ast.walk(homes[name]):
            match node:
                case ast.Constant(value=str(text)):
                    texts.add(text)
                case ast.Name(id=found) | ast.Attribute(attr=found) | ast.arg(arg=found):
                    names.add(found)
                    waiting.append(found)
    return texts, names


@cache
def definitions(file: str) -> dict[str, ast.stmt]:
    found: dict[str, ast.stmt] = {}
    for node in ast.parse((HERE / file).read_text("utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = node
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = node
    return found
