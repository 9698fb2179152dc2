"""CONTRIBUTING names files and names that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
FLOWS = [line for line in TEXT.splitlines() if re.match(r"\d\. \*\*.* > ", line)]
REST = "\n".join(line for line in TEXT.splitlines() if line not in FLOWS)
WORDS = TEXT.partition("\n## Words\n")[2].partition("\n## ")[0]

#: The short names of folders in the flows.
SHORT: Final = {"core": "engine/queuecore", "engine": "engine/resque", "qtop": "tui/qtop"}
_CODE: Final = re.compile(r"`([^`\n]+)`")
_FILE: Final = re.compile(r"[\w./-]+\.(?:py|lua|md|toml)|(?:engine|tui|tests)/[\w./-]*")


def paths(text: str) -> set[str]:
    """The files and folders that a text names."""
    return {code for code in _CODE.findall(text) if _FILE.fullmatch(code)}


def whole(path: str) -> str:
    """A path of the flows as a path from the root."""
    first, _, rest = path.partition("/")
    return f"{SHORT[first]}/{rest}"


@pytest.mark.parametrize("path", sorted(paths(REST)))
def test_a_file_that_it_names_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("path", sorted(paths("\n".join(FLOWS))))
def test_a_file_of_a_flow_exists(path: str) -> None:
    assert (ROOT / whole(path)).is_file()


def test_there_are_six_flows() -> None:
    assert len(FLOWS) == 6
    assert all(len(paths(flow)) > 5 for flow in FLOWS)


def glossary() -> list[tuple[str, str]]:
    """The words, and the file of each."""
    rows = [_CODE.findall(line) for line in WORDS.splitlines() if line.startswith("| `")]
    return [(row[0], row[-1]) for row in rows]


def defined_in(path: str) -> set[str]:
    """The names that a file defines, also where only a type checker looks."""
    names: set[str] = set()
    body = ast.parse((ROOT / path).read_text("utf-8")).body
    for node in [
        *body,
        *(each for block in body if isinstance(block, ast.If) for each in block.body),
    ]:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {each.id for each in node.targets if isinstance(each, ast.Name)}
    return names


@pytest.mark.parametrize(("word", "path"), glossary())
def test_a_word_of_the_glossary_is_defined_where_it_says(word: str, path: str) -> None:
    assert word in defined_in(path)


def test_every_room_has_its_line() -> None:
    rooms = {
        path.parent.relative_to(ROOT).as_posix()
        for path in (ROOT / "tui" / "qtop").glob("*/__init__.py")
    }
    assert {f"{room}/" for room in rooms} <= paths(TEXT)
