"""Python programs in processes that have imported the console before they begin."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

_FORKER: Final = Path(__file__).parent / "programs" / "program_forker.py"
_PATIENCE_S: Final = 60.0


class ForkedProgram:
    """A program in a process and a session of its own; methods as those of `subprocess.Popen`."""

    def __init__(self, answers: socket.socket) -> None:
        self._answers = answers.makefile("rb")
        self.pid = int(self._answers.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its status, minus a signal's number if that ended it; None while it runs."""
        return self._status(0.0)

    def wait(self, timeout_s: float = _PATIENCE_S) -> int:
        """The status, as soon as it has ended. Raises TimeoutError."""
        status = self._status(timeout_s)
        if status is None:
            raise TimeoutError(f"process {self.pid} did not end in {timeout_s} s")
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _status(self, timeout_s: float) -> int | None:
        if self.returncode is None and select.select([self._answers], [], [], timeout_s)[0]:
            self.returncode = int(self._answers.readline())
            self._answers.close()
        return self.returncode


def fork_program(
    program: str, arguments: Sequence[str], environ: Mapping[str, str], terminal: int
) -> ForkedProgram:
    """Run the text of a program on a terminal. Where there is no fork of what has imported the
    console yet, that takes half a second."""
    ours, theirs = socket.socketpair()
    request = {"program": program, "arguments": [*arguments], "environ": {**environ}}
    with ours, theirs:
        fds = [terminal, theirs.fileno()]
        socket.send_fds(_requests(), [json.dumps(request).encode()], fds)
        theirs.close()
        return ForkedProgram(ours)


@cache
def _requests() -> socket.socket:
    """Where the process that forks gets its requests. It ends with this one."""
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, str(_FORKER), str(theirs.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait(_PATIENCE_S)

    atexit.register(end)
    return ours
