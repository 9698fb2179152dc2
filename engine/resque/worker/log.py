"""What a worker prints: a line for each thing worth telling, as far as somebody takes it.

A disk that is full, a pipe without a reader, a terminal that was closed, a stream that a job closed
or replaced: none of them is a reason to end a worker, less so to fail a job that was done.
"""

from __future__ import annotations

import errno
import os
import sys

from resque.wire import times

#: Nobody will ever read this again; a full disk may have room later.
_GONE = (errno.EPIPE, errno.EIO)


def have_streams() -> None:
    """Put something behind the descriptors 0, 1 and 2 where there is nothing: else the next
    connection would get such a number, and whatever a job prints."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def say(line: str) -> None:
    """Print a line, with the time. Never raises: what cannot be printed is lost, and what the
    stream's encoding cannot carry is escaped."""
    try:
        if not line.isascii():
            encoding = sys.stdout.encoding or "utf-8"
            line = line.encode(encoding, "backslashreplace").decode(encoding)
        print(f"{times.run_at(times.utc_now())} {line}", flush=True)
    except OSError as error:
        if error.errno in _GONE:
            _turn_away(1)
    except BaseException:
        # A job in the worker's own process closed the stream, or put its own into its place.
        return


def flush() -> None:
    """Before a fork: what waits to be printed would be printed by both. Never raises."""
    for stream in (sys.stdout, sys.stderr):
        # Not `suppress`: its three calls are three more pages for each fork to copy.
        try:
            stream.flush()
        except BaseException:  # noqa: S112
            continue


def end() -> None:
    """At the end: let no unprinted rest become an exit status. Never raises."""
    flush()
    # A job of this process may have put something else into their place.
    sys.stdout, sys.stderr = sys.__stdout__ or sys.stdout, sys.__stderr__ or sys.stderr
    for stream, fd in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            stream.flush()
        except (OSError, ValueError):
            _turn_away(fd)


def _turn_away(fd: int) -> None:
    """Let what is printed from now on, and what waits to be, go nowhere."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, fd)
    os.close(nothing)
    flush()
