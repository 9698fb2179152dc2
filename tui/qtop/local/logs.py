"""Follows a growing log file, and finds the level and the subject of its lines."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, Literal, NamedTuple

#: Bytes read at once.
STEP_BYTES: Final = 32_768
#: What is further from the end is passed over: it would scroll by too fast to be read.
MOST_BEHIND_BYTES: Final = 262_144
#: A line longer than this is cut into several.
LONGEST_LINE_BYTES: Final = 4_096


class Piece(NamedTuple):
    """Whole lines, and how many bytes were passed over before them."""

    lines: list[bytes]
    passed_over: int = 0


class Tail:
    """Follows a file that is written to, also when another file replaces it.

    Args:
        path: The file; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None
        self._at = 0
        self._unread = b""

    def read(self) -> Piece:
        """Some of what is new. O(`STEP_BYTES`). Raises OSError when the file cannot be read. A file
        that does not exist has nothing new."""
        if self._file is None and not self._open():
            return Piece([])
        assert self._file is not None  # noqa: S101  it was opened
        size = os.fstat(self._file).st_size
        passed_over = max(0, size - self._at - MOST_BEHIND_BYTES)
        if passed_over:
            self._at += passed_over
            self._unread = b""
        data = os.pread(self._file, STEP_BYTES, self._at)
        self._at += len(data)
        if not data and self._was_replaced():
            self.close()
        if passed_over:
            # The rest of a line that was passed over.
            data = data.partition(b"\n")[2]
        return Piece(self._lines(data), passed_over)

    def restart(self) -> None:
        """Read again, from as far from the end as is read at all."""
        self.close()
        self._unread = b""

    def close(self) -> None:
        """Close the file; the next `read` opens the one that exists then."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            self._at = 0

    def _open(self) -> bool:
        try:
            self._file = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        return True

    def _was_replaced(self) -> bool:
        assert self._file is not None  # noqa: S101  it was opened
        try:
            there = os.stat(self.path)
        except OSError:
            return False
        return not os.path.samestat(there, os.fstat(self._file))

    def _lines(self, data: bytes) -> list[bytes]:
        *lines, self._unread = (self._unread + data).split(b"\n")
        if len(self._unread) > LONGEST_LINE_BYTES:
            lines.append(self._unread)
            self._unread = b""
        return [
            line[start : start + LONGEST_LINE_BYTES]
            for line in lines
            for start in range(0, max(1, len(line)), LONGEST_LINE_BYTES)
        ]


# The level of a line, and what it is about, found by its words.

LogLevel = Literal["", "bad", "warn", "dim", "own"]

#: How many characters of a line are searched for its level.
_SEEN: Final = 400
#: In the log of our own worker: a failed job, or a queue whose classes it lacks. Elsewhere a word
#: in capitals, or one after `level=` or `[`: the word `error` alone may mean anything.
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
#: Sequences for colours, which many loggers write.
_COLOURS: Final = re.compile(rb"\x1b\[[0-9;:]*m|\x1b\[K")


def without_colours(line: bytes) -> bytes:
    """A line without sequences for colours: before a word they would hide the level. O(n)."""
    return _COLOURS.sub(b"", line) if b"\x1b" in line else line


def level(line: str) -> LogLevel:
    """The level of a line, by the first word in it that names one; `own` for lines of the
    supervisor. O(1)."""
    if line.startswith("qtop: "):
        return "own"
    found = _WORD.search(line, 0, _SEEN)
    if found is None:
        return ""
    if found["alone"]:
        return "warn"
    word = found["capitals"] or found["named"]
    return _LEVELS.get(word.lower(), "bad") if word else "bad"
