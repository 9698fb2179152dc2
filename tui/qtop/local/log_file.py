"""Where the output of one worker is kept: bounded, and never in the worker's way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from qtop.local.levels import without_colours

#: Of each worker as much again is kept in the file before.
MOST_BYTES: Final = 4 * 1024 * 1024
_TAIL_BYTES: Final = 2_048
_LINES_SAID: Final = 3
_LONGEST_SAID: Final = 200


class LogFile:
    """A file that takes what a worker prints. When it is full it becomes `<name>.1`, in place of
    the one before. What cannot be written is counted and left out: a full disk stops no worker.

    Args:
        path: The file; made for this user alone.
        most_bytes: When it is full.
    """

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._file: int | None = None
        self._size = 0
        self._not_kept = 0
        self._tail = b""
        self.problem = ""

    def write(self, data: bytes) -> None:
        """Keep what was printed."""
        self._tail = (self._tail + data)[-_TAIL_BYTES:]
        self._keep(data)

    def note(self, text: str) -> None:
        """Write a line of our own."""
        self._keep(f"qtop: {text}\n".encode("utf-8", "surrogateescape"))

    def forget_tail(self) -> None:
        """Begin anew with what is to be the last lines: another process prints now."""
        self._tail = b""

    def said(self) -> tuple[str, ...]:
        """The last lines, the newest last, each cut. Not safe to show as they are."""
        tail = without_colours(self._tail).decode("utf-8", "replace")
        lines = [line.strip() for line in tail.splitlines()]
        return tuple(line[:_LONGEST_SAID] for line in lines if line)[-_LINES_SAID:]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _keep(self, data: bytes) -> None:
        try:
            if self._not_kept:
                self._append(f"\nqtop: {self._not_kept:,} bytes were not kept\n".encode())
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
