"""What can go wrong around the private server, and what is said and left then."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest
from tests.support import private_server
from tests.support.private_server import StartUser, await_end, kill_server, pid_of, say
from tests.support.waiting import eventually

from queuecore.server import Binary, PrivateServer, process
from resque.errors import NoServer

folder = private_server.folder
start_user = private_server.start_user

STRANGER = """
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1] + '/s')
listener.listen()
print('ready', flush=True)
while True:
    link, _ = listener.accept()
    link.recv(100)
    link.sendall(b'220 \\x1b[31mmail\\r\\n')
"""

STARTER = """
import fcntl, sys
lock = open(sys.argv[1] + '/lock', 'w')
fcntl.flock(lock, fcntl.LOCK_EX)
print('ready', flush=True)
sys.stdin.readline()
"""


def script(path: Path, text: str) -> Binary:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return Binary(path, "a test")


def test_a_stale_socket_is_noticed_and_replaced(folder: Path) -> None:
    with PrivateServer(folder) as server:
        killed = kill_server(server)
        assert server.socket.exists()
        server.ensure()
        assert pid_of(server) != killed
        assert say(server, "PING") == "+PONG"


def test_a_file_in_the_place_of_the_socket_is_replaced(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    (folder / "s").write_text("")
    with PrivateServer(folder) as server:
        assert say(server, "PING") == "+PONG"


def test_a_socket_that_answers_but_is_not_redis_is_named_as_such(
    folder: Path, start_user: StartUser
) -> None:
    folder.mkdir(mode=0o700)
    assert start_user(STRANGER).line() == "ready"
    with pytest.raises(NoServer, match="not our Redis") as caught:
        PrivateServer(folder).ensure()
    assert "\x1b" not in str(caught.value)
    assert (folder / "s").exists()


def test_a_redis_that_qtop_did_not_start_is_not_adopted(folder: Path, redis_binary: Binary) -> None:
    folder.mkdir(mode=0o700)
    command = [str(redis_binary.path), "--port", "0", "--unixsocket", str(folder / "s")]
    command += ["--save", "", "--logfile", str(folder / "other.log")]
    process = subprocess.Popen(command, cwd=folder)
    try:
        server = PrivateServer(folder)

        def answers() -> bool:
            with contextlib.suppress(OSError):
                return say(server, "PING") == "+PONG"
            return False

        eventually(answers, "it answers")
        with pytest.raises(NoServer, match="did not start"):
            server.ensure()
        assert server.stop() is False
        assert answers()
    finally:
        process.kill()
        process.wait()


def test_a_silent_server_is_neither_replaced_nor_waited_for_without_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PrivateServer(folder) as server:
        pid = pid_of(server)
        monkeypatch.setattr(process, "ANSWER_TIMEOUT_S", 0.1)
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(NoServer, match="does not answer"):
                PrivateServer(folder).ensure(timeout_s=0.1)
            with pytest.raises(NoServer, match="does not stop"):
                PrivateServer(folder).stop(timeout_s=0.1)
        finally:
            os.kill(pid, signal.SIGCONT)
        await_end(pid)


def test_a_second_qtop_gives_up_when_the_first_never_finishes_starting(
    folder: Path, start_user: StartUser
) -> None:
    folder.mkdir(mode=0o700)
    assert start_user(STARTER).line() == "ready"
    with pytest.raises(NoServer, match="Another qtop"):
        PrivateServer(folder).ensure(timeout_s=0.1)


def test_a_server_that_dies_is_reported_with_its_last_words(folder: Path, tmp_path: Path) -> None:
    bogus = script(tmp_path / "bogus", "echo no such luck >&2; exit 3")
    with pytest.raises(NoServer, match="status 3") as caught:
        PrivateServer(folder, lambda: bogus).ensure()
    assert "no such luck" in str(caught.value)
    assert str(bogus.path) in str(caught.value)


def test_only_the_last_words_of_this_start_are_shown(folder: Path, tmp_path: Path) -> None:
    first = script(tmp_path / "first", "echo old trouble; exit 1")
    with pytest.raises(NoServer, match="old trouble"):
        PrivateServer(folder, lambda: first).ensure()
    loud = script(tmp_path / "loud", "yes noise | head -n 100000; echo new trouble; exit 1")
    with pytest.raises(NoServer, match="new trouble") as caught:
        PrivateServer(folder, lambda: loud).ensure()
    assert "old trouble" not in str(caught.value)
    assert len(str(caught.value)) < 2000


def test_a_program_that_never_answers_is_ended(folder: Path, tmp_path: Path) -> None:
    mute = script(tmp_path / "mute", "exec sleep 1000")
    with pytest.raises(NoServer, match="does not listen"):
        PrivateServer(folder, lambda: mute).ensure(timeout_s=0.2)
    # It would still hold the lock that it inherited, and no other server could start.
    with PrivateServer(folder) as server:
        assert say(server, "PING") == "+PONG"


def test_a_program_that_cannot_be_run_is_reported(folder: Path, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("not a program")
    with pytest.raises(NoServer, match="cannot be started"):
        PrivateServer(folder, lambda: Binary(text, "a test")).ensure()


def test_a_failed_start_does_not_count_as_a_user(folder: Path, tmp_path: Path) -> None:
    failed = PrivateServer(folder, lambda: script(tmp_path / "bogus", "exit 3"))
    with pytest.raises(NoServer):
        failed.ensure()
    with PrivateServer(folder) as server:
        pid = pid_of(server)
    await_end(pid)


def test_damaged_data_is_reported_by_the_servers_own_words(folder: Path) -> None:
    with PrivateServer(folder) as server:
        say(server, "SET job 42")
    (manifest,) = (folder / "appendonlydir").glob("*.manifest")
    manifest.write_text("nonsense\n")
    with pytest.raises(NoServer, match="manifest"):
        PrivateServer(folder).ensure()


def test_stop_ends_a_server_whose_socket_was_removed(folder: Path) -> None:
    with PrivateServer(folder) as server:
        pid = pid_of(server)
        server.socket.unlink()
        assert server.stop() is True
        await_end(pid)


def test_a_pid_that_now_belongs_to_another_process_is_not_signalled(folder: Path) -> None:
    with PrivateServer(folder) as server:
        pid = pid_of(server)
        bystander = subprocess.Popen(["sleep", "1000"], cwd=folder)
        try:
            (folder / "server.pid").write_text(str(bystander.pid))
            with pytest.raises(NoServer, match="does not stop"):
                server.stop(timeout_s=0.1)
            assert bystander.poll() is None
            (folder / "server.pid").write_text(str(pid))
        finally:
            bystander.kill()
            bystander.wait()
