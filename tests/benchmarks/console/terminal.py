"""The console in a terminal of its own, and what it costs there."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pyte

DEADLINE_S = 60.0
#: Enough for the undo of a bulk action on a very long list.
_UNDO_MIB = "1024"
#: The column in which a row with the cursor is seen.
_CURSOR_COLUMN = 3


def environment(url: str, **more: str) -> dict[str, str]:
    """The environment of `qtop`. Its modules are compiled once, as in an installed package, not at
    each start."""
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return inherited | {"REDIS_URL": url} | more


class Terminal:
    """A pseudo terminal with the console in it.

    Args:
        url: The Redis.
        folder: For its logs.
        size: Columns and lines.
        more: Further arguments for `qtop`.
    """

    def __init__(
        self, url: str, folder: Path, size: tuple[int, int] = (120, 40), more: Sequence[str] = ()
    ) -> None:
        columns, lines = size
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self.written = 0
        leader, follower = pty.openpty()
        self._fd = leader
        self.begun_s = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "qtop", *more],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env=environment(
                url,
                TERM="xterm-256color",
                COLUMNS=str(columns),
                LINES=str(lines),
                QTOP_STATE_DIR=str(folder),
                QTOP_UNDO_MIB=_UNDO_MIB,
            ),
            start_new_session=True,
        )
        os.close(follower)
        self.process = psutil.Process(self._process.pid)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._fd)

    def text(self) -> str:
        """The text on the screen."""
        return "\n".join(self._screen.display)

    def read(self, wait_s: float) -> float | None:
        """Read what was written, after waiting for it at most so long. Returns when it arrived."""
        ready, _, _ = select.select([self._fd], [], [], wait_s)
        if not ready:
            return None
        came_s = time.perf_counter()
        data = os.read(self._fd, 1 << 20)
        self.written += len(data)
        self._stream.feed(data)
        return came_s

    def until(self, is_so: Callable[[str], bool], limit_s: float = DEADLINE_S) -> float:
        """Read until the condition is true for the screen. Returns when the last byte for that
        arrived."""
        deadline_s = time.perf_counter() + limit_s
        while time.perf_counter() < deadline_s:
            came_s = self.read(0.5)
            if came_s is not None and is_so(self.text()):
                return came_s
        raise TimeoutError(f"waited in vain; the screen shows:\n{self.text()}")

    def settle(self, quiet_s: float = 0.4) -> None:
        """Read until nothing was written for a while."""
        while self.read(quiet_s) is not None:
            pass

    def watch(self, seconds: float) -> tuple[float, float]:
        """Watch for a while. Returns the bytes a second and the part of a core that it cost."""
        before, cpu = self.written, self._cpu_s()
        begun_s = time.perf_counter()
        while (left_s := begun_s + seconds - time.perf_counter()) > 0:
            self.read(left_s)
        took_s = time.perf_counter() - begun_s
        return (self.written - before) / took_s, (self._cpu_s() - cpu) / took_s

    def press(self, keys: str) -> float:
        """Press keys. Returns how long it took until something was painted, in ms."""
        begun_s = time.perf_counter()
        os.write(self._fd, keys.encode())
        came_s = self.read(DEADLINE_S)
        if came_s is None:
            raise TimeoutError(f"nothing was painted after {keys!r}")
        return (came_s - begun_s) * 1_000

    def move(self, key: str) -> float:
        """Press a key that moves the cursor of a table. Returns how long it took until the cursor
        was in another row, in ms: something else may be painted all the time."""
        while self.read(0.0) is not None:
            pass
        before, begun_s = self._cursor_rows(), time.perf_counter()
        os.write(self._fd, key.encode())
        return (self.until(lambda _: self._cursor_rows() != before) - begun_s) * 1_000

    def _cursor_rows(self) -> list[int]:
        rows = range(1, self._screen.lines)
        return [row for row in rows if self._screen.buffer[row][_CURSOR_COLUMN].reverse]

    def type(self, keys: str) -> None:
        """Press keys without waiting."""
        os.write(self._fd, keys.encode())

    def rss_mb(self) -> float:
        """Memory of the console."""
        return self.process.memory_info().rss / 2**20

    def _cpu_s(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system
