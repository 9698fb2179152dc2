"""The console in a real terminal."""

import fcntl
import os
import pty
import select
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.forked_programs import ForkedProgram, fork_program

DEADLINE_S = 30.0
#: The kernel keeps this many bytes ready for the reader of a terminal; as much again and more waits
#: behind them.
MOST_WAITING = 4_095
RESTORED = b"\x1b[?1049l"
#: The same, with all that is written after it when the console restores the terminal.
LET_GO = RESTORED + b"\x1b[?25h\x1b[?1004l"


@dataclass
class Terminal:
    """A pseudo terminal of 100 x 30 with the console in it. `was` holds its settings before."""

    process: ForkedProgram
    fd: int
    was: list[Any]
    written: bytes = field(default=b"")

    def read_until(self, text: bytes) -> None:
        deadline_s = time.monotonic() + DEADLINE_S
        while text not in self.written:
            assert time.monotonic() < deadline_s, self.written[-2_000:]
            has_ended = self.process.poll() is not None
            self._read()
            assert text in self.written or not has_ended, self.written[-2_000:]

    def wait(self) -> int:
        """Wait for the end, and read meanwhile: a full terminal would block the console."""
        deadline_s = time.monotonic() + DEADLINE_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline_s, self.written[-2_000:]
            self._read()
        self._read()
        return self.process.wait()

    def press(self, keys: bytes) -> None:
        """Type something."""
        os.write(self.fd, keys)

    @property
    def is_as_it_was(self) -> bool:
        """Whether the terminal has the settings of before the console."""
        return termios.tcgetattr(self.fd) == self.was

    @property
    def is_full(self) -> bool:
        """Whether the terminal takes nothing more until it is read."""
        waiting = fcntl.ioctl(self.fd, termios.FIONREAD, bytes(struct.calcsize("i")))
        return bool(struct.unpack("i", waiting)[0] >= MOST_WAITING)

    def hang_up(self) -> None:
        """Close the terminal without a signal: it was not the session's own."""
        vanished, self.fd = self.fd, os.open(os.devnull, os.O_RDWR)
        os.close(vanished)

    def _read(self) -> None:
        ready, _, _ = select.select([self.fd], [], [], 0.05)
        if ready:
            try:
                data = os.read(self.fd, 65_536)
            except OSError:  # the other side is closed
                data = b""
            self.written += data
            if not data:
                time.sleep(0.01)


@contextmanager
def open_terminal(
    program: str, *arguments: str, term: str = "xterm-256color"
) -> Iterator[Terminal]:
    """Run a Python program, which imports the console, in such a terminal. It is killed at the end,
    if it still runs."""
    leader, follower = pty.openpty()
    was = termios.tcgetattr(leader)
    size = {"COLUMNS": "100", "LINES": "30"}
    environment = {**os.environ, "TERM": term, "COLORTERM": "", **size}
    process = fork_program(program, arguments, environment, follower)
    os.close(follower)
    terminal = Terminal(process, leader, was)
    try:
        yield terminal
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(terminal.fd)
