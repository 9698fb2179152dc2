"""Serves metric families over HTTP, with a bounded number of threads."""

from __future__ import annotations

import contextlib
import socket
import socketserver
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore, Thread, Timer
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client.exposition import make_wsgi_app
from prometheus_client.registry import Collector, CollectorRegistry

_THREADS: Final = 4
#: Scrapes that are answered or wait for a thread; more are refused.
_MOST_AT_ONCE: Final = 16
#: A client that sends or takes nothing for so long is given up.
_TIMEOUT_S: Final = 5.0
#: One that has no whole answer by then, too: it may send a byte now and then.
_LONGEST_S: Final = 10.0


class _Handler(WSGIRequestHandler):
    """Answers one request, and logs nothing."""

    timeout = _TIMEOUT_S

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a scrape is no news."""


class MetricsServer(WSGIServer):
    """An HTTP server of what a collector has, in the format that a client asks for.

    It listens from its making on, and answers from `start` to `stop`. Raises OSError where it
    cannot listen, such as when the port is taken. `longest_s` is how long one answer may take with
    its question, however slowly these go.
    """

    request_queue_size = _MOST_AT_ONCE

    def __init__(
        self, address: str, port: int, collector: Collector, *, longest_s: float = _LONGEST_S
    ) -> None:
        [(family, _, _, _, place), *_] = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        self.address_family = family
        self._longest_s = longest_s
        self._room = BoundedSemaphore(_MOST_AT_ONCE)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="metrics")
        self._accepting = Thread(target=self.serve_forever, daemon=True, name="metrics-accept")
        super().__init__((str(place[0]), port), _Handler)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(collector)
        self.set_app(make_wsgi_app(registry))

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server_address[:2]
        shown = f"[{host!s}]" if self.address_family == socket.AF_INET6 else str(host)
        return f"http://{shown}:{port}/metrics"

    def server_bind(self) -> None:
        """Listen, without asking a name server for the name of the own address."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def start(self) -> None:
        """Answer scrapes, in threads of its own."""
        self._accepting.start()

    def stop(self) -> None:
        """Answer no more. Waits for what is being answered, some seconds at most."""
        self.shutdown()
        self.server_close()
        self._pool.shutdown(cancel_futures=True)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand a request to a thread; refuse it where too many wait already."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        self._pool.submit(self._answer, request, client_address)

    def _answer(self, request: Any, client_address: Any) -> None:
        deadline = Timer(self._longest_s, _give_up, (request,))
        deadline.daemon = True
        deadline.start()
        try:
            self.finish_request(request, client_address)
        except OSError:
            pass  # The client has gone, or is too slow.
        finally:
            deadline.cancel()
            self.shutdown_request(request)
            self._room.release()


def _give_up(request: socket.socket) -> None:
    """End what a thread waits for: it gets an end of file, or an error."""
    with contextlib.suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)
