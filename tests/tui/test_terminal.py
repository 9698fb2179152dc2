"""The console in a real terminal: what it writes there, and how it ends."""

import os
import re
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.support.pty_console import DEADLINE_S, LET_GO, RESTORED, Terminal, open_terminal
from tests.support.sample_data import failure
from tests.support.waiting import eventually

from queuecore.exchange import single
from queuecore.stores import Store
from resque.keys import Keys

pytestmark = pytest.mark.redis

KEYS = Keys("resque")
LEAVING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
RUN = """
import sys
from pathlib import Path
from qtop.app.app import ConsoleOptions, QtopApp
from qtop.config.places import PlaceOptions
from queuecore.address import parse_url
place = PlaceOptions("resque", "resque", parse_url(sys.argv[1]), "resque", sys.argv[1])
app = QtopApp(ConsoleOptions((place,), interval_s=0.25, read_only=False,
    log_folder=Path(sys.argv[2])))
app.run()
sys.exit(app.return_code)
"""

#: The program, as a shell starts it.
PROGRAM = """
import os, sys
os.environ["QTOP_CONFIG"] = sys.argv[2]
from qtop.commands.cli import main
main(["--url", sys.argv[1]])
"""

#: The loop is busy until many keys wait for it and then a file exists: an example of anything that
#: blocks it.
BUSY = """
import asyncio, sys, time
from pathlib import Path
from qtop.app.app import QtopApp
def busy(app):
    print("busy", file=sys.__stderr__, flush=True)
    while len(asyncio.get_running_loop()._ready) < 1_000:
        time.sleep(0.01)
    print("behind", file=sys.__stderr__, flush=True)
    while not Path(sys.argv[2], "go on").exists():
        time.sleep(0.01)
QtopApp.action_help = busy
"""

#: The signal comes before there is a screen.
EARLY = """
import os, signal
from qtop.app.app import QtopApp
QtopApp.on_load = lambda app: os.kill(os.getpid(), signal.SIGTERM)
"""

#: A second one comes when the end has begun.
TWICE = """
import os, signal
from qtop.app.app import QtopApp
ended = QtopApp.on_unmount
async def once_more(app):
    os.kill(os.getpid(), signal.SIGTERM)
    await ended(app)
QtopApp.on_unmount = once_more
"""

#: The reader of keys fails, or Textual gives up by itself.
UNREADABLE = """
from qtop.app.terminal.driver import InputReader
def stumble(inlet, raw):
    raise ValueError("what a job says")
InputReader.take = stumble
"""
PANIC = """
from qtop.app.app import QtopApp
QtopApp.action_help = lambda app: app.panic("what a job says")
"""

NO_NAME_SERVER = """
import socket, sys, threading
def unanswered(*args, **options):
    print("asked", file=sys.__stderr__)
    threading.Event().wait()
socket.getaddrinfo = unanswered
"""


@pytest.fixture
def terminal(redis_url: str, tmp_path: Path) -> Iterator[Terminal]:
    evil = b"\x1b]52;c;aGk=\x07\x1b[2J\x9b31m"
    with Store(redis_url) as store:
        store.run(single(("SADD", KEYS.queues(), b"mail" + evil), int, writes=True))
    with open_terminal(RUN, redis_url, str(tmp_path)) as opened:
        yield opened


def test_escape_sequences_in_data_do_not_reach_the_terminal(terminal: Terminal) -> None:
    terminal.read_until(b"mail")
    os.write(terminal.fd, b"q")
    assert terminal.wait() == 0
    assert b"]52;" in terminal.written
    assert b"\x1b]52;" not in terminal.written
    assert b"\x1b[2J\xc2" not in terminal.written
    assert b"\x9b31m" not in terminal.written


def test_escape_sequences_do_not_reach_the_terminal_through_a_filter(terminal: Terminal) -> None:
    terminal.read_until(b"mail")
    terminal.press(b"2")
    terminal.read_until(b"W\x1b")
    terminal.press(b"W")
    terminal.read_until(b"lists:")
    terminal.press(b"/")
    terminal.read_until(b"u{1b}]52;")
    terminal.press(b"\r")
    # Not by a key: it may arrive while the line is still there, and be typed into it.
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.wait() == 0
    assert b"\x1b]52;" not in terminal.written


def test_a_failing_editor_gives_the_terminal_back(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "false")
    with Store(redis_url) as store:
        store.run(single(("RPUSH", KEYS.failed(), failure(1).item.raw), int, writes=True))
    with open_terminal(RUN, redis_url, str(tmp_path)) as terminal:
        terminal.read_until(b"4 Failed")
        terminal.press(b"4")
        terminal.read_until(b"1 group")
        terminal.press(b"t")
        terminal.read_until(b"newest first")
        terminal.press(b"e")
        terminal.read_until(b"Edit the payload")
        terminal.press(b"\x03")
        terminal.read_until(b"nothing was changed")
        terminal.press(b"q")
        assert terminal.wait() == 0
        assert terminal.is_as_it_was


@pytest.mark.parametrize("number", LEAVING)
def test_a_signal_ends_the_editor_and_the_console(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    pause = "import os, signal; print('editor', os.getpid(), 'here', flush=True); signal.pause()"
    monkeypatch.setenv("VISUAL", shlex.join([sys.executable, "-c", pause]))
    with Store(redis_url) as store:
        store.run(single(("RPUSH", KEYS.failed(), failure(1).item.raw), int, writes=True))
    with open_terminal(RUN, redis_url, str(tmp_path)) as terminal:
        terminal.read_until(b"4 Failed")
        terminal.press(b"4t")
        terminal.read_until(b"newest first")
        terminal.press(b"e")
        terminal.read_until(b" here")
        edits = int(terminal.written.rpartition(b"editor ")[2].split()[0])
        terminal.process.send_signal(number)
        assert terminal.wait() == 0
        assert terminal.is_as_it_was
    assert not psutil.pid_exists(edits)


@pytest.mark.parametrize("number", LEAVING)
def test_a_signal_ends_the_console_and_restores_the_terminal(
    terminal: Terminal, number: signal.Signals
) -> None:
    terminal.read_until(b"mail")
    terminal.process.send_signal(number)
    assert terminal.wait() == 0
    assert RESTORED in terminal.written
    assert terminal.is_as_it_was


@pytest.mark.parametrize("number", LEAVING)
def test_a_signal_after_more_keys_than_the_loop_can_queue_ends_the_console(
    redis_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    with open_terminal(BUSY + RUN, redis_url, str(tmp_path)) as terminal:
        terminal.read_until(b"4 Failed")
        terminal.press(b"?")
        terminal.read_until(b"busy")
        # The loop is woken by a byte for each, and for so many bytes there is no room.
        terminal.press(b"\x0c" * 1_000)
        terminal.read_until(b"behind")
        terminal.process.send_signal(number)
        (tmp_path / "go on").touch()
        assert terminal.wait() == 0
        assert terminal.is_as_it_was


@pytest.mark.parametrize("when", [EARLY, TWICE])
def test_a_signal_during_start_or_end_is_handled(redis_url: str, tmp_path: Path, when: str) -> None:
    with open_terminal(when + RUN, redis_url, str(tmp_path)) as terminal:
        if when == TWICE:
            terminal.read_until(b"4 Failed")
            terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait() == 0
        assert terminal.is_as_it_was


def test_a_stopped_console_ends_when_it_is_continued(terminal: Terminal) -> None:
    terminal.read_until(b"mail")
    terminal.press(b"\x1a")
    terminal.read_until(LET_GO)
    until_stopped(terminal)
    terminal.written = b""
    terminal.process.send_signal(signal.SIGTERM)
    terminal.process.send_signal(signal.SIGCONT)
    assert terminal.wait() == 0
    assert terminal.written == b""  # the terminal is a shell's
    assert terminal.is_as_it_was


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_terminal_of_16_colours_shows_what_is_wrong_in_red_and_yellow(
    redis_url: str, tmp_path: Path, theme: str
) -> None:
    themed = "settings=Settings({**DEFAULTS, 'theme': sys.argv[3]}), read_only="
    program = "from qtop.config.settings import DEFAULTS, Settings\n" + RUN.replace(
        "read_only=", themed
    )
    with Store(redis_url) as store:
        store.run(single(("SADD", KEYS.queues(), b"mail"), int, writes=True))
        store.run(single(("RPUSH", KEYS.queue("mail"), b"{}"), int, writes=True))
    with open_terminal(program, redis_url, str(tmp_path), theme, term="linux") as terminal:
        terminal.read_until(b"no workers")  # bad
        terminal.read_until(b"persistence")  # not so bad
        terminal.press(b"q")
        assert terminal.wait() == 0
    red, yellow = ("91", "93") if theme == "dark" else ("31", "33")
    assert {red, yellow} <= codes(terminal.written)
    assert not {"38", "48"} & codes(terminal.written)


def codes(written: bytes) -> set[str]:
    """All codes of colours and attributes that were sent."""
    found = re.findall(rb"\x1b\[([0-9;]*)m", written)
    return {code for each in found for code in each.decode().split(";")}


def test_bytes_that_are_no_keys_do_not_end_the_console(terminal: Terminal) -> None:
    terminal.read_until(b"mail")
    terminal.press(b"\xe9\xff\xc3\x1b[1114112u\x1b[97:65;2u\x1b[97;1:3u\x1b[200~caf\xe9\x1b[201~")
    terminal.press(b"2")
    terminal.read_until(b"W\x1b")
    terminal.press(b"q")
    assert terminal.wait() == 0


@pytest.mark.parametrize("trouble", [UNREADABLE, PANIC])
def test_a_crash_leaves_a_message_a_report_and_a_status(
    redis_url: str, tmp_path: Path, trouble: str
) -> None:
    with open_terminal(trouble + RUN, redis_url, str(tmp_path)) as terminal:
        terminal.read_until(b"4 Failed")
        terminal.press(b"?")
        assert terminal.wait() == 1
        assert terminal.is_as_it_was
        word = terminal.written.rpartition(RESTORED)[2]
    (report,) = tmp_path.glob("crash-*.txt")
    assert b"qtop crashed" in word
    assert str(report).encode() in word.replace(b"\r\n", b"")
    assert b"what a job says" not in word + report.read_bytes()


def test_the_first_frame_comes_before_the_first_poll(terminal: Terminal) -> None:
    terminal.read_until(b"mail")
    assert b"Connecting to" in terminal.written
    assert terminal.written.index(b"Connecting to") < terminal.written.index(b"mail")


def test_leaving_does_not_wait_for_a_name_server(tmp_path: Path) -> None:
    url = "redis://redis.example.com:6379"
    with open_terminal(NO_NAME_SERVER + RUN, url, str(tmp_path)) as terminal:
        terminal.read_until(b"asked")
        terminal.press(b"q")
        assert terminal.wait() == 0


def test_the_console_ends_by_itself_when_the_terminal_vanishes(terminal: Terminal) -> None:
    terminal.read_until(b"mail")
    terminal.hang_up()
    assert terminal.process.wait(DEADLINE_S) == 1


def test_a_continue_signal_without_a_stop_sets_the_terminal_up_again(terminal: Terminal) -> None:
    terminal.read_until(b"mail")
    for _ in range(2):
        terminal.written = b""
        terminal.process.send_signal(signal.SIGCONT)
        terminal.read_until(b"mail")
        assert RESTORED in terminal.written
        assert not terminal.is_as_it_was
    terminal.press(b"q")
    assert terminal.wait() == 0
    assert terminal.is_as_it_was


def test_a_terminal_that_reads_nothing_does_not_delay_the_end(terminal: Terminal) -> None:
    terminal.read_until(b"mail")
    for _ in range(400):
        terminal.press(b"\x0c")  # everything anew
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(DEADLINE_S) == 0
    assert terminal.is_as_it_was


def test_frames_that_a_slow_terminal_missed_are_painted_in_the_end(terminal: Terminal) -> None:
    terminal.read_until(b"mail")
    for _ in range(400):
        terminal.press(b"\x0c")
    terminal.press(b"?")
    terminal.read_until(b"Here, ")
    terminal.press(b"q")
    assert terminal.wait() == 0


def test_a_service_manager_may_send_term_and_cont(terminal: Terminal) -> None:
    terminal.read_until(b"mail")
    terminal.process.send_signal(signal.SIGTERM)
    terminal.process.send_signal(signal.SIGCONT)
    assert terminal.wait() == 0
    assert terminal.written.rfind(RESTORED) > terminal.written.rfind(b"\x1b[?1049h")
    assert terminal.is_as_it_was


def test_after_ctrl_z_and_fg_everything_is_painted_again(terminal: Terminal) -> None:
    terminal.read_until(b"mail")
    terminal.press(b"\x1a")
    terminal.read_until(LET_GO)
    until_stopped(terminal)
    terminal.written = b""
    terminal.process.send_signal(signal.SIGCONT)
    terminal.read_until(b"mail")
    terminal.press(b"q")
    assert terminal.wait() == 0


def until_stopped(terminal: Terminal) -> None:
    process = psutil.Process(terminal.process.pid)
    eventually(lambda: process.status() == psutil.STATUS_STOPPED, "the console is stopped")


def test_another_profile_is_opened_without_leaving_the_program(
    redis_url: str, tmp_path: Path
) -> None:
    settings = tmp_path / "qtop.toml"
    settings.write_text(f'[profiles.staging]\nurl = "{redis_url}"\nnamespace = "elsewhere"\n')
    with open_terminal(PROGRAM, redis_url, str(settings)) as terminal:
        terminal.read_until(b"Overview")
        terminal.press(b":profile staging\r")
        terminal.read_until(b"elsewhere")
        terminal.press(b"q")
        assert terminal.wait() == 0
        assert terminal.written.count(RESTORED) == 2
        assert terminal.is_as_it_was
