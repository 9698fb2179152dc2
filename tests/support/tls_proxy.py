"""A TLS proxy for a server without TLS."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme

_READ_BYTES = 1 << 16


class TlsProxy:
    """A TLS port on the loopback that forwards to a server on a socket. A context manager."""

    def __init__(self, server: Path, certificate: trustme.LeafCert) -> None:
        self._server = server
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
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
        # Each is closed by the thread that uses it.
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(plain)
            thread = threading.Thread(target=self._serve, args=(plain,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        # A client that does not trust the certificate ends the handshake and the connection.
        with plain, contextlib.suppress(OSError):
            client = self._context.wrap_socket(plain, server_side=True)
            self._open.append(client)
            with client, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as upstream:
                upstream.connect(str(self._server))
                _relay(client, upstream)


def _relay(client: ssl.SSLSocket, upstream: socket.socket) -> None:
    while True:
        # Data that is decrypted already no longer makes the socket readable.
        ready = [client] if client.pending() else select.select([client, upstream], [], [])[0]
        for source in ready:
            data = source.recv(_READ_BYTES)
            if not data:
                return
            (upstream if source is client else client).sendall(data)
