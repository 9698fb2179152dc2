"""The operator's own editor, which has the terminal while it runs."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Timer
from types import FrameType
from typing import Any, Final

#: How long an editor that is asked to leave has for that.
_PATIENCE_S: Final = 2.0


def editor(environ: Mapping[str, str]) -> list[str] | None:
    """The command of the editor that is set, `$VISUAL` before `$EDITOR`; None when none is."""
    for name in ("VISUAL", "EDITOR"):
        try:
            command = shlex.split(environ.get(name, ""))
        except ValueError:
            continue
        if command:
            return command
    return None


def in_editor(
    command: Sequence[str], text: str, is_over: Callable[[], bool] = lambda: False
) -> str:
    """Let a person change a text in a program. The file is private and gone afterwards.

    A signal that asks this process to leave ends the program within seconds, and is handled as
    without a program, too. `is_over` says whether one had come before. To be called by the main
    thread. Raises OSError when the program cannot be started or ends with an error. Waits until it
    ends.
    """
    # An editor may leave more beside it.
    with tempfile.TemporaryDirectory(prefix="qtop-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "payload.json"
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
        # The operator's own editor, chosen by the operator's own environment.
        with _Signals() as signals, subprocess.Popen([*command, str(path)]) as program:
            signals.pass_on(program, was_asked=is_over())
            program.wait()
        if program.returncode != 0:
            raise OSError(0, f"{command[0]} ended with status {program.returncode}")
        return path.read_bytes().decode("utf-8", "surrogateescape")


class _Signals:
    """While a program has the terminal, what asks this process to leave asks the program, too: two
    cannot share a terminal, and one that is left behind would keep it."""

    def __init__(self) -> None:
        self._program: subprocess.Popen[bytes] | None = None
        self._asked: int | None = None
        self._patience: Timer | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Signals:
        # What is typed to interrupt the program comes to both, and must not end the console.
        self._before = {signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None)}
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._leave)
        return self

    def __exit__(self, *_: object) -> None:
        if self._patience is not None:
            self._patience.cancel()
        for number, handler in self._before.items():
            signal.signal(number, handler or signal.SIG_DFL)

    def pass_on(self, program: subprocess.Popen[bytes], *, was_asked: bool) -> None:
        """Pass signals on to this program, also what came while it started."""
        self._program = program
        if was_asked or self._asked is not None:
            self._tell(program, self._asked or signal.SIGTERM)

    def _leave(self, number: int, frame: FrameType | None) -> None:
        self._asked = number
        if self._program is not None:
            self._tell(self._program, number)
        if callable(handler := self._before[number]):
            handler(number, frame)

    def _tell(self, program: subprocess.Popen[bytes], number: int) -> None:
        program.send_signal(number)
        if self._patience is None:
            self._patience = Timer(_PATIENCE_S, program.kill)
            self._patience.daemon = True
            self._patience.start()
