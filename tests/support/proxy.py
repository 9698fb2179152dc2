"""A proxy between a client and a server on unix sockets, which can drop replies."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import hiredis

_READ_BYTES = 1 << 20

#: Gets a command and the server's reply to it; says whether the client gets the reply. If not, the
#: connection is closed.
Forwards = Callable[[list[bytes], Any], bool]


class Proxy:
    """Forwards commands one by one. A context manager."""

    def __init__(self, server: Path, forwards: Forwards) -> None:
        self._server = server
        self._forwards = forwards
        self._folder = Path(tempfile.mkdtemp(prefix="q"))
        self._open: list[socket.socket] = []
        self.socket = self._folder / "s"
        self.url = f"unix://{self.socket}?db=0"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.socket))
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            upstream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            upstream.connect(str(self._server))
            self._open += [client, upstream]
            thread = threading.Thread(target=self._serve, args=(client, upstream), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket, upstream: socket.socket) -> None:
        asked, answered = hiredis.Reader(), hiredis.Reader(notEnoughData=Ellipsis)
        with client, upstream, contextlib.suppress(OSError):
            while data := client.recv(_READ_BYTES):
                asked.feed(data)
                while command := asked.gets():
                    upstream.sendall(hiredis.pack_command(tuple(command)))
                    raw, reply = _whole_reply(upstream, answered)
                    if not self._forwards(command, reply):
                        return
                    client.sendall(raw)


def _whole_reply(upstream: socket.socket, reader: Any) -> tuple[bytes, Any]:
    raw = b""
    while (reply := reader.gets()) is Ellipsis:
        data = upstream.recv(_READ_BYTES)
        if not data:
            raise ConnectionResetError
        raw += data
        reader.feed(data)
    return raw, reply
