"""One file of each engine spells the names of keys; others, and scripts, get them from there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEYS = ("engine/resque/keys.py", "engine/sidekiq/keys.py")
PYTHON = {
    path.relative_to(ROOT).as_posix(): path
    for folder in ("engine", "tui")
    for path in (ROOT / folder).rglob("*.py")
}
SCRIPTS = sorted((ROOT / "engine").rglob("*.lua"))

#: Text that can only be a key or a part of one. Text for people (`queue: mail`) and arguments of
#: the command line (`queue:NAME`) are not keys.
SPELLED = re.compile(
    r"""
    ^[\w:]*? (
        queue: (?!\ ) | workers:heartbeat | worker: (?!\ ) | stat: (?!\ ) | :started \b
      | pause-all-workers | pause:(all|queue) | unreadable: (?!\ ) | pruning_dead_workers
      | delayed: (?!\ ) | delayed_queue_schedule | timestamps: (?!\ ) | persistent_schedules
      | cron_jobs? : | sidekiq-scheduler: | dear-leader | process_cleanup
      | schedules_changed | resque_scheduler_master_lock | failed_queues | resque: (?!\ |Starting)
    )
    """,
    re.VERBOSE,
)
FOR_PEOPLE = re.compile(r"queue:(NAME|QUEUE|\*)|resque:work\b")


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The texts of a file with their lines, without its docstrings."""
    docstrings = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                docstrings.add(first.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node not in docstrings:
            if isinstance(node.value, str):
                yield node.lineno, node.value
            elif isinstance(node.value, bytes):
                yield node.lineno, node.value.decode("latin-1")


def spellings(text: str) -> list[str]:
    """The lines of a source that spell a key."""
    return [
        f"line {line}: {value!r}"
        for line, value in texts(ast.parse(text))
        if SPELLED.search(value) and not FOR_PEOPLE.search(value)
    ]


def test_no_other_file_spells_a_key() -> None:
    others = {name: path.read_text("utf-8") for name, path in PYTHON.items() if name not in KEYS}
    assert {name: found for name, text in others.items() if (found := spellings(text))} == {}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_script_spells_a_key(script: Path) -> None:
    code = [line.split("--")[0] for line in script.read_text("utf-8").splitlines()]
    spelled = re.findall(r"""'([^']*)'|"([^"]*)\"""", "\n".join(code))
    for pair in spelled:
        assert not SPELLED.search("".join(pair)), pair
    # The one command whose name has two words.
    calls = "\n".join(code).replace("'MEMORY', 'USAGE'", "'MEMORY USAGE'")
    called = re.findall(r"redis\.p?call\('([\w ]+)',\s*['\"]", calls)
    assert called == [], "a key comes from KEYS, never from the script's own text"


def test_the_rule_sees_a_spelled_key_and_no_docstring() -> None:
    assert spellings('"""queue:x"""\nkey = f"{ns}:queue:{name}"\n')
    assert spellings('key = b"resque:workers:heartbeat"\n')
    assert not spellings('def f():\n    """worker:<id>"""\n    return "queue: " + name\n')
