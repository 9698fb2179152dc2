"""Whether there is a terminal to draw the console on."""

from __future__ import annotations

import os
from collections.abc import Mapping

from queuecore.errors import BadOption

_STREAMS = ("standard input", "standard output", "standard error")
#: What `$TERM` says of a terminal on which nothing can be placed.
_PLAIN = ("", "dumb", "unknown")


def require_terminal(environ: Mapping[str, str]) -> None:
    """Raises BadOption where the console could not be drawn, or no key could be pressed: under
    cron, behind a pipe, in `ssh` without `-t`, in an editor's shell."""
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
