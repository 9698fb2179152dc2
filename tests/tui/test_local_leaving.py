"""After every kind of end, the terminal is restored, and no worker runs that should not."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from tests.support import private_server
from tests.support.direct import Direct
from tests.support.local_workers import of_folder, script, template
from tests.support.pty_console import RESTORED, Terminal, open_terminal
from tests.support.waiting import eventually

from queuecore.address import parse_url
from queuecore.server import PrivateServer

folder = private_server.folder

pytestmark = pytest.mark.redis

RUN = """
import signal, sys
from pathlib import Path
from qtop.app.app import ConsoleOptions, QtopApp
from qtop.config.places import PlaceOptions
from qtop.config.settings import DEFAULTS, Settings
from queuecore.address import parse_url
url, folder, command, lists, modules = sys.argv[1:]

place = PlaceOptions("resque", "resque", parse_url(url), "resque", url)
app = QtopApp(ConsoleOptions((place,), interval_s=0.25, read_only=False,
    require=tuple(filter(None, modules.split(","))), workers=tuple(filter(None, lists.split("|"))),
    log_folder=Path(folder) / "log",
    settings=Settings(values={**DEFAULTS, "worker_command": command or None})))
signal.signal(signal.SIGUSR1, lambda *_: app.call_later(lambda: 1 // 0))
app.run()
sys.exit(app.return_code)
"""
STARTED = b"started 2 here"


@contextmanager
def console_with_workers(url: str, folder: Path, lists: str = "mail|low") -> Iterator[Terminal]:
    """A console in a terminal that has started two stand-ins, which obey signals."""
    with open_terminal(RUN, url, str(folder), template(folder), lists, "") as terminal:
        terminal.read_until(STARTED)
        eventually(lambda: len(ready(folder)) == 2, "the stand-ins are ready")
        yield terminal


def ready(folder: Path) -> list[Path]:
    logs = folder.glob("local/*/worker-1.log")
    return [log for log in logs if "ready" in log.read_text("utf-8", "replace")]


def orphans(folder: Path) -> list[psutil.Process]:
    """The remaining processes of a console: only its supervisors and workers name its folder."""
    return [process for process in of_folder(folder) if RUN not in process.info["cmdline"]]


def end_all(folder: Path) -> None:
    """End all processes that a test did not end."""
    for process in orphans(folder):
        process.kill()
    eventually(lambda: not orphans(folder), "all are gone")


def quit_by_key(terminal: Terminal) -> None:
    terminal.press(b"q")
    terminal.read_until(b"Finish and stop")
    terminal.press(b"\r")


def stop_by_key(terminal: Terminal) -> None:
    terminal.press(b"q")
    terminal.read_until(b"Finish and stop")
    terminal.press(b"\t\r")


def by_signal(number: signal.Signals) -> Callable[[Terminal], None]:
    return lambda terminal: terminal.process.send_signal(number)


#: How it ends, what happens then, and whether there is a terminal to restore.
WAYS: dict[str, tuple[Callable[[Terminal], None], int, bool]] = {
    "finish and stop": (quit_by_key, 0, True),
    "stop now": (stop_by_key, 0, True),
    "TERM": (by_signal(signal.SIGTERM), 0, True),
    "HUP": (by_signal(signal.SIGHUP), 0, True),
    "INT": (by_signal(signal.SIGINT), 0, True),
    "QUIT": (by_signal(signal.SIGQUIT), 0, True),
    "a crash": (by_signal(signal.SIGUSR1), 1, True),
    "KILL": (by_signal(signal.SIGKILL), -9, False),
    "the terminal is gone": (lambda terminal: terminal.hang_up(), 1, False),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_kind_of_end_leaves_a_worker_behind(redis_url: str, tmp_path: Path, way: str) -> None:
    end, status, has_terminal = WAYS[way]
    with console_with_workers(redis_url, tmp_path) as terminal:
        assert len(orphans(tmp_path)) == 4
        # No worker has a job: a worker that is asked to finish ends at once.
        (tmp_path / "finish").touch()
        end(terminal)
        assert terminal.wait() == status
        assert (RESTORED in terminal.written) == has_terminal
        eventually(lambda: not orphans(tmp_path), "all workers are gone")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_running_jobs_are_finished_without_the_console(
    redis_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    with console_with_workers(redis_url, tmp_path) as terminal:
        terminal.process.send_signal(number)
        # The console does not wait for long jobs.
        terminal.wait()
        logs = ready(tmp_path)
        eventually(lambda: all("finishing" in log.read_text() for log in logs), "they were told")
        assert len(orphans(tmp_path)) == 4
        (tmp_path / "finish").touch()
        eventually(lambda: not orphans(tmp_path), "their jobs are done")
        assert all("exited with 0" in log.read_text() for log in logs)


def test_the_private_server_ends_with_the_last_worker_on_it(folder: Path, tmp_path: Path) -> None:
    server = PrivateServer(folder)
    with console_with_workers(server.ensure(), tmp_path) as terminal:
        pid = private_server.pid_of(server)
        assert server.close() is False
        terminal.process.send_signal(signal.SIGHUP)
        terminal.wait()
        assert private_server.is_alive(pid)
        (tmp_path / "finish").touch()
        eventually(lambda: not orphans(tmp_path), "their jobs are done")
        private_server.await_end(pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_that_a_script_started_end_with_the_console_too(
    redis_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    with open_terminal(RUN, redis_url, str(tmp_path), script(tmp_path), "mail", "") as terminal:
        terminal.read_until(b"started 1 here")
        eventually(lambda: len(ready(tmp_path)) == 1, "the stand-in is ready")
        assert len(orphans(tmp_path)) == 3
        (tmp_path / "finish").touch()
        terminal.process.send_signal(number)
        terminal.wait()
        eventually(lambda: not orphans(tmp_path), "all are gone")
    assert "left" in ready(tmp_path)[0].read_text()


def test_a_killed_supervisor_leaves_no_worker_behind(redis_url: str, tmp_path: Path) -> None:
    with console_with_workers(redis_url, tmp_path) as terminal:
        (tmp_path / "finish").touch()
        for process in orphans(tmp_path):
            if "qtop.local.supervisor" in process.info["cmdline"]:
                process.kill()
        eventually(lambda: not orphans(tmp_path), "the kernel told the workers")
        terminal.press(b"6")
        terminal.read_until(b"lost")
        terminal.press(b"q")
        assert terminal.wait() == 0


def test_workers_that_shall_stay_survive_every_kind_of_end(redis_url: str, tmp_path: Path) -> None:
    try:
        with console_with_workers(redis_url, tmp_path) as terminal:
            terminal.press(b"q")
            terminal.read_until(b"Leave running")
            terminal.press(b"\t\t\r")
            assert terminal.wait() == 0
            assert RESTORED in terminal.written
        pids = {process.pid for process in orphans(tmp_path)}
        assert len(pids) == 4
        # Another console finds them, and killing it does them no harm.
        with open_terminal(RUN, redis_url, str(tmp_path), template(tmp_path), "", "") as terminal:
            terminal.read_until(b"2 workers run here")
            terminal.process.kill()
            terminal.wait()
        assert {process.pid for process in orphans(tmp_path)} == pids
        assert not any("finishing" in log.read_text() for log in ready(tmp_path))
        (tmp_path / "finish").touch()
        with open_terminal(RUN, redis_url, str(tmp_path), template(tmp_path), "", "") as terminal:
            terminal.read_until(b"2 workers run here")
            terminal.press(b"q")
            terminal.read_until(b"Leave running")
            terminal.press(b"\x1b[D\x1b[D\r")
            assert terminal.wait() == 0
        eventually(lambda: not orphans(tmp_path), "they were stopped")
    finally:
        end_all(tmp_path)


def test_workers_go_on_while_the_terminal_is_not_read(redis_url: str, tmp_path: Path) -> None:
    path = parse_url(redis_url).path
    assert path is not None
    with (
        Direct(path) as direct,
        open_terminal(
            RUN, redis_url, str(tmp_path), "", "frozen", "tests.support.jobs.sample_jobs"
        ) as terminal,
    ):
        terminal.read_until(b"started 1 here")
        eventually(lambda: direct("SCARD", "resque:workers") == 1, "it is registered")
        # From here on nothing is read: the output of the console fills the terminal.
        for _ in range(40):
            terminal.press(b"23")
        eventually(lambda: terminal.is_full, "the terminal takes no more")
        direct("SADD", "resque:queues", "frozen")
        for _ in range(50):
            direct("RPUSH", "resque:queue:frozen", b'{"class":"OkJob","args":[]}')
        eventually(lambda: done(direct) >= 50, "the jobs are done")
        eventually(lambda: has_just_looked(direct), "the console goes on, too")
        assert terminal.is_full
        # The terminal is read again: everything continues.
        terminal.press(b"q")
        terminal.read_until(b"Finish and stop")
        terminal.press(b"\r")
        assert terminal.wait() == 0
        assert direct("SCARD", "resque:workers") == 0
    eventually(lambda: not orphans(tmp_path), "all are gone")


def done(direct: Direct) -> int:
    assert direct("GET", "resque:stat:failed") is None
    return int(direct("GET", "resque:stat:processed") or 0)


def has_just_looked(direct: Direct) -> bool:
    clients = direct("CLIENT", "LIST").decode().splitlines()
    ours = [dict(word.split("=", 1) for word in line.split()) for line in clients]
    return any(client["name"] == "qtop-looks" and client["idle"] == "0" for client in ours)
