"""Reaching a Redis on TCP or a unix socket: passwords, users, their rights, databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.tcp_redis import KINDS, Runners, Servers, TcpRedis, problem_of

from queuecore.exchange import Exchange, single
from queuecore.server import Binary
from resque.errors import AuthRefused, BadUrl, Refused, Unreachable
from resque.keys import Keys
from resque.store import queues

KEYS = Keys()
READ = queues.names(KEYS)
WRITE = queues.push(KEYS, "q", [b"x"])
WHOAMI: Exchange[bytes] = single(("ACL", "WHOAMI"), lambda reply: reply)
CLIENT: Exchange[bytes] = single(("CLIENT", "INFO"), lambda reply: reply)


@pytest.fixture(scope="module")
def server(redis_binary: Binary) -> Iterator[TcpRedis]:
    """A server with a password, and with users of different rights."""
    everything = ("~*", "+@all")
    with Servers(redis_binary.path) as start:
        started = start(password="sesame")
        with started.direct() as direct:
            direct("ACL", "SETUSER", "ann", "on", ">a b/c@d:e", *everything)
            direct("ACL", "SETUSER", "eve", "on", ">secret", *everything, "-rpush")
            direct("ACL", "SETUSER", "bob", "on", ">secret", "~other:*", "+@all")
            direct("ACL", "SETUSER", "tim", "on", ">secret", *everything, "-evalsha", "-eval")
            direct("ACL", "SETUSER", "uma", "on", ">secret", *everything, "-select")
        yield started


@pytest.fixture(autouse=True)
def _emptied(server: TcpRedis) -> None:
    server("FLUSHALL")


@pytest.fixture(params=KINDS)
def reach(request: pytest.FixtureRequest) -> Iterator[Runners]:
    """Opens runners of one kind."""
    with Runners(request.param) as runners:
        yield runners


def places(server: TcpRedis, login: str, db: int = 0) -> tuple[str, str]:
    """The two URLs of the server for a user."""
    return (
        f"redis://{login}@127.0.0.1:{server.port}/{db}",
        f"unix://{login}@{server.socket}?db={db}",
    )


def test_a_password_opens_a_port_and_a_socket(reach: Runners, server: TcpRedis) -> None:
    for count, url in enumerate(places(server, ":sesame"), start=1):
        runner = reach(url)
        assert runner.run(WRITE) == count
        assert runner.run(READ) == ["q"]
        assert runner.run(WHOAMI) == b"default"
        assert b" name=test " in runner.run(CLIENT)


def test_a_user_is_identified_by_name_and_password(reach: Runners, server: TcpRedis) -> None:
    for url in places(server, "ann:a%20b%2Fc%40d%3Ae"):
        assert reach(url).run(WHOAMI) == b"ann"


def test_a_wrong_or_missing_password_is_no_outage(reach: Runners, server: TcpRedis) -> None:
    for login in ("", "ann", ":wrong", "ann:wrong", "nobody:sesame"):
        for url in places(server, login):
            problem = problem_of(lambda url=url: reach(url).run(WRITE))  # type: ignore[misc]
            assert type(problem) is AuthRefused
            assert "URL" in str(problem)
            assert "sesame" not in str(problem)


def test_a_missing_right_names_the_command(reach: Runners, server: TcpRedis) -> None:
    for url in places(server, "eve:secret"):
        runner = reach(url)
        problem = problem_of(lambda r=runner: r.run(WRITE))  # type: ignore[misc]
        assert type(problem) is AuthRefused
        assert "rpush" in str(problem)
        assert "NOPERM" in str(problem)
        assert runner.run(READ) == ["q"], "the connection goes on"


def test_a_missing_right_to_keys_or_scripts_is_named_too(reach: Runners, server: TcpRedis) -> None:
    problem = problem_of(lambda: reach(places(server, "bob:secret")[0]).run(READ))
    assert type(problem) is AuthRefused
    assert "key" in str(problem)
    script = queues.push_all(KEYS, {"q": [b"x"]})
    problem = problem_of(lambda: reach(places(server, "tim:secret")[0]).run(script))
    assert type(problem) is AuthRefused
    assert "evalsha" in str(problem)


def test_a_right_that_connecting_needs_is_named_too(reach: Runners, server: TcpRedis) -> None:
    assert reach(places(server, "uma:secret")[0]).run(READ) == []
    problem = problem_of(lambda: reach(places(server, "uma:secret", db=3)[0]).run(READ))
    assert type(problem) is AuthRefused
    assert "select" in str(problem)


def test_databases_are_kept_apart(reach: Runners, server: TcpRedis) -> None:
    for url in places(server, ":sesame", db=3):
        runner = reach(url)
        runner.run(WRITE)
        assert b" db=3 " in runner.run(CLIENT)
    assert reach(places(server, ":sesame")[0]).run(READ) == []
    assert reach(f"{server.url[:-2]}?db=3".replace("//", "//:sesame@")).run(READ) == ["q"]


def test_a_database_that_is_not_there_is_named(reach: Runners, server: TcpRedis) -> None:
    for url in places(server, ":sesame", db=4711):
        problem = problem_of(lambda url=url: reach(url).run(READ))  # type: ignore[misc]
        assert isinstance(problem, BadUrl | Refused)
        assert "4711" in str(problem)


def test_a_closed_port_is_an_outage(reach: Runners, server: TcpRedis) -> None:
    problem = problem_of(lambda: reach(f"unix:///{server.folder}/nobody").run(WRITE))
    assert type(problem) is Unreachable
    assert "no such socket" in str(problem)
    # Port 1 belongs to a service nobody runs, and no test can be given it.
    problem = problem_of(lambda: reach("redis://127.0.0.1:1").run(WRITE))
    assert type(problem) is Unreachable
    assert "connection refused" in str(problem)
    assert "127.0.0.1:1" in str(problem)
