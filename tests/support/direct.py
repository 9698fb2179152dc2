"""A connection to Redis that shares no code with the engine."""

from __future__ import annotations

import os
import socket
from types import TracebackType
from typing import Any, Self

import hiredis

_ANSWER_TIMEOUT_S = 30.0
_READ_BYTES = 1 << 20


class Direct:
    """Sends one command at a time: `direct("LLEN", key)` returns the reply, bytes as bytes."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_ANSWER_TIMEOUT_S)
        try:
            self._socket.connect(os.fspath(path))
        except OSError:
            self._socket.close()
            raise
        self._reader = hiredis.Reader(notEnoughData=False)

    def __call__(self, *command: bytes | str | int) -> Any:
        """Send a command and return its reply. Raises hiredis.ReplyError for an error."""
        self._socket.sendall(hiredis.pack_command(command))  # type: ignore[arg-type]
        return self.read()

    def read(self) -> Any:
        """The next reply, where a command has several, such as MONITOR. Raises as a command."""
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
