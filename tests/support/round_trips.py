"""Round trips: those of a client, counted on the socket, and those of Ruby in recorded traces."""

from __future__ import annotations

import contextlib
import re
import selectors
import shutil
import socket
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.golden import FOLDER

_READ_BYTES = 1 << 20


class RoundTripCounter:
    """A proxy between clients and a server on unix sockets, which counts how often a client speaks
    after the server: a pipeline is one round trip. A context manager."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._folder = Path(tempfile.mkdtemp(prefix="q"))
        self.url = f"unix://{self._folder / 's'}?db=0"
        self.round_trips = 0
        #: The data of each round trip, to see why there are so many.
        self.asked: list[bytes] = []
        self._ends = {}  # type: dict[socket.socket, socket.socket]
        self._clients = set()  # type: set[socket.socket]
        self._answered = set()  # type: set[socket.socket]
        self._is_over = False
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self._folder / "s"))
        self._listener.listen()
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._listener, selectors.EVENT_READ)
        self._wake, self._woken = socket.socketpair()
        self._ready.register(self._woken, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._is_over:
            for key, _ in self._ready.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is not self._woken:
                    assert isinstance(key.fileobj, socket.socket)
                    self._forward(key.fileobj)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        upstream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        upstream.connect(str(self._server))
        self._ends |= {client: upstream, upstream: client}
        self._clients.add(client)
        self._answered.add(client)
        for end in (client, upstream):
            self._ready.register(end, selectors.EVENT_READ)

    def _forward(self, end: socket.socket) -> None:
        if end not in self._ends:
            return
        other = self._ends[end]
        data = b""
        with contextlib.suppress(OSError):
            data = end.recv(_READ_BYTES)
        if not data:
            self._drop(end)
            self._drop(other)
            return
        if end not in self._clients:
            self._answered.add(other)
        elif end in self._answered:
            self._answered.remove(end)
            self.round_trips += 1
            self.asked.append(data)
        with contextlib.suppress(OSError):
            other.sendall(data)

    def _drop(self, end: socket.socket) -> None:
        self._ready.unregister(end)
        del self._ends[end]
        end.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over = True
        self._wake.send(b"!")
        self._thread.join(10)
        self._ready.close()
        for end in (self._listener, self._wake, self._woken, *self._ends):
            end.close()
        shutil.rmtree(self._folder, ignore_errors=True)


#: What redis-rb sends in one write, by the source of Ruby's Resque: MONITOR shows its parts alone.
_PIPELINES = (
    ("sadd resque:queues ", "rpush resque:queue:"),
    ("sadd resque:workers ", r"set resque:worker:\S*:started "),
    ("del resque:worker:", "incrby resque:stat:processed ", "incrby resque:stat:processed:"),
    (
        *("srem resque:workers ", "del resque:worker:", r"del resque:worker:\S*:started"),
        *(
            "hdel resque:workers:heartbeat ",
            "del resque:stat:processed:",
            "del resque:stat:failed:",
        ),
    ),
    ("srem resque:queues ", "del resque:queue:"),
    ("llen resque:queue:", "llen resque:queue:"),
)
_LINE = re.compile(r"^\d+\.\d+ \[0 (?P<client>[^\]]+)\] (?P<command>.*)$")


def trace(name: str) -> list[str]:
    """The commands of a recorded trace, each in a line, without quotes; what scripts did and what
    the recording's own jobs noted is left out."""
    found = []
    for line in (FOLDER / f"{name}.monitor.txt").read_text("utf-8").splitlines():
        match = _LINE.match(line)
        if match is None or match["client"] == "lua":
            continue
        words = re.findall(r'"((?:[^"\\]|\\.)*)"', match["command"])
        if words[1:2] != ["trace"]:
            found.append(" ".join(words) + " ")
    return found


def of_ruby(commands: list[str]) -> int:
    """How many round trips these commands of a trace were: what could be one write counts once."""
    trips, at = 0, 0
    while at < len(commands):
        at += _written_at_once(commands[at:])
        trips += 1
    return trips


def _written_at_once(commands: list[str]) -> int:
    if commands[0] == "multi ":
        return commands.index("exec ") + 1
    for pipeline in _PIPELINES:
        part = commands[: len(pipeline)]
        if len(part) == len(pipeline) and all(map(re.match, pipeline, part)):
            return len(pipeline)
    return 1
