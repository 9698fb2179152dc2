"""Programs that nobody watches: in the background, with a file for the process id."""

from __future__ import annotations

import os
from collections.abc import Mapping

from resque.errors import BadOption


def settle(environ: Mapping[str, str], *, log: str = "") -> None:
    """Go into the background and write the process id, where `BACKGROUND` and `PIDFILE` want that;
    `log` is a file that then takes what is printed. What was in a log stays.

    In the background this returns in another process; the one that was started ends with status 0.
    Raises BadOption, before anything else, for a file that cannot be written.
    """
    pidfile = _opened("PIDFILE", environ.get("PIDFILE", ""))
    output = _opened("LOGFILE", log)
    if environ.get("BACKGROUND"):
        if os.fork():
            os._exit(0)
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nothing, fd)
    if output is not None:
        for fd in (1, 2):
            os.dup2(output, fd)
        os.close(output)
    if pidfile is not None:
        os.ftruncate(pidfile, 0)
        os.write(pidfile, b"%d" % os.getpid())
        os.close(pidfile)


def _opened(name: str, path: str) -> int | None:
    """A file to append to. Opened before going into the background, from where nobody would hear
    of a problem."""
    if not path:
        return None
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    except OSError as error:
        raise BadOption(f"cannot write {name} {path!r}: {error.strerror}") from None
