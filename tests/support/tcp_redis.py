"""Redis servers on TCP ports for single tests, and the three runners with one interface."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import pytest
from tests.support.direct import Direct
from tests.support.waiting import PATIENCE_S, eventually

from queuecore.address import parse_url
from queuecore.exchange import Operation
from queuecore.lean import LeanStore
from queuecore.stores import AsyncStore, Store
from resque.errors import StoreError

T = TypeVar("T")

#: The three runners.
KINDS = ("blocking", "asyncio", "lean")
#: Another process may take a port after we chose a free one and before the server uses it.
_PORTS_TO_TRY = 20


class Runner(Protocol):
    """What the three have in common."""

    def run(self, operation: Operation[T]) -> T: ...

    def close(self) -> None: ...


class _Asyncio:
    """An AsyncStore with an event loop of its own."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._loop = asyncio.Runner()
        self._store = AsyncStore(url, timeout_s=timeout_s, client_name="test")

    def run(self, operation: Operation[T]) -> T:
        return self._loop.run(self._run(operation))

    async def _run(self, operation: Operation[T]) -> T:
        # A loop that ran all the time would have seen which connections ended meanwhile.
        for _ in range(3):
            await asyncio.sleep(0)
        return await self._store.run(operation)

    def close(self) -> None:
        self._loop.run(self._store.close())

    def end(self) -> None:
        self._loop.close()


class Runners:
    """Opens runners of one kind, and closes them in the end. A context manager."""

    def __init__(self, *kinds: str) -> None:
        self._kinds = kinds
        self._open: list[Runner] = []

    def __call__(self, url: str, *, kind: str = "", timeout_s: float = 10) -> Runner:
        """A runner on a Redis, of this kind or of another."""
        runner = _opened(kind or self._kinds[0], url, timeout_s)
        self._open.append(runner)
        return runner

    def each(self, url: str) -> list[Runner]:
        """A runner of each kind."""
        return [self(url, kind=kind) for kind in self._kinds]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for runner in self._open:
            runner.close()
            if isinstance(runner, _Asyncio):
                runner.end()


def _opened(kind: str, url: str, timeout_s: float) -> Runner:
    if kind == "asyncio":
        return _Asyncio(url, timeout_s)
    if kind == "lean":
        return LeanStore(parse_url(url), timeout_s=timeout_s, client_name="test")
    return Store(url, timeout_s=timeout_s, client_name="test")


def problem_of(attempt: Callable[[], object]) -> StoreError:
    """The error of an attempt that must fail: one sentence, without an inner exception."""
    with pytest.raises(StoreError) as caught:
        attempt()
    error = caught.value
    assert error.__suppress_context__ or error.__context__ is None
    assert "\n" not in str(error)
    return error


def until_served(attempt: Callable[[], T], what: str) -> T:
    """Try again and again until Redis succeeds, and return the result. Fails after a while."""

    served: list[T] = []

    def once() -> bool:
        with contextlib.suppress(StoreError):
            served.append(attempt())
        return bool(served)

    eventually(once, what)
    return served[0]


def line_job(file: Path) -> bytes:
    """The payload of a job that adds a line to a file, as Ruby's client writes it."""
    return b'{"class":"Line","args":[%s]}' % json.dumps(str(file)).encode()


def free_port() -> int:
    """A TCP port that is free at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class TcpRedis:
    """One server on a TCP port of the loopback, and on a private socket for the test's own use.
    `settings` are lines of its configuration; `{free_port}` in them becomes another port."""

    def __init__(
        self, binary: Path, *settings: str, password: str = "", sentinel: bool = False
    ) -> None:
        # Not tmp_path: a socket in there may be too long for the kernel.
        self.folder = Path(tempfile.mkdtemp(prefix="q"))
        self.socket = self.folder / "s"
        self.port = 0
        self._password = password
        self._settings = (*settings, *((f"requirepass {password}",) if password else ()))
        self._settings += () if sentinel else ('save ""',)
        self._command = [str(binary), str(self.folder / "conf")]
        self._command += ["--sentinel"] if sentinel else []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it on a free port and wait until it answers."""
        for _ in range(_PORTS_TO_TRY):
            self.port = free_port()
            self._launch()
            if self._has_begun():
                return
        log = (self.folder / "log").read_text("utf-8", "replace")
        raise AssertionError(f"the test's server does not start:\n{log[-2000:]}")

    def _launch(self) -> None:
        fixed = (
            f"port {self.port}",
            "bind 127.0.0.1",
            f"unixsocket {self.socket}",
            f"dir {self.folder}",
        )
        own = (line.replace("{free_port}", str(free_port())) for line in self._settings)
        (self.folder / "conf").write_text("\n".join((*fixed, *own, "")))
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def _has_begun(self) -> bool:
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s and self._process and self._process.poll() is None:
            if self._answers():
                return True
            time.sleep(0.005)
        self.kill()
        return False

    def _answers(self) -> bool:
        try:
            return bool(self("PING") == b"PONG")
        except OSError:
            return False

    def __call__(self, *command: bytes | str | int) -> Any:
        """One command on a connection of its own, outside of any client under test."""
        with self.direct() as direct:
            return direct(*command)

    def direct(self) -> Direct:
        """A connection to it; the caller closes it."""
        direct = Direct(self.socket)
        if self._password:
            direct("AUTH", self._password)
        return direct

    def send(self, number: signal.Signals) -> None:
        """Send the server a signal: STOP freezes it, CONT lets it go on."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def end(self) -> None:
        """End it at once and delete its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Servers:
    """Starts servers, and ends all that still run. A context manager."""

    def __init__(self, binary: Path) -> None:
        self._binary = binary
        self._started: list[TcpRedis] = []

    def __call__(self, *settings: str, password: str = "", sentinel: bool = False) -> TcpRedis:
        server = TcpRedis(self._binary, *settings, password=password, sentinel=sentinel)
        self._started.append(server)
        server.start()
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for server in self._started:
            server.end()
