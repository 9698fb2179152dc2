"""Reaching whichever server is the primary at the moment, as Sentinels tell it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pytest
from tests.support.engine_fixtures import StartWorker
from tests.support.tcp_redis import (
    KINDS,
    Runners,
    Servers,
    TcpRedis,
    line_job,
    problem_of,
    until_served,
)
from tests.support.waiting import PATIENCE_S, eventually

from queuecore.exchange import Exchange, single
from queuecore.server import Binary
from resque.errors import ReadOnly, Refused, Unreachable
from resque.keys import Keys
from resque.store import queues

KEYS = Keys()
READ = queues.names(KEYS)
WRITE = queues.push(KEYS, "q", [b"x"])
PORT: Exchange[int] = single(("CONFIG", "GET", "port"), lambda reply: int(reply[1]))
JOBS = 30
#: The job during which the primary dies.
GATE = 10


class Trio:
    """A primary, its replica, and a Sentinel that watches them under the name `main`."""

    def __init__(self, start: Servers) -> None:
        # Sentinels ask for no password here; the servers do.
        both = ("repl-diskless-sync-delay 0", "masterauth sesame")
        self.primary = start(*both, password="sesame")
        follows = f"replicaof 127.0.0.1 {self.primary.port}"
        self.replica = start(*both, follows, password="sesame")
        eventually(self._is_linked, "the replica follows the primary")
        self.sentinel = start(
            f"sentinel monitor main 127.0.0.1 {self.primary.port} 1",
            "sentinel auth-pass main sesame",
            "sentinel down-after-milliseconds main 300",
            "sentinel failover-timeout main 10000",
            sentinel=True,
        )
        eventually(self._knows_the_replica, "the Sentinel knows the replica")
        self.url = f"redis+sentinel://:sesame@127.0.0.1:{self.sentinel.port}/main/0"

    def _is_linked(self) -> bool:
        return b"state=online" in self.primary("INFO", "replication")

    def _knows_the_replica(self) -> bool:
        for flat in self.sentinel("SENTINEL", "REPLICAS", "main"):
            state = dict(zip(flat[::2], flat[1::2], strict=True))
            if state[b"flags"] == b"slave" and state[b"master-link-status"] == b"ok":
                return True
        return False

    def await_failover(self) -> None:
        """Wait until the Sentinel tells that the replica is the primary."""
        wanted = [b"127.0.0.1", b"%d" % self.replica.port]
        ask = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main")
        eventually(lambda: self.sentinel(*ask) == wanted, "the Sentinel tells the new primary")

    def fail_over(self) -> None:
        """Let the Sentinel make the replica the primary, and make the old primary its replica."""
        assert self.sentinel("SENTINEL", "FAILOVER", "main") == b"OK"
        self.await_failover()
        # The Sentinel does so much later, and would close the connections, too.
        assert self.primary("REPLICAOF", "127.0.0.1", self.replica.port) == b"OK"

    def await_copy(self) -> None:
        """Wait until the replica has all that the primary has."""
        with self.primary.direct() as direct:
            direct("SET", "own:marker", "x")
            assert direct("WAIT", 1, int(PATIENCE_S * 1000)) == 1


@pytest.fixture
def trio(redis_binary: Binary) -> Iterator[Trio]:
    with Servers(redis_binary.path) as start:
        yield Trio(start)


@pytest.fixture(scope="module")
def sentinel(redis_binary: Binary) -> Iterator[TcpRedis]:
    """A Sentinel that watches nothing."""
    with Servers(redis_binary.path) as start:
        yield start(sentinel=True)


@pytest.fixture(params=KINDS)
def reach(request: pytest.FixtureRequest) -> Iterator[Runners]:
    """Opens runners of one kind."""
    with Runners(request.param) as runners:
        yield runners


@pytest.fixture
def all_kinds() -> Iterator[Runners]:
    """Opens runners of every kind."""
    with Runners(*KINDS) as runners:
        yield runners


def test_a_failover_leads_to_a_fresh_look_up(trio: Trio, all_kinds: Runners) -> None:
    runners = all_kinds.each(trio.url)
    assert [runner.run(WRITE) for runner in runners] == [1, 2, 3]
    assert {runner.run(PORT) for runner in runners} == {trio.primary.port}
    trio.await_copy()
    trio.fail_over()
    trio.sentinel.send(SIGSTOP)
    for runner in runners:
        # Its connection is as good as before, but leads to a replica now.
        problem = problem_of(lambda r=runner: r.run(WRITE))  # type: ignore[misc]
        assert type(problem) is ReadOnly
        assert "primary" in str(problem)
    trio.sentinel.send(SIGCONT)
    assert [runner.run(WRITE) for runner in runners] == [4, 5, 6]
    assert {runner.run(PORT) for runner in runners} == {trio.replica.port}


def test_the_death_of_a_primary_is_survived(trio: Trio, all_kinds: Runners) -> None:
    # A Sentinel that has gone is passed over.
    url = trio.url.replace("@127.0.0.1:", "@127.0.0.1:1,127.0.0.1:")
    runners = all_kinds.each(url)
    assert [runner.run(WRITE) for runner in runners] == [1, 2, 3]
    trio.await_copy()
    trio.sentinel("SENTINEL", "SET", "main", "down-after-milliseconds", 600_000)
    trio.primary.kill()
    for runner in runners:
        assert type(problem_of(lambda r=runner: r.run(WRITE))) is Unreachable  # type: ignore[misc]
    trio.sentinel("SENTINEL", "SET", "main", "down-after-milliseconds", 300)
    trio.await_failover()
    sizes = [until_served(lambda r=r: r.run(WRITE), "it writes again") for r in runners]  # type: ignore[misc]
    assert sizes == [4, 5, 6]
    assert {runner.run(PORT) for runner in runners} == {trio.replica.port}


def test_a_worker_survives_the_death_of_its_primary_in_the_middle_of_a_job(
    trio: Trio, start_worker: StartWorker, tmp_path: Path
) -> None:
    files = [tmp_path / f"job-{number}" for number in range(JOBS)]
    # Whoever opens this one for writing waits until somebody reads it.
    os.mkfifo(files[GATE])
    trio.primary("RPUSH", "resque:queue:default", *map(line_job, files))
    worker = start_worker(url=trio.url, INTERVAL="600")
    record = f"resque:worker:{worker.id}"
    held = str(files[GATE]).encode()
    eventually(lambda: held in (trio.primary("GET", record) or b""), "the job is in its hands")
    # What a primary had not told its replica is lost with it, whatever a worker does.
    trio.await_copy()
    trio.primary.kill()
    trio.await_failover()
    assert read_fifo(files[GATE]) == b"performed\n"
    eventually(lambda: trio.replica("GET", "resque:stat:processed") == b"30", "all are closed")
    assert {file.read_text() for file in files if file != files[GATE]} == {"performed\n"}
    assert trio.replica("EXISTS", record, "resque:failed", "resque:queue:default") == 0
    assert worker.leave() == 0
    assert trio.replica("EXISTS", "resque:workers") == 0


def read_fifo(path: Path) -> bytes:
    # Opening it for reading does not wait here; the writer's opening ends by it.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.set_blocking(fd, True)
        return eventually(lambda: os.read(fd, 99), "the job has begun to write")
    finally:
        os.close(fd)


def test_an_idle_worker_waits_at_the_new_primary(
    trio: Trio, start_worker: StartWorker, tmp_path: Path
) -> None:
    worker = start_worker(url=trio.url, INTERVAL="600")
    eventually(lambda: is_awaited(trio.primary), "the worker waits at the primary")
    trio.await_copy()
    trio.fail_over()
    eventually(lambda: is_awaited(trio.replica), "the worker waits at the new primary")
    file = tmp_path / "job"
    trio.replica("RPUSH", "resque:queue:default", line_job(file))
    eventually(lambda: trio.replica("GET", "resque:stat:processed") == b"1", "it works there")
    assert file.read_text() == "performed\n"
    assert worker.leave() == 0


def is_awaited(server: TcpRedis) -> bool:
    return b" cmd=blmove " in server("CLIENT", "LIST")


def test_a_name_that_no_sentinel_knows_is_reported(reach: Runners, sentinel: TcpRedis) -> None:
    place = f"redis+sentinel://127.0.0.1:{sentinel.port}/other/0"
    problem = problem_of(lambda: reach(place).run(WRITE))
    assert type(problem) is Unreachable
    assert str(problem) == (
        f"the Sentinels of {place} know no primary 'other' that runs: "
        "check its name, or wait for their failover"
    )


def test_sentinels_that_do_not_answer_are_reported(reach: Runners, sentinel: TcpRedis) -> None:
    for hosts in ("127.0.0.1:1", f"127.0.0.1:{sentinel.port},127.0.0.1:1"):
        place = f"redis+sentinel://{hosts}/main/0"
        problem = problem_of(lambda: reach(place.replace("//", "//:pw@")).run(WRITE))  # noqa: B023
        assert type(problem) is Unreachable
        assert str(problem) == (
            f"no Sentinel of {place} says where the primary is (connection refused): "
            "check that they run, their addresses, and the primary's name"
        )


def test_a_redis_is_not_taken_for_a_sentinel(reach: Runners, redis_binary: Binary) -> None:
    with Servers(redis_binary.path) as start:
        place = f"redis+sentinel://127.0.0.1:{start().port}/main/0"
        problem = problem_of(lambda: reach(place).run(READ))
    assert isinstance(problem, Refused | Unreachable)
    assert "unknown command" in str(problem)
    assert "SENTINEL" in str(problem)
