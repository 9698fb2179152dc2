"""One private server, shared: started, adopted, held, described and stopped by its users."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support import private_server
from tests.support.private_server import StartUser, await_end, is_alive, pid_of, say
from tests.support.waiting import PATIENCE_S, eventually

from queuecore.server import Binary, PrivateServer, Status
from resque.errors import NoServer

folder = private_server.folder
start_user = private_server.start_user

FOREGROUND = """
import sys
from pathlib import Path
from queuecore.server import PrivateServer
sys.exit(PrivateServer(Path(sys.argv[1])).run_in_foreground(lambda url: print(url, flush=True)))
"""


def test_a_started_server_answers_keeps_data_on_disk_and_refuses_to_forget(folder: Path) -> None:
    with PrivateServer(folder) as server:
        assert say(server, "PING") == "+PONG"
        for name, value in (
            ("port", "0"),
            ("appendonly", "yes"),
            ("appendfsync", "everysec"),
            ("maxmemory-policy", "noeviction"),
        ):
            assert say(server, f"CONFIG GET {name}").splitlines()[-1] == value


def test_ensuring_twice_keeps_the_same_server(folder: Path) -> None:
    with PrivateServer(folder) as server:
        before = pid_of(server)
        assert server.ensure() == server.url
        assert pid_of(server) == before


def test_a_living_server_is_adopted(folder: Path, start_user: StartUser) -> None:
    other = start_user()
    url, pid = other.line(), int(other.line())
    server = PrivateServer(folder)
    assert server.ensure() == url
    assert pid_of(server) == pid
    server.close()


def test_processes_that_start_together_share_one_server(start_user: StartUser) -> None:
    users = [start_user() for _ in range(4)]
    assert len({user.line() for user in users}) == 1
    pids = {user.line() for user in users}
    assert len(pids) == 1
    assert [user.leave() for user in users] == ["False", "False", "False", "True"]
    await_end(int(pids.pop()))


def test_the_first_to_leave_lets_the_server_live_and_the_last_one_stops_it(
    folder: Path, start_user: StartUser
) -> None:
    starter = start_user()
    starter.line()
    server = PrivateServer(folder)
    server.ensure()
    pid = pid_of(server)
    assert starter.leave() == "False"
    assert say(server, "PING") == "+PONG"
    assert server.close() is True
    await_end(pid)
    assert not server.socket.exists()


def test_users_that_leave_at_the_same_time_never_leave_a_server_behind(
    start_user: StartUser,
) -> None:
    for _ in range(3):
        users = [start_user() for _ in range(3)]
        for user in users:
            user.line()
        pids = {int(user.line()) for user in users}
        for user in users:
            user.tell_to_leave()
        assert sorted(user.line() for user in users) == ["False", "False", "True"]
        for pid in pids:
            await_end(pid)


def test_a_killed_user_leaves_the_server_and_the_next_one_adopts_and_stops_it(
    folder: Path, start_user: StartUser
) -> None:
    killed = start_user()
    killed.line()
    pid = int(killed.line())
    killed.kill()
    assert is_alive(pid)
    server = PrivateServer(folder)
    server.ensure()
    assert pid_of(server) == pid
    assert server.close() is True
    await_end(pid)


def test_a_worker_that_only_holds_keeps_the_server_alive(folder: Path) -> None:
    owner = PrivateServer(folder)
    worker = PrivateServer.at(owner.ensure())
    assert worker is not None
    worker.hold()
    assert owner.close() is False
    assert say(owner, "PING") == "+PONG"
    assert worker.close() is True


@pytest.mark.parametrize("module", ["resque.worker", "resque.scheduler"])
def test_a_worker_or_scheduler_that_leaves_last_stops_the_server(folder: Path, module: str) -> None:
    owner = PrivateServer(folder)
    environment = {**private_server.python_env(), "REDIS_URL": owner.ensure(), "QUEUE": "*"}
    user = subprocess.Popen([sys.executable, "-m", module], env=environment, stdout=subprocess.PIPE)
    try:
        assert user.stdout is not None
        assert user.stdout.readline()
        pid = pid_of(owner)
        assert owner.close() is False
        assert is_alive(pid)
        user.terminate()
        assert user.wait(PATIENCE_S) == 0
        await_end(pid)
    finally:
        user.kill()
        user.communicate()


def test_a_forked_child_cannot_give_up_its_parents_hold(folder: Path) -> None:
    with PrivateServer(folder) as server:
        child = os.fork()
        if child == 0:
            os._exit(int(server.close()))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert say(server, "PING") == "+PONG"
        assert server.status().in_use


def test_closing_twice_or_without_having_started_does_nothing(folder: Path) -> None:
    server = PrivateServer(folder)
    assert server.close() is False
    server.ensure()
    assert server.close() is True
    assert server.close() is False


def test_another_address_is_not_a_private_server(folder: Path) -> None:
    assert PrivateServer.at("redis://localhost:6379/0") is None
    assert PrivateServer.at(f"unix://{folder}/s") is None


def test_data_survives_closing_and_opening_again(folder: Path) -> None:
    with PrivateServer(folder) as server:
        assert say(server, "SET job 41") == "+OK"
        assert say(server, "INCR job") == ":42"
    with PrivateServer(folder) as server:
        assert say(server, "GET job").endswith("42")


def test_data_is_kept_in_plain_commands_that_servers_of_other_versions_read(folder: Path) -> None:
    with PrivateServer(folder) as server:
        say(server, "SET job 42")
        assert say(server, "BGREWRITEAOF").startswith("+")
        eventually(
            lambda: "aof_rewrite_in_progress:0" in say(server, "INFO persistence"),
            "the file is written",
        )
    assert list(folder.rglob("*.rdb")) == []
    with PrivateServer(folder) as server:
        assert say(server, "GET job").endswith("42")


def test_the_status_of_a_running_server_says_what_it_is(folder: Path, redis_binary: Binary) -> None:
    server = PrivateServer(folder)
    assert server.status() == Status(server.socket, running=False, in_use=False)
    assert not folder.exists()
    with server:
        status = server.status()
        assert status.running
        assert status.in_use
        assert status.pid is not None
        assert is_alive(status.pid)
        assert status.binary is not None
        assert status.binary.origin == redis_binary.origin
        assert status.started_at is not None
        assert status.version is not None
        assert status.version.split()[0] in ("redis", "valkey")
        eventually(lambda: server.status().clients == 0, "no client is left")
    assert not server.status().running
    assert not server.status().in_use


def test_stop_ends_a_server_that_others_use_and_keeps_its_data(
    folder: Path, start_user: StartUser
) -> None:
    user = start_user()
    user.line()
    pid = int(user.line())
    server = PrivateServer(folder)
    assert say(server, "SET job 42") == "+OK"
    assert server.status().in_use
    assert server.stop() is True
    await_end(pid)
    assert server.stop() is False
    with server:
        assert say(server, "GET job").endswith("42")
        assert user.leave() == "False"


def test_the_server_has_a_session_of_its_own_and_no_terminal(folder: Path) -> None:
    with PrivateServer(folder) as server:
        pid = pid_of(server)
        assert os.getsid(pid) == pid
        os.kill(pid, signal.SIGHUP)
        assert say(server, "PING") == "+PONG"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_server_in_the_foreground_is_stopped_cleanly_by(
    number: signal.Signals, folder: Path, start_user: StartUser
) -> None:
    foreground = start_user(FOREGROUND)
    server = PrivateServer(folder)
    assert foreground.line() == server.url
    pid = pid_of(server)
    say(server, "SET job 42")
    foreground.process.send_signal(number)
    assert foreground.process.wait(PATIENCE_S) == 0
    await_end(pid)
    with server:
        assert say(server, "GET job").endswith("42")


def test_a_server_in_the_foreground_stays_when_its_other_users_leave(
    folder: Path, start_user: StartUser
) -> None:
    foreground = start_user(FOREGROUND)
    foreground.line()
    server = PrivateServer(folder)
    server.ensure()
    assert server.close() is False
    assert say(server, "PING") == "+PONG"
    with pytest.raises(NoServer, match="runs already"):
        server.run_in_foreground()
    assert server.stop() is True
    assert foreground.process.wait(PATIENCE_S) == 0
