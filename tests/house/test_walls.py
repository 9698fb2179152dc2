"""The walls between the rooms: who imports whom, and what an import may cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "engine" / "resque"
SOURCES = {path.relative_to(ENGINE).as_posix(): path for path in ENGINE.rglob("*.py")}

#: The stairs: a room imports from rooms with smaller numbers, and from itself.
STAIRS = {
    "errors": 0,
    "home": 1,
    "wire": 1,
    "server": 2,
    "state": 2,
    "jobs": 3,
    "hooks": 2,
    "perform": 4,
    "client": 5,
    "testing": 6,
    "worker": 5,
    "scheduler": 6,
    "__init__": 7,
}
#: Those of the console, from the lowest; what lies beside the rooms puts them together.
CONSOLE = ROOT / "tui" / "qtop"
FLOORS = (
    *("terminal", "rows", "display", "finding", "failed", "jobs", "due", "keymap", "local"),
    *("config", "plans", "verdicts", "widgets", "screens", "commands"),
)
CONSOLE_SOURCES = {
    name: path
    for path in CONSOLE.rglob("*.py")
    if (name := path.relative_to(CONSOLE).as_posix()).partition("/")[0] in FLOORS
}
#: Programs stand above all rooms: they read the environment and put things together.
PROGRAMS = ("worker/__main__.py", "scheduler/__main__.py")

NEVER_IN_THE_ENGINE = {"textual", "rich", "click", "qtop"}
#: What a forking worker's parent must not carry.
HEAVY = {"redis", "ssl", "asyncio", "textual", "rich", "click", "qtop"}
#: What it does without (see CONTRIBUTING): modules that run code in every fork, and large ones.
SHED = {"logging", "random", "threading"} | {
    *("dataclasses", "hashlib", "inspect", "pathlib", "traceback", "typing", "urllib"),
}


def modules_after(statement: str) -> set[str]:
    """The modules that a new interpreter holds after a statement."""
    program = f"{statement}\nimport sys\nprint(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ENGINE.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import resque",
        "from resque import *",
        "import resque.worker.worker",
        "import resque.worker.__main__",
        "import resque.keys, resque.store.snapshot",
    ],
)
def test_importing_is_light(statement: str) -> None:
    if statement.endswith("*"):
        # The client is loaded when it is asked for, and it needs redis-py.
        assert "redis" in modules_after(statement)
        return
    assert modules_after(statement) & HEAVY == set()


@pytest.mark.skipif(sys.platform == "darwin", reason="the title needs the whole package there")
@pytest.mark.parametrize("statement", ["import resque", "import resque.worker.__main__"])
def test_a_forking_worker_sheds_what_costs_each_fork(statement: str) -> None:
    # What an interpreter of this version and installation loads by itself is not ours.
    needed = modules_after("import datetime, hiredis, importlib, json, signal, socket")
    assert (modules_after(statement) - needed) & SHED == set()


def imports_of(path: Path) -> Iterator[str]:
    """The dotted names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("name", SOURCES)
def test_the_engine_does_not_know_that_a_console_exists(name: str) -> None:
    roots = {imported.partition(".")[0] for imported in imports_of(SOURCES[name])}
    assert roots & NEVER_IN_THE_ENGINE == set()


@pytest.mark.parametrize("name", [name for name in SOURCES if name not in PROGRAMS])
def test_rooms_import_downwards_only(name: str) -> None:
    room = name.partition("/")[0].removesuffix(".py")
    for imported in imports_of(SOURCES[name]):
        package, _, rest = imported.partition(".")
        if package != "resque":
            continue
        other = rest.partition(".")[0]
        assert other in STAIRS, f"{name} imports {imported}"
        is_below = STAIRS[other] < STAIRS[room]
        assert other == room or is_below, f"{name} imports {imported}, which is not below it"


@pytest.mark.parametrize("name", CONSOLE_SOURCES)
def test_rooms_of_the_console_import_downwards_only(name: str) -> None:
    room = name.partition("/")[0]
    for imported in imports_of(CONSOLE_SOURCES[name]):
        package, _, rest = imported.partition(".")
        other = rest.partition(".")[0]
        if package == "qtop" and other in FLOORS:
            is_below = FLOORS.index(other) <= FLOORS.index(room)
            assert is_below, f"{name} imports {imported}, which is not below it"


def test_the_state_of_redis_does_no_input_or_output() -> None:
    for name, path in SOURCES.items():
        if name.startswith("state/"):
            roots = {imported.partition(".")[0] for imported in imports_of(path)}
            assert roots & {"redis", "hiredis", "socket", "asyncio", "select", "time"} == set(), (
                name
            )
