"""The process a command runs in: its standard streams, and what `ps` shows of it."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

_LOGIN: Final = re.compile(r"(?<=://)\S*@")
_PASSWORD: Final = re.compile(r"(?i)(password=)[^&\s]*")


def open_missing_streams() -> None:
    """Let a standard stream that the caller closed lead nowhere, as under `>&-`. Without it the
    connection to Redis could become the standard output."""
    for fd, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nothing, mode, encoding="utf-8"))
            if nothing != fd:
                os.dup2(nothing, fd)


def become(module: str, environ: Mapping[str, str]) -> NoReturn:
    """Replace this process by `python -m module`, which lets interrupts (ctrl+c) through as soon as
    it can. One that comes before that would print a traceback."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.execve(sys.executable, [sys.executable, "-m", module], environ)


def hide_login(words: Sequence[str]) -> None:
    """Show the command line in `ps` without the logins in its URLs. Where none is, nothing is
    done."""
    shown = [_PASSWORD.sub(r"\1***", _LOGIN.sub("", word)) for word in words]
    if shown != list(words):
        from setproctitle import setproctitle

        setproctitle(" ".join(["qtop", *shown]))


def lead_output_nowhere() -> None:
    """Where the standard output cannot be written to, let what is still in its buffer go, so that
    the interpreter does not fail over it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
