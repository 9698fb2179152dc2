"""The queues a worker serves: names, patterns, and which of the registered ones they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from queuecore.exchange import Exchange, single
from queuecore.keys import name_bytes, name_text
from resque.errors import NoQueueError
from resque.keys import Keys


def names(keys: Keys) -> Exchange[list[str]]:
    """All queues ever enqueued to, in byte order. One round trip, O(queues)."""
    return single(
        ("SMEMBERS", keys.queues()), lambda reply: [name_text(raw) for raw in sorted(reply)]
    )


_SPECIAL = frozenset("*?{}[]")


class QueueList:
    """The queues a worker serves, as Ruby Resque reads `QUEUES`.

    Without wildcards and negations the list is used as it is. With any of them it is dynamic:
    every entry is a pattern over the registered names, in the order given, each entry's matches
    in byte order, without repetition; `!pattern` takes its matches out, at whatever place it is.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self.entries = tuple(entry.strip() for entry in entries)
        self.wanted = tuple(e for e in self.entries if not e.startswith("!"))
        self._unwanted = tuple(e[1:] for e in self.entries if e.startswith("!"))
        if not any(self.wanted):
            raise NoQueueError("a worker needs at least one queue: name some, or `*` for all")
        self.is_dynamic = bool(self._unwanted) or any(_SPECIAL & set(e) for e in self.wanted)

    @classmethod
    def parse(cls, text: str) -> QueueList:
        """Read a comma-separated list. Raises NoQueueError when it names none."""
        return cls(text.split(","))

    def __str__(self) -> str:
        """As it is written in a worker's id: without the negations."""
        return ",".join(self.wanted)

    def resolve(self, registered: Iterable[str]) -> list[str]:
        """The queues to look at, in order. O(entries x names) when dynamic."""
        if not self.is_dynamic:
            return list(self.wanted)
        ordered = sorted(registered, key=name_bytes)
        matches = (n for e in self.wanted for n in ordered if fnmatch(e, n))
        unwanted = {n for e in self._unwanted for n in ordered if fnmatch(e, n)}
        return [n for n in dict.fromkeys(matches) if n not in unwanted]


def fnmatch(pattern: str, name: str) -> bool:
    """Ruby's `File.fnmatch` without flags: `*` and `?` cross `/`, neither matches a leading
    dot, `[ab]`, `[a-z]`, `[!a]` and `[^a]` are sets, braces are literal, `\\` escapes."""
    return _pattern(pattern).fullmatch(name) is not None


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    out: list[str] = []
    at = 0
    while at < len(glob):
        char = glob[at]
        at += 1
        # Only at the very beginning: a leading dot must be spelled out.
        guard = "" if out else r"(?!\.)"
        if char == "*":
            out.append(guard + ".*")
        elif char == "?":
            out.append(guard + ".")
        elif char == "[" and (end := _set_end(glob, at)) > 0:
            body = glob[at:end]
            negated = body[0] in "!^"
            members = re.sub(r"([\\\]\[&~|^])", r"\\\1", body[1:] if negated else body)
            out.append(f"{guard}[{'^' if negated else ''}{members}]")
            at = end + 1
        elif char == "\\" and at < len(glob):
            out.append(re.escape(glob[at]))
            at += 1
        else:
            out.append(re.escape(char))
    try:
        return re.compile("".join(out), re.DOTALL)
    except re.error:  # a set such as [z-a]: matches nothing, as in Ruby
        return re.compile(r"(?!)")


def _set_end(glob: str, at: int) -> int:
    """Where the set that begins at `at` closes; -1 when it never does (then it is literal)."""
    first = at + 1 if glob[at : at + 1] in ("!", "^") else at
    return glob.find("]", first + 1)
