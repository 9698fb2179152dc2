"""A server that listens where a Redis is expected."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import hiredis

#: The answer to a command; an empty one closes the connection.
Answer = Callable[[list[bytes]], bytes]


class Peer:
    """A server on a socket: it sends `greeting` to each client, then answers what it gets, one
    connection at a time, and closes the connection where it has no answer. A context manager."""

    def __init__(self, answer: Answer, greeting: bytes = b"") -> None:
        self._answer, self._greeting = answer, greeting
        self._folder = tempfile.TemporaryDirectory(prefix="q")
        path = Path(self._folder.name) / "s"
        self.url = f"unix://{path}"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            with link, contextlib.suppress(OSError):
                link.sendall(self._greeting)
                if not self._greeting:
                    self._converse(link)

    def _converse(self, link: socket.socket) -> None:
        reader = hiredis.Reader(notEnoughData=False)
        while data := link.recv(65_536):
            reader.feed(data)
            while (command := reader.gets()) is not False:
                assert isinstance(command, list)
                if not (answer := self._answer(command)):
                    return
                link.sendall(answer)

    def __enter__(self) -> Peer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        self._folder.cleanup()


def each(reply: bytes) -> Answer:
    """Answers every command with one reply."""
    return lambda command: reply
