"""What the jobs of every system do. Light: workers that fork carry this module's imports."""

from __future__ import annotations

import os
import socket
import time

#: Where jobs store their times, without any client library.
STAMPS, DELAYS = "bench:stamps", "bench:delays"


def noop(*args: object) -> None:
    """Does nothing."""


def stamp() -> None:
    """Store the moment at which this job began."""
    _push(STAMPS, time.time())


def late(enqueued_s: float) -> None:
    """Store the time since this job was enqueued."""
    _push(DELAYS, time.time() - enqueued_s)


def _push(key: str, value: float) -> None:
    text = repr(value)
    with socket.create_connection(("127.0.0.1", int(os.environ["BENCH_PORT"]))) as connection:
        connection.sendall(f"RPUSH {key} {text}\r\n".encode())
        connection.recv(64)
