"""Whether there is a terminal for the console."""

from __future__ import annotations

import os
from collections.abc import Mapping

from queuecore.errors import BadOption

_STREAMS = ("standard input", "standard output", "standard error")
#: Values of `$TERM` for terminals that cannot place text.
_PLAIN = ("", "dumb", "unknown")


def require_terminal(environ: Mapping[str, str]) -> None:
    """Raise BadOption where the console cannot be drawn or get keys: under cron, behind a pipe, in
    `ssh` without `-t`, in an editor's shell."""
    missing = [stream for fd, stream in enumerate(_STREAMS) if not _is_terminal(fd)]
    if missing:
        why = f"needs a terminal, and its {missing[0]} is none"
    elif environ.get("TERM", "") in _PLAIN:
        why = f"needs a terminal that places text, and TERM is {environ.get('TERM') or 'not set'}"
    else:
        return
    raise BadOption(f"the console {why}: `qtop --once` prints one look as text")


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False
