"""Programs that the settings name, to be run about the row under the cursor: each word of their
command line is a word as it is, and what it is about goes into it. No shell reads any of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from qtop.keymap import keymap
from qtop.keymap.keymap import ALLOWED, Where, is_key, key_name
from queuecore.errors import BadOption

#: What may be in braces: of the row under the cursor.
FIELDS: Final = ("id", "class", "queue", "jid", "worker", "system")
#: The places of whose rows something is known.
OWN_PLACES: Final[tuple[Where, ...]] = (
    *("queues", "jobs", "job", "workers", "running"),
    *("failed", "group", "failure", "scheduled", "delayed"),
)
_BRACES: Final = re.compile(r"\{([^{}]*)\}")
_SWITCHES: Final = ("confirm", "terminal", "changes")


@dataclass(frozen=True, slots=True)
class OwnCommand:
    """A program to run about a row.

    Attributes:
        key: The key that runs it, as Textual names it; empty: only the command line does.
        run: The words of its command line, with fields in braces.
        where: The places where its key works.
        confirm: A question comes before it.
        terminal: It gets the terminal until it ends; else it runs beside the console.
        changes: It may change something: not in a console that is read-only.
    """

    run: tuple[str, ...]
    where: tuple[Where, ...]
    key: str = ""
    confirm: bool = True
    terminal: bool = False
    changes: bool = True
    name: str = field(default="", compare=False)

    def words(self, known: Mapping[str, str | None]) -> list[str]:
        """Its command line for a row, of which some fields are `known`. Raises BadOption where one
        is missing, or where it could be taken for something else."""
        return [_filled(word, known) for word in self.run]


def _filled(word: str, known: Mapping[str, str | None]) -> str:
    def value(found: re.Match[str]) -> str:
        text = known.get(found[1])
        if not text:
            raise BadOption(f"this row has no {found[1]}")
        if "\0" in text:
            raise BadOption(f"its {found[1]} cannot be an argument of a command")
        if found.start() == 0 and text.startswith("-"):
            raise BadOption(f"its {found[1]} begins with -, as an option does")
        return text

    return _BRACES.sub(value, word)


def read_own_command(value: Any) -> OwnCommand:
    """A command as the settings have it. Raises ValueError with what is allowed."""
    if not isinstance(value, dict):
        raise ValueError("must be a table with run and where")
    unknown = set(value) - {"key", "run", "where", *_SWITCHES}
    if unknown:
        raise ValueError(f"has an unknown {min(unknown)!r}: key, run, where, confirm, terminal and")
    for name in _SWITCHES:
        if not isinstance(value.get(name, True), bool):
            raise ValueError(f"{name} must be true or false")
    key = value.get("key", "")
    if key and not (isinstance(key, str) and is_key(key)):
        raise ValueError(f"key cannot be {key!r}: {ALLOWED}")
    switches = {name: value[name] for name in _SWITCHES if name in value}
    return OwnCommand(_run(value.get("run")), _where(value.get("where")), key_name(key), **switches)


def _run(words: Any) -> tuple[str, ...]:
    if not _is_texts(words):
        raise ValueError('run must be a list of words, like ["open", "{id}"]')
    wrong = [f for word in words for f in _BRACES.findall(word) if f not in FIELDS]
    if wrong or "{" in words[0]:
        fields = ", ".join(f"{{{each}}}" for each in FIELDS)
        raise ValueError(f"run may hold in its arguments, in braces, only {fields}")
    return tuple(words)


def _where(places: Any) -> tuple[Where, ...]:
    found: list[Where] = [each for each in OWN_PLACES if _is_texts(places) and each in places]
    if not found or len(found) != len(places):
        raise ValueError(f"where must be a list of: {', '.join(OWN_PLACES)}")
    return tuple(found)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) and v for v in value)


def key_clash(
    command: OwnCommand,
    others: Sequence[OwnCommand],
    places: Sequence[set[Where]],
    taken: Callable[[set[Where]], Mapping[str, str]],
) -> str | None:
    """Why a command cannot have its key, in a sentence; None where it can. `places` are those of
    each screen, `taken` gives the keys that work on it and the ids of their actions."""
    if not command.key:
        return None
    for each in others:
        if each.key == command.key and set(each.where) & set(command.where):
            return f"the key {keymap.key_sign(command.key)!r} is that of {each.name}, too"
    for on in places:
        action = taken(on).get(command.key) if set(command.where) & on else None
        if action is not None:
            return f"the key {keymap.key_sign(command.key)!r} is that of {action}, too"
    return None
