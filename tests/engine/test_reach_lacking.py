"""Servers that lack commands, that have no room, or that are something else than Redis."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from tests.support.engine_fixtures import StartRedis, StartWorker
from tests.support.fake_server import Answer, Peer, each
from tests.support.rights import OPTIONAL
from tests.support.tcp_redis import KINDS, Runners, problem_of
from tests.support.waiting import eventually

from queuecore import windows
from queuecore.exchange import single
from resque.errors import (
    AuthRefused,
    MissingCommand,
    NotRedis,
    OutcomeUnknown,
    Refused,
    StoreError,
    TooManyClients,
    Unreachable,
)
from resque.keys import Keys
from resque.store import queues

READ = queues.names(Keys())
WRITE = queues.push(Keys(), "q", [b"x"])


@pytest.fixture(params=KINDS)
def reach(request: pytest.FixtureRequest) -> Iterator[Runners]:
    """Opens runners of one kind."""
    with Runners(request.param) as runners:
        yield runners


@pytest.fixture
def lacking(start_redis: StartRedis) -> str:
    """The URL of a server without any of the optional commands."""
    options = (part for name in OPTIONAL for part in ("--rename-command", name, ""))
    return start_redis(*options).url


def test_every_optional_command_may_be_missing(lacking: str) -> None:
    with Runners(*KINDS) as runners:
        for runner in runners.each(lacking):
            runner.run(WRITE)
            assert runner.run(READ) == ["q"]
            assert runner.run(windows.size_bytes(Keys().queue("q"))) is None
            assert runner.run(queues.remove_queue(Keys(), "q")) == 1
            assert runner.run(READ) == []


def test_workers_and_schedulers_do_without_them(lacking: str, start_worker: StartWorker) -> None:
    with Runners("lean") as runners:
        runner = runners(lacking)
        runner.run(queues.push(Keys(), "default", [b'{"class":"OkJob","args":[]}']))
        worker = start_worker(url=lacking, INTERVAL="0")
        assert worker.wait() == 0, worker.log()
        assert runner.run(single(("GET", Keys().stat("processed")), int)) == 1
        runner.run(single(("RPUSH", "resque:delayed:1", '{"class":"A","queue":"q"}'), int))
        runner.run(single(("ZADD", "resque:delayed_queue_schedule", 1, "1"), int))
        scheduler = start_worker(module="resque.scheduler", url=lacking, RESQUE_REQUIRE="")
        waiting = single(("LLEN", Keys().queue("q")), int)
        eventually(lambda: runner.run(waiting) == 1, "the job is moved")
        assert scheduler.leave(signal.SIGTERM) == 0


def test_a_command_that_is_needed_is_reported_as_missing(
    reach: Runners, start_redis: StartRedis
) -> None:
    url = start_redis("--rename-command", "EVALSHA", "").url
    find = windows.find(Keys().queue("q"), "0" * 40, 0)
    problem = problem_of(lambda: reach(url).run(find))
    assert type(problem) is MissingCommand
    assert "EVALSHA" in str(problem)


@pytest.mark.parametrize("login", ["", ":sesame@", "user:sesame@"])
def test_a_server_without_room_says_so_each_time(
    reach: Runners, start_redis: StartRedis, login: str
) -> None:
    full = start_redis("--maxclients", "1")
    url = full.url.replace("unix://", f"unix://{login}")
    with full.direct() as only_one:
        eventually(lambda: only_one("PING") == b"PONG", "the only client is served")
        runner = reach(url)
        for operation in (READ, WRITE) * 5:
            problem = problem_of(lambda o=operation: runner.run(o))  # type: ignore[misc]
            assert type(problem) is TooManyClients
            assert "max number of clients" in str(problem)


@pytest.mark.parametrize(
    ("greeting", "kind"),
    [
        (b"-ERR max number of clients reached\r\n", TooManyClients),
        (b"-DENIED Redis is running in protected mode because\r\n", AuthRefused),
    ],
)
def test_what_a_server_says_before_it_hangs_up_is_the_reason(
    reach: Runners, greeting: bytes, kind: type[StoreError]
) -> None:
    with Peer(each(b""), greeting) as peer:
        for login in ("", ":sesame@"):
            runner = reach(peer.url.replace("unix://", f"unix://{login}"))
            for operation in (READ, WRITE) * 5:
                problem = problem_of(lambda o=operation, r=runner: r.run(o))  # type: ignore[misc]
                assert type(problem) is kind
                assert greeting[1:-2].decode() in str(problem)


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        (each(b"-ERR unknown command\r\n"), (MissingCommand,)),
        (each(b"-invalid request\r\n"), (Refused,)),
        (each(b"ERROR\r\n"), (NotRedis,)),
        (each(b"HTTP/1.1 400 Bad Request\r\n\r\n"), (NotRedis,)),
        # It hangs up: whether the write was under way is not known.
        (each(b""), (Unreachable, OutcomeUnknown)),
    ],
    ids=["another RESP server", "a proxy", "memcached", "a web server", "one that hangs up"],
)
def test_what_is_no_redis_is_reported_in_a_sentence(
    reach: Runners, answer: Answer, kinds: tuple[type[StoreError], ...]
) -> None:
    with Peer(answer) as peer:
        runner = reach(peer.url)
        for operation in (READ, WRITE):
            problem = problem_of(lambda o=operation: runner.run(o))  # type: ignore[misc]
            assert type(problem) in kinds
        runner.close()


def test_a_login_stays_required_and_is_never_repeated(reach: Runners) -> None:
    def echo(command: list[bytes]) -> bytes:
        return b"-ERR unknown command: %s\r\n" % b" ".join(command)

    with Peer(echo) as peer:
        problem = problem_of(
            lambda: reach(peer.url.replace("unix://", "unix://:sesame@")).run(READ)
        )
    assert type(problem) is MissingCommand
    assert "sesame" not in f"{problem} {problem!r}"


def test_the_first_database_is_not_asked_for(reach: Runners, start_redis: StartRedis) -> None:
    url = start_redis("--rename-command", "SELECT", "").url
    assert reach(url).run(WRITE) == 1
    problem = problem_of(lambda: reach(url.replace("db=0", "db=1")).run(WRITE))
    assert type(problem) is MissingCommand
