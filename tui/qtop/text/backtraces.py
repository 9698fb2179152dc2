"""Reads the lines of backtraces of Ruby, Python, JavaScript, PHP, Java and Go: which file, which
line, and whether it belongs to the application or to a library. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final, NamedTuple

#: Longer lines are not read, nor more lines of a backtrace.
_MOST_CHARACTERS: Final = 500
_MOST_LINES: Final = 100
_PARTS_OF_PATH: Final = 3

_SHAPES: Final = (
    # Python:   File "/app/jobs.py", line 12, in perform
    re.compile(r'(?P<head>\s*File ")(?P<path>[^"]+)", line (?P<line>\d+)(?P<rest>.*)'),
    # JavaScript and Java:   at perform (/app/jobs.js:12:3)
    re.compile(
        r"(?P<head>\s*at (?:[^()]* )?[^\s()]*\(?)"
        r"(?P<path>(?<=[\s(])(?:\w{1,12}:(?=\D))?[^\s():][^():]*)"
        r":(?P<line>\d+)(?P<rest>(?::\d+)?\)?.*)"
    ),
    # PHP: #0 /app/Job.php(12): Job->perform()
    re.compile(r"(?P<head>#\d+ )(?P<path>[^()]+)\((?P<line>\d+)\)(?P<rest>.*)"),
    # Ruby and Go: /app/job.rb:12:in `perform'
    re.compile(r"(?P<head>\s*)(?P<path>(?:[A-Za-z]:)?[^:]+):(?P<line>\d+)(?P<rest>(?:\D.*)?)"),
)
_PYTHON: Final = _SHAPES[0]
_LIBRARY: Final = re.compile(
    r"""
      [\\/](?: gems | bundle | vendor | site-packages | dist-packages | node_modules )[\\/]
    | [\\/](?: lib | lib64 )[\\/](?: ruby | python\d | node | php | jvm )
    | [\\/](?: go[\\/]pkg[\\/]mod | usr[\\/]local[\\/]go )[\\/]
    | ^(?: node: | internal[\\/] | <internal: | <frozen | \(native | \[internal )
    | ^(?: Thread | Method | ThreadPoolExecutor )\.java$
    """,
    re.VERBOSE,
)
_NUMBER: Final = re.compile(r"\d+")


class Frame(NamedTuple):
    """The parts of a line of a backtrace: what is before the path, the path, what is between the
    path and the line number (`:`), the number, the rest. Joined they are the line."""

    head: str
    path: str
    between: str
    line: str
    rest: str
    is_library: bool


def frame(line: str) -> Frame | None:
    """The parts of a line; None when it names no place in a file, or is too long. O(1)."""
    if len(line) > _MOST_CHARACTERS:
        return None
    for shape in _SHAPES:
        found = shape.fullmatch(line)
        if found is not None:
            path = found["path"]
            between = line[found.end("path") : found.start("line")]
            rest = line[found.end("line") :]
            is_library = _LIBRARY.search(path) is not None
            return Frame(found["head"], path, between, found["line"], rest, is_library)
    return None


def place(line: str) -> str | None:
    """Where in the application a line is, for comparing: the end of its path, and its function.

    Numbers are left out: they change with every release. None for a line of a library, and for one
    that names no place.
    """
    found = frame(line)
    if found is None or found.is_library:
        return None
    parts = re.split(r"[\\/]", found.path)[-_PARTS_OF_PATH:]
    function = found.rest.strip(" :,()") or found.head.strip().removeprefix("at ").strip(" (")
    return _NUMBER.sub("#", f"{'/'.join(parts)} {function}".strip())


def top(lines: Iterable[Any], place_of: Callable[[Any], str | None] = place) -> str:
    """The place in the application where the error was raised; empty when none is known.

    Most languages write the innermost line first; Python writes it last. Reads 100 lines at most.
    `place_of` may cache the results of `place`.
    """
    found = ""
    for line in islice(lines, _MOST_LINES):
        here = place_of(line)
        if here is None:
            continue
        if _PYTHON.match(line) is None:
            return here
        found = here
    return found


def tones(line: str) -> tuple[tuple[int, str], ...]:
    """The parts of a line as lengths and tones: in a line of the application the file and the
    number are highlighted; a line of a library is dim."""
    found = frame(line)
    if found is None:
        return ((len(line), ""),)
    if found.is_library:
        return ((len(line), "dim"),)
    parts = (
        (found.head, ""),
        (found.path, "strong"),
        (found.between, "dim"),
        (found.line, "accent"),
        (found.rest, ""),
    )
    return tuple((len(text), tone) for text, tone in parts if text)
