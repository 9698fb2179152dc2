"""The console in a real terminal, screen after screen: a person sees what Textual painted."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from codecs import getincrementaldecoder
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from tests import words
from tests.support.direct import Direct
from tests.support.sample_data import failure
from tests.support.terminal_emulator import Emulator

from queuecore.address import parse_url

pytestmark = pytest.mark.redis

DEADLINE_S = 30.0
COLUMNS, LINES = 120, 30
#: The console, with everything that Textual writes kept in a file, a JSON string a line.
RUN = """
import json, sys
from pathlib import Path
from qtop.app.app import ConsoleOptions, QtopApp
from qtop.config.places import PlaceOptions
from qtop.app.terminal.diff import Output
from queuecore.address import parse_url

written = open(sys.argv[2], "w")
passed = Output.passed

def keep(self, data):
    print(json.dumps(data), file=written, flush=True)
    return passed(self, data)

Output.passed = keep
place = PlaceOptions("resque", "resque", parse_url(sys.argv[1]), "resque", sys.argv[1])
app = QtopApp(ConsoleOptions((place,), interval_s=0.25, read_only=False,
    log_folder=Path(sys.argv[2]).parent / "log"))
app.run()
"""
#: Runs before the console: just after the console has read the size, the terminal gets another one.
#: `os.kill` returns when the signal has arrived.
TWO_SIZES_AT_ONCE = """
import fcntl, os, shutil, signal, struct, termios
read = shutil.get_terminal_size

def read_as_it_changes():
    size = read()
    if size == (120, 40):
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 50, 0, 0))
        os.kill(os.getpid(), signal.SIGWINCH)
    return size

shutil.get_terminal_size = read_as_it_changes
"""
QUEUES = (
    "mail",
    "möwe-日本",
    "e\u0301clair",
    "👨\u200d👩\u200d👧",
    "नमस्ते",
    "\x1b[2J\x1b]52;c;aGk=\x07",
    "שלום",
)


@dataclass
class Terminal:
    """A terminal with the console in it, and an emulator that gets all that Textual writes."""

    process: "subprocess.Popen[bytes]"
    fd: int
    path: Path

    def __post_init__(self) -> None:
        self.seen, self.painted = Emulator(COLUMNS, LINES), Emulator(COLUMNS, LINES)
        self.sent = self.written = 0
        self._decode = getincrementaldecoder("utf-8")().decode
        self._taken_lines = 0

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        self.expect(columns, lines)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    def expect(self, columns: int, lines: int) -> None:
        """Set both to terminals of this size, which have lost their contents."""
        for screen in (self.seen, self.painted):
            screen.resize(lines, columns)
            screen.erase_in_display(2)

    def until_both_show(self, text: str) -> None:
        """Read until the text is on both, and both show the same."""
        deadline_s = time.monotonic() + DEADLINE_S
        while text not in self.seen.text() or self.seen.cells() != self.painted.cells():
            assert time.monotonic() < deadline_s, f"no {text!r}:\n{self.differences()}"
            self.read(0.05)

    def read(self, wait_s: float) -> bool:
        """Read what arrived, after waiting for it at most so long. Returns whether anything did."""
        has_come = bool(select.select([self.fd], [], [], wait_s)[0])
        if has_come:
            data = os.read(self.fd, 65_536)
            self.sent += len(data)
            self.seen.feed(self._decode(data))
        self._take()
        return has_come

    def differences(self) -> str:
        """The screen, and lines that were painted otherwise."""
        seen, painted = self.seen.display, self.painted.display
        other = [f"{a!r}\n{b!r}" for a, b in zip(seen, painted, strict=True) if a != b]
        return "\n".join((*seen, "painted otherwise:", *other))

    def _take(self) -> None:
        # The last line may be half written.
        lines = self.path.read_text("utf-8").split("\n")[:-1]
        for line in lines[self._taken_lines :]:
            data = json.loads(line)
            self.written += len(data.encode("utf-8"))
            self.painted.feed(data)
        self._taken_lines = len(lines)


@pytest.fixture
def terminal(redis_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    program = f"{getattr(request, 'param', '')}{RUN}"
    path = parse_url(redis_url).path
    assert path is not None
    with Direct(path) as direct:
        for number, name in enumerate(QUEUES):
            direct("SADD", "resque:queues", name)
            for _ in range(number + 1):
                direct("RPUSH", f"resque:queue:{name}", json.dumps({"class": name, "args": [name]}))
            entry = failure(number + 1, error=f"Fehler: größer als {name}", queue=name).item.raw
            direct("RPUSH", "resque:failed", entry)
    (tmp_path / "written").touch()
    leader, follower = pty.openpty()
    fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    environment = {key: os.environ[key] for key in os.environ if key not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-c", program, redis_url, str(tmp_path / "written")],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**environment, "TERM": "xterm-256color"},
        start_new_session=True,
    )
    os.close(follower)
    yield Terminal(process, leader, tmp_path / "written")
    if process.poll() is None:
        process.kill()
    process.wait()
    os.close(leader)


def test_every_screen_is_seen_as_it_was_painted(terminal: Terminal) -> None:
    terminal.until_both_show("waiting")
    for keys, text in (
        ("2", "möwe"),
        ("jjjk  ", "●"),
        ("oo", "out/s▼"),
        ("\x1bG\r", "jobs 1 to"),
        ("\r", "> one job"),
        ("\x1b", "jobs 1 to"),
        ("3", "No workers yet"),
        ("4", "Fehler"),
        ("t", "entries 1 to"),
        ("  d", words.question("Delete", 2, "failed job")),
        ("\x1b", words.NOTHING_CHANGED),
        ("\r", "Backtrace"),
        ("jjjjG", "Backtrace"),
        ("?", "PgDn"),
        ("\x1b", "Backtrace"),
        ("4", "entries 1 to"),
        ("/", "class:Mail*"),
        ("Fehler\r", words.match(7)),
        ("5", "▌5 Scheduled"),
        ("6", "▌6 Local"),
        ("7", "▌7 History"),
        ("T", "solarized-dark"),
        ("\r", "until the console ends"),
        ("1", "▌1 Overview"),
        (":", "Command or action"),
    ):
        terminal.press(keys)
        terminal.until_both_show(text)
    assert terminal.sent < terminal.written


def test_after_a_change_of_size_and_after_ctrl_z_nothing_is_left_out(terminal: Terminal) -> None:
    terminal.press("2")
    terminal.until_both_show("möwe")
    # The last resize: the size was another one, and is the same again when the console reads it.
    for columns, lines in ((80, 24), (120, 40), (50, 10), (100, 30), (100, 30)):
        terminal.resize(columns, lines)
        terminal.until_both_show(words.has_size(50, 10) if columns == 50 else "möwe")
    terminal.press("\x1a")
    process = psutil.Process(terminal.process.pid)
    deadline_s = time.monotonic() + DEADLINE_S
    while process.status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline_s, process.status()
        terminal.read(0.01)  # a full terminal would block it
    while terminal.read(0):
        pass
    for screen in (terminal.seen, terminal.painted):
        screen.reset()
    process.resume()
    terminal.until_both_show("möwe")


@pytest.mark.parametrize("terminal", [TWO_SIZES_AT_ONCE], indirect=True)
def test_the_last_of_two_simultaneous_resizes_counts(terminal: Terminal) -> None:
    terminal.press("2")
    terminal.until_both_show("möwe")
    terminal.resize(120, 40)
    terminal.expect(50, 10)
    terminal.until_both_show(words.has_size(50, 10))


def test_ctrl_l_removes_what_another_program_wrote(terminal: Terminal) -> None:
    terminal.press("2")
    terminal.until_both_show("möwe")
    terminal.seen.feed("\x1b7\x1b[5;10HBroadcast message: going down for maintenance\x1b8")
    assert "Broadcast" in terminal.seen.text()
    terminal.press("\x0c")
    terminal.until_both_show("möwe")
    assert "Broadcast" not in terminal.seen.text()
