"""Where the helpers of the tests are: one folder, from which everything else imports them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
#: Folders of programs, which share modules of their own.
PROGRAMS = {"benchmarks"}
#: Modules outside of `support` that are neither tests nor fixtures, and what they hold.
OTHERS = {
    "house/debts.py": "what the walls let through for now",
    "house/key_tables.py": "the manual's tables of keys",
    "house/man_page.py": "the man page and the files for completion",
    "screenshots.py": "a program",
    "words.py": "the texts of the screens",
}
FILES = {path.relative_to(TESTS).as_posix(): path for path in sorted(TESTS.rglob("*.py"))}


def imported(path: Path) -> Iterator[str]:
    """The modules of the tests that a file imports, and the names that it imports from them."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("tests."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "tests":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_test_module_is_imported() -> None:
    wrong = {
        name: module
        for name, path in FILES.items()
        for module in imported(path)
        if any(part.startswith("test_") or part == "conftest" for part in module.split("."))
    }
    assert wrong == {}, "what two tests share belongs into tests/support"


def test_a_helper_imports_helpers_only() -> None:
    wrong = {
        name: module
        for name, path in FILES.items()
        if name.startswith("support/")
        for module in imported(path)
        if not module.startswith("tests.support.")
    }
    assert wrong == {}


def test_all_helpers_are_in_one_folder() -> None:
    elsewhere = {
        name
        for name in FILES
        if not name.startswith(("support/", *(f"{folder}/" for folder in PROGRAMS)))
        and not name.rpartition("/")[2].startswith("test_")
        and not name.endswith("conftest.py")
    }
    assert elsewhere <= OTHERS.keys()
