"""What a worker prints, which never stops its work: whoever reads it may be gone, the disk it goes
to full, the stream closed or replaced by a job."""

from __future__ import annotations

import os
import sys
from contextlib import suppress


def say(line: str) -> None:
    """Print a line at once, if that is possible. What its encoding cannot carry is escaped."""
    with suppress(BaseException):
        encoding = sys.stdout.encoding or "utf-8"
        print(line.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def flush() -> None:
    """Send off what was printed, if that is possible."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(BaseException):
            stream.flush()


def take_places() -> None:
    """Where a process was begun without a standard stream, keep its place: what is opened next, a
    connection to Redis say, would get its number, and all that libraries print there."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            # The lowest number that is free.
            os.open(os.devnull, os.O_RDWR)


def end() -> None:
    """Before the process ends: what cannot be printed by now is not to spoil its exit status."""
    flush()
    # A job of this process may have put something else into their place.
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    for stream, fd in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, fd)
            os.close(nothing)
