"""What every test may use: a real server of its own, and an environment without the developer's
settings."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Every process of a run collects all tests. Once compiled, that takes a third of the time.
sys.dont_write_bytecode = False

# Failed comparisons in helpers are reported in full, too; they are imported after this.
pytest.register_assert_rewrite("tests.support")

from tests.support.direct import Direct  # noqa: E402

from queuecore.server import Binary, find_binary  # noqa: E402
from resque.errors import NoServer  # noqa: E402

# No test depends on the clock: how long an example takes says how busy the machine is.
settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("house")

# A shell that starts the tests in the background may let them ignore these signals. A program that
# inherits an ignored signal ignores it, too, and so would every worker and console started here.
for _number in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(_number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

SERVER_START_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 5.0
DISTURBING_NAMES = (
    "BACKGROUND",
    "BACKOFF_INTERVAL",
    "COUNT",
    "FAILURE_BACKEND",
    "FORK_PER_JOB",
    "GRACEFUL_TERM",
    "INTERVAL",
    "MIN_INTERVAL",
    "JOBS_PER_FORK",
    "MAX_INTERVAL",
    "NO_COLOR",
    "PIDFILE",
    # The programs that tests start are started often: compiled once, they start in half the time.
    "PYTHONDONTWRITEBYTECODE",
    "QUEUE",
    "QUEUES",
    "REDIS_URL",
    "RUN_AT_EXIT_HOOKS",
    "TERM_CHILD",
    "VERBOSE",
)
DISTURBING_PREFIXES = ("QTOP_", "RESQUE_")


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what was imported and collected: it stays to the end,
    and to look through it again and again takes a quarter of all time. And let it look more
    rarely, as in the console itself."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)


@dataclass(frozen=True, slots=True)
class RedisServer:
    """The session's own server, empty and without persistence."""

    socket: Path
    pid: int

    @property
    def url(self) -> str:
        return f"unix://{self.socket}?db=0"

    def send(self, command: str) -> bytes:
        """Send one inline command, outside of any client under test, and return its first bytes."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(ANSWER_TIMEOUT_S)
            link.connect(str(self.socket))
            link.sendall(command.encode() + b"\r\n")
            return link.recv(4096)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide the developer's own settings, and keep written files in a folder of the test."""
    for name in tuple(os.environ):
        if name in DISTURBING_NAMES or name.startswith(DISTURBING_PREFIXES):
            monkeypatch.delenv(name)
    # Not tmp_path: a socket in there may be too long for the kernel.
    home = Path(tempfile.mkdtemp(prefix="q"))
    monkeypatch.setenv("QTOP_STATE_DIR", str(home / "q"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "s"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "c"))
    yield
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_binary() -> Binary:
    """The server program. Without one: skipped here, failed in CI, where it must not go
    unnoticed."""
    try:
        return find_binary()
    except NoServer as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def redis_server(redis_binary: Binary) -> Iterator[RedisServer]:
    """A real server for the whole session, on a private socket, without persistence."""
    folder = Path(tempfile.mkdtemp(prefix="q"))
    path = folder / "s"
    options = f"--port 0 --unixsocket {path} --unixsocketperm 700 --dir {folder} --appendonly no"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(redis_binary.path), *options.split(), "--save", ""],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        server = RedisServer(path, process.pid)
        _await_pong(server, process, folder / "log")
        yield server
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _await_pong(server: RedisServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + SERVER_START_TIMEOUT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        try:
            if server.send("PING").startswith(b"+PONG"):
                return
        except OSError:
            pass
        time.sleep(0.01)
    pytest.fail(f"The tests' server does not answer. Its log:\n{log.read_text()[-2000:]}")


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The URL of the session's server, emptied before each test."""
    assert redis_server.send("FLUSHALL").startswith(b"+OK")
    return redis_server.url


@pytest.fixture
def direct(redis_server: RedisServer, redis_url: str) -> Iterator[Direct]:
    """A connection to the empty server that shares no code with the engine."""
    del redis_url  # the fixture has emptied the server
    with Direct(redis_server.socket) as connection:
        yield connection
