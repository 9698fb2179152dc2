"""With --ascii only ASCII reaches the terminal, on every screen."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from tests import words
from tests.support.direct import Direct
from tests.support.sample_data import failure

from qtop.text.format import to_ascii
from qtop.text.safe import safe
from queuecore.address import parse_url

DEADLINE_S = 30.0
COLUMNS, LINES = 140, 40


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("plain", "plain"),
        ("waiting▼ …", "waitingv ~"),
        ("▌2 Queues ● ⚠", ">2 Queues * !"),
        ("● ▲ ○ ✓", "* ^ o +"),
        ("▁▂▃▄▅▆▇█", "_.:-=+*#"),
        ("╭──╮│╰╯", "+--+|++"),
        ("\x1b[1mmöwe\x1b[0m", "\x1b[1mm?we\x1b[0m"),
        ("日本", "????"),
        ("e\u0301", "e"),
    ],
)
def test_our_symbols_have_ascii_forms_and_data_become_question_marks(text: str, drawn: str) -> None:
    assert to_ascii(text) == drawn


@given(st.text())
def test_every_text_becomes_ascii_of_the_same_width(text: str) -> None:
    shown = safe(text)
    drawn = to_ascii(shown)
    assert drawn.isascii()
    assert drawn.isprintable()
    assert len(drawn) == sum(map(cell_len, shown))


@dataclass
class Terminal:
    """A pseudo terminal with the console in it, and what a person sees there."""

    process: "subprocess.Popen[bytes]"
    fd: int
    written: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self.screen)

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def until_shown(self, text: str, gone: str = "") -> None:
        """Read until a text is there and another one is not."""
        deadline_s = time.monotonic() + DEADLINE_S
        while text not in (shown := "\n".join(self.screen.display)) or (gone and gone in shown):
            assert time.monotonic() < deadline_s, f"no {text!r}, or still {gone!r}:\n{shown}"
            if select.select([self.fd], [], [], 0.05)[0]:
                data = os.read(self.fd, 65_536)
                self.written += data
                self._stream.feed(data)


@pytest.fixture
def terminal(redis_url: str) -> Iterator[Terminal]:
    path = parse_url(redis_url).path
    assert path is not None
    with Direct(path) as direct:
        direct("SADD", "resque:queues", "möwe-日本")
        direct("RPUSH", "resque:queue:möwe-日本", '{"class":"Möwe","args":["ä…●"]}')
        for number in range(60):
            entry = failure(number + 1, error="Fehler: größer als…", queue="möwe").item.raw
            direct("RPUSH", "resque:failed", entry)
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "qtop", redis_url, "--ascii", "--interval", "0.25"],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={
            **os.environ,
            "TERM": "xterm-256color",
            "COLUMNS": str(COLUMNS),
            "LINES": str(LINES),
        },
        start_new_session=True,
    )
    os.close(follower)
    yield Terminal(process, leader)
    if process.poll() is None:
        process.kill()
    process.wait()
    os.close(leader)


@pytest.mark.redis
def test_no_other_character_reaches_the_terminal_on_any_screen(terminal: Terminal) -> None:
    terminal.until_shown("waiting")
    before = ""
    for keys, text in (
        ("2", "m?we-????"),
        ("\r", words.jobs(1, 1, 1)),
        ("\r", "> one job"),
        ("\x1b", words.jobs(1, 1, 1)),
        ("3", "worker"),
        ("s", words.START_TITLE),
        ("\x1b", "No workers yet"),
        ("4", "Fehler: gr??er"),
        ("t", "entries 1 to"),
        ("  ", "\n|*"),
        ("d", words.question("Delete", 2, "failed job")),
        ("\x1b", words.NOTHING_CHANGED),
        ("\r", "> one failure"),
        ("?", "PgDn"),
        ("G", "unknown (not zero)"),
        ("4", "entries 1 to"),
        ("/", "class:Mail*"),
        ("Fehler\r", words.match(60)),
        ("5", ">5 Scheduled"),
        ("6", ">6 Local"),
        ("7", ">7 History"),
        ("1", ">1 Overview"),
        ("2", ">2 Queues"),
        (":", "Command or action ..."),
    ):
        terminal.press(keys)
        # The screen behind a dialog is shown already; a key that is typed too soon after esc would
        # be another key.
        terminal.until_shown(text, before if keys == "\x1b" else "")
        before = text
    assert bytes(terminal.written).isascii()
