"""A running worker imports some modules late, perhaps from an upgraded package, beside older
modules in memory. Such a module may import only names from them that they have always had."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

ENGINE = Path(__file__).resolve().parents[2] / "engine"
#: The late module, and the names that it takes from modules that the worker has loaded before.
LATE: Final[dict[str, dict[str, set[str]]]] = {
    "resque/worker/job_logging.py": {
        "resque.perform": {"backtrace", "message_of", "name_of"},
        "resque.worker": {"log"},
        "resque.worker.log": {"Say", "told"},
    },
}


def taken(path: Path) -> dict[str, set[str]]:
    """What a module imports from our packages when it is loaded: the names, by module."""
    found: dict[str, set[str]] = {}
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("resque"):
            found.setdefault(node.module, set()).update(alias.name for alias in node.names)
    return found


@pytest.mark.parametrize("module", LATE)
def test_a_module_that_is_imported_late_needs_nothing_new(module: str) -> None:
    assert taken(ENGINE / module) == LATE[module], (
        "workers that began before an upgrade have no other names in memory: their jobs would fail"
    )
