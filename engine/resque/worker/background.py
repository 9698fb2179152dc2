"""Programs without a terminal: in the background, with a file for the process id."""

from __future__ import annotations

import os
from collections.abc import Mapping

from resque.errors import BadOption


def settle(environ: Mapping[str, str], *, log: str = "") -> None:
    """Go into the background and write the process id, where `BACKGROUND` and `PIDFILE` want that;
    `log` is a file that then takes what is printed. What was in a log stays.

    In the background this returns in another process; the one that was started ends with status 0.
    Raises BadOption for a file that cannot be written, in the process that was started.
    """
    path = environ.get("PIDFILE")
    output = _opened(log) if log else None
    if environ.get("BACKGROUND"):
        _go_into_the_background(path)
    elif path:
        _write_pid(path, os.getpid())
    if output is not None:
        for fd in (1, 2):
            os.dup2(output, fd)
        os.close(output)


def _go_into_the_background(path: str | None) -> None:
    try:
        go_fd, tell_fd = os.pipe()
        answer_fd, say_fd = os.pipe()
        pid = os.fork()
    except OSError as error:
        raise BadOption(f"cannot go into the background: {error.strerror}") from None
    if pid:
        os.close(go_fd)
        os.close(say_fd)
        # Not before it is on its own: the terminal may be closed as soon as this one ends.
        os.read(answer_fd, 1)
        # Written from here: there a problem would not be noticed.
        if path:
            _write_pid(path, pid)
        os.write(tell_fd, b"go")
        os._exit(0)
    os.close(tell_fd)
    os.close(answer_fd)
    os.setsid()
    os.write(say_fd, b".")
    os.close(say_fd)
    if not os.read(go_fd, 2):
        os._exit(2)
    os.close(go_fd)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    os.close(nothing)


def _write_pid(path: str, pid: int) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(str(pid))
    except OSError as error:
        raise BadOption(f"cannot write PIDFILE {path!r}: {error.strerror}") from None


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    except OSError as error:
        raise BadOption(f"cannot write LOGFILE {path!r}: {error.strerror}") from None
