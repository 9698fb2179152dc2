"""Helpers of the tests of the private server: a folder, other users of the server, and checks of
both. A test file that wants a fixture from here gives it a name of its own: `folder =
helpers.folder`."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.support.waiting import PATIENCE_S, eventually

from queuecore.server import Binary, PrivateServer

ENGINE = Path(__file__).resolve().parents[2] / "engine"

USER = """
import sys
from pathlib import Path
from queuecore.server import PrivateServer
server = PrivateServer(Path(sys.argv[1]))
print(server.ensure(), flush=True)
print(server.status().pid, flush=True)
sys.stdin.readline()
print(server.close(), flush=True)
"""


def python_env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ENGINE)}


class User:
    """Another process that runs a snippet: it prints lines, and ends when it is asked to."""

    def __init__(self, snippet: str, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", snippet, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=python_env(),
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell_to_leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def leave(self) -> str:
        """Let it close its server, and return what it prints about that."""
        said, _ = self.process.communicate("\n", timeout=PATIENCE_S)
        return said.split()[-1]

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=PATIENCE_S)


StartUser = Callable[..., User]


@pytest.fixture
def folder(redis_binary: Binary) -> Iterator[Path]:
    """A folder for a private server, with a path short enough for a socket; no server survives the
    test."""
    parent = Path(tempfile.mkdtemp(prefix="q"))
    place = parent / "server"
    yield place
    if place.is_dir() and not place.is_symlink():
        place.chmod(0o700)
        PrivateServer(place).stop()
    shutil.rmtree(parent)


@pytest.fixture
def start_user(folder: Path) -> Iterator[StartUser]:
    users: list[User] = []

    def start(snippet: str = USER) -> User:
        users.append(User(snippet, folder))
        return users[-1]

    yield start
    for user in users:
        user.kill()


def say(server: PrivateServer, command: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(PATIENCE_S)
        link.connect(str(server.socket))
        link.sendall(command.encode() + b"\r\n")
        return link.recv(4096).decode().strip()


def pid_of(server: PrivateServer) -> int:
    pid = server.status().pid
    assert pid is not None
    return pid


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def await_end(pid: int) -> None:
    """Wait until the process is gone; its locks, which we check, are released a moment before."""
    eventually(lambda: not is_alive(pid), f"process {pid} ends")


def kill_server(server: PrivateServer) -> int:
    pid = pid_of(server)
    os.kill(pid, signal.SIGKILL)
    await_end(pid)
    return pid
