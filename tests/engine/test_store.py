"""The blocking store against real servers in all their moods."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any

import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import StartRedis
from tests.support.own_redis import OwnRedis
from tests.support.waiting import eventually

from queuecore.address import parse_url
from queuecore.ahead import AheadStore
from queuecore.exchange import Exchange, load_script, single
from queuecore.lean import LeanStore
from queuecore.stores import Store
from resque.errors import (
    AuthRefused,
    NotRedis,
    OutcomeUnknown,
    OutOfMemory,
    Refused,
    StoreError,
    Unreachable,
    WrongType,
)
from resque.keys import Keys
from resque.store import queues

KEYS = Keys()
READ = queues.names(KEYS)
WRITE = queues.push(KEYS, "q", [b"x"])


@pytest.fixture(params=["blocking", "lean", "ahead"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which of the blocking runners: they keep the same promises."""
    return str(request.param)


def open_store(kind: str, url: str, *, timeout_s: float = 10) -> Store | LeanStore:
    if kind != "blocking":
        lean = LeanStore if kind == "lean" else AheadStore
        return lean(parse_url(url), timeout_s=timeout_s, client_name="test")
    return Store(url, timeout_s=timeout_s, client_name="test")


@pytest.fixture
def locked(start_redis: StartRedis) -> OwnRedis:
    """A server with a password."""
    return start_redis("--requirepass", "sesame")


@pytest.fixture
def web_server() -> Iterator[int]:
    """The port of something that answers, but speaks HTTP."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            with link:
                link.recv(4096)
                link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\nwhat?")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


def refusal_of(store: Store | LeanStore, operation: Exchange[Any]) -> StoreError:
    with pytest.raises(StoreError) as caught:
        store.run(operation)
    store.close()
    assert caught.value.__cause__ is None
    return caught.value


def test_writing_and_reading(kind: str, redis_url: str) -> None:
    store = open_store(kind, redis_url)
    assert store.run(queues.push(KEYS, "a b", [b"1", b"2"])) == 2
    assert store.run(READ) == ["a b"]
    window = store.run(queues.peek(KEYS, "a b", 0, 10))
    assert [item.raw for item in window.items] == [b"1", b"2"]
    store.close()
    # It opens another connection.
    assert store.run(queues.size(KEYS, "a b")) == 2
    store.close()


def test_an_exchange_without_commands_needs_no_answer(kind: str, redis_url: str) -> None:
    store = open_store(kind, redis_url)
    assert store.run(Exchange((), lambda replies: replies)) == []
    assert store.run(READ) == []
    store.close()


def test_a_forgotten_script_is_sent_again(kind: str, redis_url: str, direct: Direct) -> None:
    store = open_store(kind, redis_url)
    for _ in range(2):
        direct("SCRIPT", "FLUSH")
        assert store.run(queues.peek(KEYS, "q", 0, 1)).length == 0
    store.close()


def test_a_wrong_type_is_refused_and_the_connection_goes_on(
    kind: str, redis_url: str, direct: Direct
) -> None:
    direct("SET", "resque:queues", "x")
    store = open_store(kind, redis_url)
    with pytest.raises(WrongType):
        store.run(READ)
    with pytest.raises(WrongType):
        store.run(single(load_script("window").call([KEYS.queues()], [0, 1, 9]), lambda r: r))
    assert store.run(queues.size(KEYS, "q")) == 0
    store.close()


@pytest.mark.parametrize(
    "url", ["unix:///nowhere/at/all", "redis://localhost:1", "redis://no.such.host.invalid"]
)
def test_no_server_listens(kind: str, url: str) -> None:
    for operation in (READ, WRITE):
        problem = refusal_of(open_store(kind, url, timeout_s=5), operation)
        # A write that never left is not an unknown outcome.
        assert type(problem) is Unreachable
        assert url.partition("://")[2].partition(":")[0] in str(problem)


@pytest.mark.parametrize("password", ["", ":wrong@", "me:wrong@"])
def test_no_or_a_wrong_password(kind: str, locked: OwnRedis, password: str) -> None:
    problem = refusal_of(open_store(kind, locked.url.replace("//", f"//{password}")), READ)
    assert type(problem) is AuthRefused
    assert "wrong" not in str(problem).replace("wrong password", "").replace("wrong user", "")


def test_the_right_password(kind: str, locked: OwnRedis) -> None:
    store = open_store(kind, locked.url.replace("//", "//:sesame@"))
    assert store.run(READ) == []
    store.close()


def test_a_user_without_the_right(kind: str, start_redis: StartRedis) -> None:
    server = start_redis()
    with server.direct() as direct:
        direct("ACL", "SETUSER", "eve", "on", ">secret", "~*", "+@connection", "+@read")
    store = open_store(kind, server.url.replace("//", "//eve:secret@"))
    assert store.run(READ) == []
    problem = refusal_of(store, WRITE)
    assert type(problem) is AuthRefused
    assert "right" in str(problem)


def test_a_database_that_is_not_there(kind: str, redis_url: str) -> None:
    problem = refusal_of(open_store(kind, redis_url.replace("db=0", "db=4711")), READ)
    assert isinstance(problem, Refused)
    assert "4711" in str(problem) or "DB index" in str(problem)


def test_something_that_is_not_redis(kind: str, web_server: int) -> None:
    problem = refusal_of(open_store(kind, f"redis://127.0.0.1:{web_server}"), READ)
    assert type(problem) is NotRedis


def test_a_frozen_server(kind: str, start_redis: StartRedis) -> None:
    server = start_redis()
    reading = open_store(kind, server.url, timeout_s=0.2)
    writing = open_store(kind, server.url, timeout_s=0.2)
    assert reading.run(READ) == writing.run(READ) == []
    server.send(SIGSTOP)
    try:
        assert type(refusal_of(reading, READ)) is Unreachable
        assert type(refusal_of(writing, WRITE)) is OutcomeUnknown
    finally:
        server.send(SIGCONT)
    # The answers that came too late belong to no exchange.
    for store in (reading, writing):
        assert store.run(single(("ECHO", "mine"), lambda reply: reply)) == b"mine"
        store.close()


def test_a_server_without_memory(kind: str, start_redis: StartRedis) -> None:
    server = start_redis("--maxmemory", "1mb", "--maxmemory-policy", "noeviction")
    store = open_store(kind, server.url)
    problem: StoreError | None = None
    for _ in range(100):
        try:
            store.run(queues.push(KEYS, "q", [b"x" * 50_000]))
        except OutOfMemory as error:
            problem = error
            break
    assert problem is not None
    assert store.run(queues.size(KEYS, "q")) >= 0
    store.close()


def test_a_connection_closed_by_the_server_while_idle(
    kind: str, redis_url: str, direct: Direct
) -> None:
    store = open_store(kind, redis_url)
    assert store.run(READ) == []
    direct("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    # Nothing was sent on the dead connection: this is no reason to fail.
    assert store.run(WRITE) == 1
    store.close()


def test_a_connection_that_ends_before_the_answer(kind: str, start_redis: StartRedis) -> None:
    server = start_redis()
    store = open_store(kind, server.url)
    assert store.run(READ) == []
    blocked = Exchange((("BLPOP", "nothing", 30),), lambda replies: replies, writes=True)

    def end_it() -> None:
        with server.direct() as direct:
            eventually(lambda: b"flags=b" in direct("CLIENT", "LIST"), "the store waits")
            direct("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    thread = threading.Thread(target=end_it)
    thread.start()
    assert isinstance(refusal_of(store, blocked), OutcomeUnknown)
    thread.join()


def test_a_child_opens_its_own_connection(redis_url: str) -> None:
    with Store(redis_url) as store:
        assert store.run(READ) == []
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = 0 if store.run(WRITE) == 1 else 2
            finally:
                os._exit(status)
        _, status = os.waitpid(pid, 0)
        assert status == 0
        assert store.run(queues.size(KEYS, "q")) == 1


def test_threads_share_a_store(redis_url: str) -> None:
    wrong: list[object] = []
    with Store(redis_url) as store:

        def ask(number: int) -> None:
            for turn in range(50):
                word = b"%d:%d" % (number, turn)
                answer = store.run(single(("ECHO", word), lambda reply: reply))
                if answer != word:
                    wrong.append((word, answer))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_socket_path_that_is_a_plain_file(kind: str) -> None:
    with tempfile.NamedTemporaryFile() as file:
        problem = refusal_of(open_store(kind, f"unix://{Path(file.name)}"), READ)
    assert type(problem) is Unreachable
