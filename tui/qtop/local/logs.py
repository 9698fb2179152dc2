"""The log files of workers: written by the supervisor, followed by the console, which finds the
level of each line."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, Literal, NamedTuple

# Following a file that grows.

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
    """Follows a file that is written to, also when another file replaces it. It need not exist
    yet."""

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


# The level of a line, found by its words.

LogLevel = Literal["", "bad", "warn", "dim", "own"]

#: How many characters of a line are searched for its level.
_SEEN: Final = 400
#: In the log of our own worker: a failed job, or a queue whose classes it lacks. Elsewhere a word
#: in capitals, or one after `level=` or `[`: the word `error` alone may mean anything.
_WORD: Final = re.compile(
    r"""
    ^\S+Z\ (?: (?P<failed> failed )\b | (?P<alone> (?: still\ )? leaves\ ['"] | classes\ wait )\b )
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


# Writing: of bounded size, and never able to block the worker.

#: The size at which the file is replaced; the one before it is kept as well.
MOST_BYTES: Final = 4 * 1024 * 1024
_TAIL_BYTES: Final = 2_048
_LINES_SAID: Final = 3
_LONGEST_SAID: Final = 200


class LogFile:
    """A file for the output of a worker, for this user alone. With `most_bytes` it is full, and
    renamed to `<name>.1`, which replaces the one before. What cannot be written is counted and left
    out: a full disk stops no worker."""

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._file: int | None = None
        self._size = 0
        self._not_kept = 0
        self._tail = b""
        self.problem = ""

    def write(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-_TAIL_BYTES:]
        self._keep(data)

    def note(self, text: str) -> None:
        """Write a line of the supervisor."""
        self._keep(f"qtop: {text}\n".encode("utf-8", "surrogateescape"))

    def forget_tail(self) -> None:
        """Forget the last lines: another process prints now."""
        self._tail = b""

    def said(self) -> tuple[str, ...]:
        """The last lines, the newest last, each cut. Not safe to show as they are."""
        tail = without_colours(self._tail).decode("utf-8", "replace")
        lines = [line.strip() for line in tail.splitlines()]
        return tuple(line[:_LONGEST_SAID] for line in lines if line)[-_LINES_SAID:]

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _keep(self, data: bytes) -> None:
        try:
            if self._not_kept:
                self._append(f"\nqtop: {self._not_kept:,} bytes dropped\n".encode())
                self._not_kept, self.problem = 0, ""
            self._append(data)
        except OSError as error:
            self._not_kept += len(data)
            self.problem = f"the log is not kept: {error.strerror}"

    def _append(self, data: bytes) -> None:
        if self._file is None:
            self._open()
        elif self._size >= self._most_bytes:
            self.close()
            os.replace(self._path, self._path.with_name(f"{self._path.name}.1"))
            self._open()
        assert self._file is not None  # noqa: S101  opening makes it
        while data:
            written = os.write(self._file, data)
            self._size += written
            data = data[written:]

    def _open(self) -> None:
        flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW
        self._file = os.open(self._path, flags, 0o600)
        self._size = os.fstat(self._file).st_size
