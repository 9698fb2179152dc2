"""The console in a real terminal: what it writes there, and how it leaves."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from resque.wire.exchange import single
from resque.wire.keys import Keys
from resque.wire.stores import Store

pytestmark = pytest.mark.redis

KEYS = Keys("resque")
DEADLINE_S = 30.0
RESTORED = b"\x1b[?1049l"
RUN = """
import sys
from pathlib import Path
from qtop.app import QtopApp
from resque.wire.address import parse_url
app = QtopApp(parse_url(sys.argv[1]), url=sys.argv[1], namespace="resque", interval_s=0.25,
    read_only=False, require=(), log_folder=Path(sys.argv[2]))
app.run()
sys.exit(app.return_code)
"""


@dataclass
class Terminal:
    """A pseudo terminal of 100 x 30 with the console in it."""

    process: "subprocess.Popen[bytes]"
    fd: int
    written: bytes = field(default=b"")

    def read_until(self, text: bytes) -> None:
        deadline_s = time.monotonic() + DEADLINE_S
        while text not in self.written:
            assert time.monotonic() < deadline_s, self.written[-2_000:]
            self._read()

    def wait(self) -> int:
        """Wait for the end, reading all the while: a full terminal would hold the console up."""
        deadline_s = time.monotonic() + DEADLINE_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline_s, self.written[-2_000:]
            self._read()
        self._read()
        return self.process.returncode

    def _read(self) -> None:
        ready, _, _ = select.select([self.fd], [], [], 0.05)
        if ready:
            try:
                self.written += os.read(self.fd, 65_536)
            except OSError:  # the other side is closed
                time.sleep(0.01)


@pytest.fixture
def terminal(redis_url: str, tmp_path: Path) -> Iterator[Terminal]:
    evil = b"\x1b]52;c;aGk=\x07\x1b[2J\x9b31m"
    with Store(redis_url) as store:
        store.run(single(("SADD", KEYS.queues(), b"mail" + evil), int, writes=True))
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, redis_url, str(tmp_path)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment,
        start_new_session=True,
    )
    os.close(follower)
    terminal = Terminal(process, leader)
    yield terminal
    if process.poll() is None:
        process.kill()
    process.wait()
    os.close(terminal.fd)


def test_escape_sequences_in_data_do_not_reach_the_terminal(terminal: Terminal) -> None:
    terminal.read_until(b"mail")
    os.write(terminal.fd, b"q")
    assert terminal.wait() == 0
    assert b"]52;" in terminal.written
    assert b"\x1b]52;" not in terminal.written
    assert b"\x1b[2J\xc2" not in terminal.written
    assert b"\x9b31m" not in terminal.written


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_console_and_restores_the_terminal(
    terminal: Terminal, number: signal.Signals
) -> None:
    terminal.read_until(b"mail")
    terminal.process.send_signal(number)
    assert terminal.wait() == 0
    assert RESTORED in terminal.written


def test_the_first_frame_comes_before_the_first_look(terminal: Terminal) -> None:
    terminal.read_until(b"mail")
    assert b"Connecting to" in terminal.written
    assert terminal.written.index(b"Connecting to") < terminal.written.index(b"mail")


def test_the_console_ends_by_itself_when_the_terminal_vanishes(terminal: Terminal) -> None:
    terminal.read_until(b"mail")
    # No signal comes: the terminal was not this session's own.
    vanished, terminal.fd = terminal.fd, os.open(os.devnull, os.O_RDWR)
    os.close(vanished)
    assert terminal.process.wait(DEADLINE_S) == 1
