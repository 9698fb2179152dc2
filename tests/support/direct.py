"""A connection to Redis that shares no code with the engine, and waiting with an end."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import hiredis

T = TypeVar("T")

PATIENCE_S = 30.0
_READ_BYTES = 1 << 20


class Direct:
    """Sends one command at a time: `direct("LLEN", key)` returns the reply, bytes as bytes."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(PATIENCE_S)
        try:
            self._socket.connect(os.fspath(path))
        except OSError:
            self._socket.close()
            raise
        self._reader = hiredis.Reader(notEnoughData=False)

    def __call__(self, *command: bytes | str | int) -> Any:
        """Send a command and return its reply. Raises hiredis.ReplyError for an error."""
        self._socket.sendall(hiredis.pack_command(command))  # type: ignore[arg-type]
        while (reply := self._reader.gets()) is False:
            data = self._socket.recv(_READ_BYTES)
            if not data:
                raise ConnectionResetError("the test's server closed the connection")
            self._reader.feed(data)
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def eventually(check: Callable[[], T], what: str, *, patience_s: float = PATIENCE_S) -> T:
    """Ask again and again until the answer is true, and return it. Fails after a while."""
    deadline_s = time.monotonic() + patience_s
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline_s:
            raise AssertionError(f"it never happened that {what}")
        time.sleep(0.005)
