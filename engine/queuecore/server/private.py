"""One user of the private server: start or adopt it, hold it, stop it, describe it."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from queuecore.errors import NoServer
from queuecore.server import folder as files
from queuecore.server import process

#: Long enough to load some gigabytes of data.
START_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of the private server. Everything after `in_use` is None unless it runs."""

    socket: Path
    running: bool
    in_use: bool
    pid: int | None = None
    version: str | None = None
    started_at: datetime | None = None
    binary: process.Binary | None = None
    clients: int | None = None


class PrivateServer:
    """One user of the private server in `folder`. Starts nothing until asked to.

    Not for sharing between threads. A forked child shares its parent's hold, which only the
    parent can give up; a child that must keep the server alive on its own calls `hold()`.
    """

    def __init__(
        self, folder: Path, find: Callable[[], process.Binary] = process.find_binary
    ) -> None:
        self.folder = folder.absolute()
        self.socket = self.folder / files.SOCKET
        self._find = find
        self._users = files.Users(self.folder)
        self._child: process.ServerProcess | None = None

    @classmethod
    def at(cls, url: str) -> PrivateServer | None:
        """The private server that `url` leads to, None when it leads elsewhere. Starts nothing."""
        parts = urlsplit(url)
        path = Path(unquote(parts.path))
        if (
            parts.scheme == "unix"
            and path.name == files.SOCKET
            and (path.parent / "users").is_file()
        ):
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
        with files.locked(self.folder, deadline_s):
            if child := self._start_or_adopt(deadline_s):
                self._reap()
                self._child = child
            self._users.join(deadline_s)
        return self.url

    def hold(self, timeout_s: float = process.STOP_TIMEOUT_S) -> None:
        """Count as a user without starting anything: for workers that were given the URL.

        Does nothing the second time. Raises NoServer when the folder is unusable or stays locked.
        """
        deadline_s = time.monotonic() + timeout_s
        with files.locked(self.folder, deadline_s):
            self._users.join(deadline_s)

    def close(self, timeout_s: float = process.STOP_TIMEOUT_S) -> bool:
        """Stop being a user; the last one stops the server. True when this stopped it.

        Never raises NoServer: a server that could not be stopped stays for the next user.
        Returns at once while others use the server, else after at most about `timeout_s`.
        """
        deadline_s = time.monotonic() + timeout_s
        try:
            if not self._users.joined:
                return False
            with files.locked(self.folder, deadline_s):
                return self._users.last() and self._end(deadline_s)
        except NoServer:
            return False
        finally:
            self._users.leave()
            self._reap()

    def stop(self, timeout_s: float = process.STOP_TIMEOUT_S) -> bool:
        """Stop the server, also while others use it, data saved. False when none was running.

        Raises NoServer when it does not end within about `timeout_s`; it is never killed.
        """
        if not self.folder.exists():
            return False
        deadline_s = time.monotonic() + timeout_s
        with files.locked(self.folder, deadline_s):
            return self._end(deadline_s)

    def status(self) -> Status:
        """What can be said of the server now. Changes nothing; takes about two seconds at worst.

        Raises NoServer when the folder is not safe to use.
        """
        if not self.folder.exists():
            return Status(self.socket, running=False, in_use=False)
        files.prepare_folder(self.folder)
        info, in_use = process.ask_info(self.socket), self._in_use()
        if "process_id" not in info:
            return Status(self.socket, running=False, in_use=in_use)
        kind = info.get("server_name", "redis")
        return Status(
            self.socket,
            running=True,
            in_use=in_use,
            pid=int(info["process_id"]),
            version=f"{kind} {info.get(f'{kind}_version', 'of unknown version')}",
            started_at=datetime.now(UTC) - timedelta(seconds=int(info["uptime_in_seconds"])),
            binary=process.running_binary(Path(info.get("executable", ""))),
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
        child: process.ServerProcess | None = None
        asked_to_end = False

        def end() -> None:
            nonlocal asked_to_end
            asked_to_end = True
            if child is not None:
                child.terminate()  # always TERM: a second INT makes Redis exit without saving

        deadline_s = time.monotonic() + timeout_s
        with _on_ending_signals(end):
            try:
                with files.locked(self.folder, deadline_s):
                    child = self._start_or_adopt(deadline_s)
                    if child is None:
                        raise NoServer(f"The private server runs already, at {self.url}.")
                    self._users.join(deadline_s)
                if asked_to_end:
                    child.terminate()
                on_ready(self.url)
                code = child.wait()
            finally:
                if child is not None and child.poll() is None:
                    child.end()
                self._users.leave()
        return code if code >= 0 else 128 - code

    def __enter__(self) -> Self:
        self.ensure()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _start_or_adopt(self, deadline_s: float) -> process.ServerProcess | None:
        """Return the started server, or None when a living one was adopted."""
        with files.opened(self.folder / "server.lock") as fd:
            while True:
                # Asked in this order: a server that just started is locked before it listens.
                lives = not files.try_flock(fd)
                state = process.ask_state(self.socket)
                if lives and state is process.State.READY:
                    return None
                if not lives and state is process.State.ABSENT:
                    self.socket.unlink(missing_ok=True)
                    return process.start(self._find(), self.folder, fd, deadline_s)
                if not lives and state is not process.State.SILENT:
                    raise NoServer(f"A Redis that qtop did not start answers at {self.socket}.")
                if time.monotonic() >= deadline_s:
                    raise self._trouble(state.value)
                time.sleep(files.POLL_S)

    def _end(self, deadline_s: float) -> bool:
        """Stop the server, if there is one, and wait for its end."""
        with files.opened(self.folder / "server.lock") as fd:
            if files.try_flock(fd):
                return False
            process.ask_to_end(self.folder)
            if not files.flock(fd, deadline_s):
                raise self._trouble("does not stop")
        self._reap()
        return True

    def _reap(self) -> None:
        if self._child is not None:
            self._child.poll()

    def _trouble(self, what: str) -> NoServer:
        return NoServer(f"The server at {self.socket} {what}; see {self.folder / 'server.log'}.")

    def _in_use(self) -> bool:
        try:
            with files.locked(self.folder, time.monotonic() + process.ANSWER_TIMEOUT_S):
                return self._users.present()
        except NoServer:
            return True  # by the one that starts or stops it


@contextlib.contextmanager
def _on_ending_signals(act: Callable[[], None]) -> Iterator[None]:
    """Let TERM, INT and HUP call `act`."""

    def handler(signum: int, frame: FrameType | None) -> None:
        act()

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
