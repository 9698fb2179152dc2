"""The server's process: how it is started, and how it is brought to its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from queuecore.errors import NoServer
from queuecore.server.binary import Binary
from queuecore.server.folder import SOCKET, opened
from queuecore.server.locks import POLL_S
from queuecore.server.talk import State, ask, ask_info, ask_state

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
