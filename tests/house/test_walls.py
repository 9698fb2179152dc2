"""The walls between the rooms: which file may import which, and what an import may cost.

Every file counts, and every import in it: those in functions and those for type checkers, too.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
from tests.house.debts import BELOW, CIRCLES

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "engine"

#: The stairs of each package, from the lowest: a room imports from those before it and from itself.
#: A file beside the rooms is a room of its own.
STAIRS: dict[str, tuple[str, ...]] = {
    "queuecore": (
        *("errors", "values", "codec", "digests", "home", "cooperative", "keys", "times"),
        *(
            "active_job",
            "address",
            "fleet",
            "exchange",
            "read_cache",
            "reading",
            "redis_client",
            "stores",
            "lean",
            "ahead",
        ),
        *(
            "action_record",
            "audit",
            "health",
            "acknowledging",
            "rights",
            "windows",
            "turning",
            "bulk",
            "undo",
            "server",
            "__init__",
        ),
    ),
    "resque": (
        *("errors", "keys", "codec", "scripts", "hooks", "jobs", "store", "perform", "client"),
        *("worker", "scheduler", "testing", "__init__"),
    ),
    "sidekiq": ("errors", "keys", "codec", "scripts", "store", "__init__"),
    "qtop": (
        *("__init__", "text", "model", "keymap", "config", "search", "actions", "systems", "local"),
        *("monitor", "widgets", "screens", "app", "demo", "commands", "start", "__main__"),
    ),
}
#: Programs are above all rooms: they read the environment and connect the parts.
PROGRAMS = ("resque.worker.__main__", "resque.scheduler.__main__")
#: Files outside of the systems that know an engine, and the reason.
KNOWS_AN_ENGINE = {
    "qtop.commands.processes": "checks the options as the worker does that it becomes",
    "qtop.demo.feed": "enqueues and schedules sample jobs, as an application does",
    "qtop.demo.sidekiq_feed": "writes sample jobs and processes, as a Sidekiq does",
    "qtop.demo.jobs": "declares the sample jobs that the demo's workers perform",
    "qtop.systems.runner": "makes the system that an address leads to",
}


def module_of(path: Path, root: Path) -> str:
    """The dotted name of a file."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES: dict[str, Path] = {
    module_of(path, root): path
    for root in (ENGINE, ROOT / "tui")
    for path in sorted(root.rglob("*.py"))
}


def imports_of(path: Path) -> Iterator[str]:
    """The modules that a file imports, anywhere in it; for a name of a module, that module."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in FILES else node.module


@cache
def all_imports() -> dict[str, list[str]]:
    """What every file imports. Parses all of them once."""
    return {name: list(imports_of(path)) for name, path in FILES.items()}


def roots_of(name: str) -> set[str]:
    """The packages that a file imports something of."""
    return {imported.partition(".")[0] for imported in all_imports()[name]}


def room_of(module: str) -> str:
    """The room of a file."""
    _, _, rest = module.partition(".")
    return rest.partition(".")[0] or "__init__"


def is_below(other: str, module: str) -> bool:
    """Whether a file may be imported by another one of the same package."""
    stairs = STAIRS[module.partition(".")[0]]
    return stairs.index(room_of(other)) <= stairs.index(room_of(module))


def test_every_file_is_in_a_room_that_has_a_stair() -> None:
    lost = {name for name in FILES if room_of(name) not in STAIRS.get(name.partition(".")[0], ())}
    assert lost == set(), "give the room its place in `STAIRS`, and a row in CONTRIBUTING"


def above(name: str) -> set[str]:
    """What a file imports of its own package although it is above it."""
    package = name.partition(".")[0]
    ours = {each for each in all_imports()[name] if each.partition(".")[0] == package}
    return set() if name in PROGRAMS else {each for each in ours if not is_below(each, name)}


def test_every_file_imports_downwards_only() -> None:
    wrong = {name: found for name in FILES if (found := above(name))}
    assert wrong == BELOW, "mend it; what is mended leaves `debts`"


def circles(imports: Mapping[str, list[str]]) -> list[set[str]]:
    """The groups of files that import each other, by Tarjan's way."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in imports[name]:
            if other not in imports:
                continue
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            at = stack.index(name)
            group, stack[at:] = set(stack[at:]), []
            if len(group) > 1 or name in imports[name]:
                found.append(group)

    for each in imports:
        if each not in index:
            visit(each)
    return found


def test_no_files_import_each_other() -> None:
    found = circles(all_imports())
    assert sorted(map(sorted, found)) == sorted(map(sorted, CIRCLES))


def is_of_a_system(name: str) -> bool:
    """Whether a file of the console is a part of one system."""
    return name.startswith("qtop.systems.") and name.count(".") > 2


def importers(package: str, *forbidden: str) -> set[str]:
    """The files of a package or room that import something of others."""
    return {name for name in FILES if name.startswith(package) and roots_of(name) & {*forbidden}}


def test_only_the_systems_know_an_engine() -> None:
    known = {n for n in importers("qtop", "resque", "sidekiq") if not is_of_a_system(n)}
    assert known == KNOWS_AN_ENGINE.keys(), "ask the System"


def test_only_the_protocol_of_systems_is_known_outside_of_them() -> None:
    known = {
        name
        for name in FILES
        if name.startswith("qtop.") and not name.startswith("qtop.systems.")
        if any(map(is_of_a_system, all_imports()[name]))
    }
    assert known == set(), "ask the System"


SAMPLES_OF_ASKING = (
    "system.name == other",
    "self.app.system.name != 'resque'",
    "each.name in ('resque', 'sidekiq')",
    "isinstance(system, ResqueSystem)",
)


def asks_which(node: ast.AST) -> bool:
    """Whether an expression asks which system there is: by its name, or by its class."""
    match node:
        case ast.Compare(left=left, comparators=others):
            text = [ast.unparse(each) for each in (left, *others)]
            is_name = any(each.endswith((".name", ".system")) for each in text)
            names_one = any("'resque'" in each or "'sidekiq'" in each for each in text)
            return is_name and (names_one or any("system.name" in each for each in text))
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, kind]):
            return "System" in ast.unparse(kind)
        case ast.Match(subject=subject):
            return ast.unparse(subject).endswith("system.name")
    return False


def test_nothing_outside_of_the_systems_asks_which_one_it_is() -> None:
    assert all(asks_which(ast.parse(text, mode="eval").body) for text in SAMPLES_OF_ASKING)
    wrong = [
        f"{name}: {ast.unparse(node)}"
        for name, path in FILES.items()
        if name.startswith("qtop.") and not name.startswith("qtop.systems.")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if asks_which(node)
    ]
    assert wrong == [], "let the System answer: with an ability, a method or a value"


def test_the_engine_does_not_know_that_a_console_exists() -> None:
    for package in ("queuecore", "resque", "sidekiq"):
        assert importers(package, "textual", "rich", "click", "qtop") == set()


def test_the_core_knows_no_queue_system() -> None:
    assert importers("queuecore", "resque", "sidekiq") == set()
    assert importers("resque.", "sidekiq") == set()
    assert importers("sidekiq.", "resque") == set()


def test_the_store_does_no_input_or_output() -> None:
    forbidden = ("redis", "hiredis", "socket", "asyncio", "select", "time")
    assert importers("resque.store.", *forbidden) == set()
    assert importers("sidekiq.store.", *forbidden) == set()


#: Modules that a forking worker's parent must not load.
HEAVY = {"redis", "ssl", "asyncio", "textual", "rich", "click", "qtop"}
#: Modules that it does without (see CONTRIBUTING): those that run code in every fork, and large
#: ones.
SHED = {"logging", "random", "threading"} | {
    *("dataclasses", "hashlib", "inspect", "pathlib", "traceback", "typing", "urllib"),
}


def modules_after(statement: str) -> set[str]:
    """The modules that a new interpreter has loaded after a statement."""
    program = f"{statement}\nimport sys\nprint(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ENGINE, capture_output=True, text=True
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
    # Modules that an interpreter of this version and installation loads by itself are not counted.
    needed = modules_after("import datetime, hiredis, importlib, json, signal, socket")
    assert (modules_after(statement) - needed) & SHED == set()
