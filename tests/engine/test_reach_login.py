"""Reaching a Redis as a user with few rights, and Sentinels with a login or TLS of their own."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import hiredis
import pytest
import trustme
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.tcp_redis import KINDS, Runners, Servers, problem_of
from tests.support.tls_proxy import TlsProxy
from tests.support.waiting import eventually
from tests.support.worker_process import ROOT

from queuecore.exchange import Exchange, single
from queuecore.server import Binary
from resque import Resque
from resque.errors import AuthRefused, Unreachable
from resque.keys import Keys
from resque.store import queues

WRITE = queues.push(Keys(), "q", [b"x"])
NAME: Exchange[bytes] = single(("CLIENT", "GETNAME"), lambda reply: reply or b"")
SECRETS = ("sesame", "tahini", "halva")


@pytest.fixture
def all_kinds() -> Iterator[Runners]:
    """Opens runners of every kind."""
    with Runners(*KINDS) as runners:
        yield runners


@pytest.fixture(params=KINDS)
def reach(request: pytest.FixtureRequest) -> Iterator[Runners]:
    """Opens runners of one kind."""
    with Runners(request.param) as runners:
        yield runners


@pytest.fixture
def start(redis_binary: Binary) -> Iterator[Servers]:
    """Starts servers of the test's own."""
    with Servers(redis_binary.path) as servers:
        yield servers


@pytest.mark.parametrize("rights", ["-client", "-client|setname", "-client|setinfo"])
def test_a_user_who_may_not_set_a_name_may_work(
    all_kinds: Runners, direct: Direct, redis_url: str, rights: str
) -> None:
    direct("ACL", "SETUSER", "modest", "reset", "on", ">sesame", "~*", "+@all")
    try:
        direct("ACL", "SETUSER", "modest", rights)
    except hiredis.ReplyError as refused:
        # CLIENT SETINFO is there since 7.2, and taking away one of CLIENT's commands since 7.0.
        pytest.skip(f"this server is older: {refused}")
    url = redis_url.replace("unix://", "unix://modest:sesame@")
    try:
        runners = all_kinds.each(url)
        assert [runner.run(WRITE) for runner in runners] == [1, 2, 3]
        if rights != "-client":
            may = rights != "-client|setname"
            assert [bool(runner.run(NAME)) for runner in runners] == [may] * 3
    finally:
        direct("ACL", "DELUSER", "modest")


def test_the_rights_that_the_manual_names_are_enough_for_workers_and_schedulers(
    direct: Direct, redis_url: str, push: Push, start_worker: StartWorker, tmp_path: Path
) -> None:
    manual = (ROOT / "engine" / "README.md").read_text("utf-8")
    [rights] = re.findall(r"`ACL SETUSER worker (.*?)`", manual)
    direct("ACL", "SETUSER", "worker", "reset", *rights.replace("PASSWORD", "sesame").split())
    url = redis_url.replace("unix://", "unix://worker:sesame@")
    dead = "h:1:default"
    direct("SET", f"resque:worker:{dead}", '{"queue":"default","run_at":"","payload":{}}')
    direct("HSET", "resque:workers:heartbeat", dead, "2020-01-01T00:00:00+00:00")
    direct("RPUSH", "resque:delayed:1", '{"class":"OkJob","args":[],"queue":"default"}')
    direct("ZADD", "resque:delayed_queue_schedule", 1, "1")
    try:
        scheduler = start_worker(module="resque.scheduler", url=url, RESQUE_REQUIRE="")
        eventually(lambda: direct("LLEN", "resque:queue:default") == 1, "the job is moved")
        assert scheduler.leave(signal.SIGTERM) == 0
        push("FailJob", "boom")
        direct("RPUSH", "resque:queue:default", "no job")
        for more in ({}, {"RESQUE_REQUEUE_LOST": "1", "FAILURE_BACKEND": "redis_multi_queue"}):
            worker = start_worker("default,*", url=url, INTERVAL="0", **more)
            assert worker.wait() == 0, worker.log()
            assert "lacks a right" not in worker.log()
            push("KillSelf")
        resque = Resque(url)
        assert resque.enqueue_to("default", "OkJob")
        resque.close()
    finally:
        direct("ACL", "DELUSER", "worker")


def test_what_else_a_user_may_not_is_refused_as_ever(
    reach: Runners, direct: Direct, redis_url: str
) -> None:
    direct("ACL", "SETUSER", "modest", "reset", "on", ">sesame", "~*", "+ping")
    try:
        url = redis_url.replace("unix://", "unix://modest:sesame@")
        problem = problem_of(lambda: reach(url).run(WRITE))
    finally:
        direct("ACL", "DELUSER", "modest")
    assert type(problem) is AuthRefused
    assert "sesame" not in str(problem)


def test_sentinels_have_a_password_of_their_own(start: Servers, all_kinds: Runners) -> None:
    primary = start(password="sesame")
    watch = f"sentinel monitor main 127.0.0.1 {primary.port} 1"
    sentinel = start(watch, "sentinel auth-pass main sesame", password="tahini", sentinel=True)
    sentinel("ACL", "SETUSER", "asker", "on", ">halva", "+sentinel|get-master-addr-by-name")
    place = f"127.0.0.1:{sentinel.port}/main/0"
    for login in ("sentinel_password=tahini", "sentinel_username=asker&sentinel_password=halva"):
        for runner in all_kinds.each(f"redis+sentinel://:sesame@{place}?{login}"):
            assert runner.run(WRITE) > 0
    for wrong in ("", "?sentinel_password=halva", "?sentinel_username=asker"):
        for runner in all_kinds.each(f"redis+sentinel://:sesame@{place}{wrong}"):
            problem = problem_of(lambda r=runner: r.run(WRITE))  # type: ignore[misc]
            assert type(problem) is Unreachable
            assert "?sentinel_username=...&sentinel_password=..." in str(problem)
            assert not any(secret in f"{problem} {problem!r}" for secret in SECRETS)


@pytest.mark.parametrize("scheme", ["rediss+sentinel", "redis+sentinel"])
def test_sentinels_and_primaries_speak_tls(
    start: Servers, all_kinds: Runners, tmp_path: Path, scheme: str
) -> None:
    authority = trustme.CA()
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    certificate = authority.issue_cert("127.0.0.1")
    primary = start()
    with TlsProxy(primary.socket, certificate) as front:
        # What a Sentinel tells of is the port that it was given, whether it can reach it or not.
        port = front.port if scheme == "rediss+sentinel" else primary.port
        sentinel = start(f"sentinel monitor main 127.0.0.1 {port} 1", sentinel=True)
        with TlsProxy(sentinel.socket, certificate) as asked:
            place = f"{scheme}://127.0.0.1:{asked.port}/main/0?ca={file}&sentinel_tls=yes"
            runners = all_kinds.each(place)
            assert [runner.run(WRITE) for runner in runners] == [1, 2, 3]
        plain = f"{scheme}://127.0.0.1:{sentinel.port}/main/0?ca={file}&sentinel_tls=no"
        assert [runner.run(WRITE) for runner in all_kinds.each(plain)] == [4, 5, 6]
