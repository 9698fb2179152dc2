"""The texts of the screens and commands are plain: no word that a reader has to guess at."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

CONSOLE = Path(__file__).parents[2] / "tui" / "qtop"
#: What not to write, and what instead.
INSTEAD = {
    r"\b(no|some)body\b": "no workers, another program, another user",
    r"\bt(ake|akes|aken|ook)( it)? back\b": "undo, undone",
    r"\bgone meanwhile\b": "skipped 2 (already gone)",
    r"\bgave a sign of life\b|\bsigns? of life\b": "heartbeat returned",
    r"\bin hand\b|\bin (its|their) hands\b": "running, held by",
    r"\bset aside\b": "unreadable, moved out of the queue",
    r"\bnext waits\b": "oldest age",
    r"\bunserved\b": "no workers",
    r"\bis told\b|\bnot told\b|\btells?\b": "unknown, says, shows",
    r"\boff the register\b|\bon no register\b": "pruned, not registered",
    r"\bas far as it can be\b|\bas fast as it goes\b|\bis no longer so\b": "say it plainly",
    r"\blook(ed|ing|s)? (at|for|into|through|again|more|less)\b": "check, search",
    r"\bto go on\b|\bonce more\b": "to confirm, again",
    r"\bmend(s|ed)?\b": "fix",
}
#: Names in JSON and metrics, in code, and words that can be typed.
NAMES = {
    *("jobs in hand", "items set aside", "delayed jobs that were set aside"),
    *("revert rollback take back", "unserved", ", unserved", "in hand"),
}


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of a file, with their lines. Docstrings are for readers of the code, but for those
    of commands, which `--help` prints."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    unseen = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if not isinstance(node, ast.FunctionDef) or not isinstance(node.body[0], ast.Expr):
            continue
        if any("command" in ast.unparse(each) for each in node.decorator_list):
            unseen.discard(id(node.body[0].value))
    for node in nodes:
        if id(node) in unseen or not isinstance(node, ast.Constant):
            continue
        if isinstance(node.value, str):
            yield node.lineno, node.value


def test_no_text_has_words_that_a_reader_has_to_guess_at() -> None:
    patterns = {re.compile(pattern, re.IGNORECASE): word for pattern, word in INSTEAD.items()}
    wrong = [
        f"{path.relative_to(CONSOLE)}:{line}: write {word!r}: {' '.join(text.split())[:90]}"
        for path in sorted(CONSOLE.rglob("*.py"))
        for line, text in texts_of(path)
        for pattern, word in patterns.items()
        if text not in NAMES and pattern.search(text)
    ]
    assert not wrong, "\n".join(wrong)
