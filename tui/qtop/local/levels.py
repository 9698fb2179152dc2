"""What a line of a log says, and what it is about, by the words in it. Pure."""

from __future__ import annotations

import re
from typing import Final, Literal

LogLevel = Literal["", "bad", "warn", "dim", "own"]

#: How far into a line its level is looked for.
_SEEN: Final = 400
#: In the log of our own worker a failed job, or a queue whose classes it lacks; elsewhere a word in
#: capitals, or behind what says that it is a level: `error` alone may be about anything.
_WORD: Final = re.compile(
    r"""
    ^\S+Z\ (?: (?P<own> failed )\b | (?P<alone> (?: still\ )? leaves\ ['"] | classes\ wait )\b )
    | \b(?P<exception> Traceback\b | [A-Z]\w*(?:Error|Exception)(?=:) )
    | \b (?P<capitals>
        ERROR | FATAL | CRITICAL | PANIC | WARN | WARNING | INFO | NOTICE | DEBUG | TRACE ) \b
    | (?: \b level"? [=:] \s? "? | \[ )
      (?P<named> error | fatal | critical | warn | warning | info | debug | trace ) \b
    """,
    re.VERBOSE,
)
_LEVELS: Final[dict[str, LogLevel]] = {
    **dict.fromkeys(("warn", "warning"), "warn"),
    **dict.fromkeys(("info", "notice"), ""),
    **dict.fromkeys(("debug", "trace"), "dim"),
}
#: What colours a terminal, as many loggers do everywhere.
_COLOURS: Final = re.compile(rb"\x1b\[[0-9;:]*m|\x1b\[K")


def without_colours(line: bytes) -> bytes:
    """A line without what merely colours it: in front of a word, it would hide the level. O(n)."""
    return _COLOURS.sub(b"", line) if b"\x1b" in line else line


def level(line: str) -> LogLevel:
    """The level of a line: of the first word in it that is one. Lines of the supervisor are our
    own. O(1)."""
    if line.startswith("qtop: "):
        return "own"
    found = _WORD.search(line, 0, _SEEN)
    if found is None:
        return ""
    if found["alone"]:
        return "warn"
    word = found["capitals"] or found["named"]
    return _LEVELS.get(word.lower(), "bad") if word else "bad"
