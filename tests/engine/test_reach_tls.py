"""Reaching a Redis through TLS. The bundled server may be built without it: here a proxy of the
test's own ends the encryption in front of a server."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from tests.support.direct import Direct
from tests.support.engine_fixtures import StartWorker
from tests.support.tcp_redis import KINDS, Runners, Servers, line_job, problem_of
from tests.support.tls_proxy import TlsProxy
from tests.support.waiting import eventually

from queuecore.exchange import Exchange, single
from queuecore.server import Binary
from resque.errors import BadUrl, NotRedis, StoreError, Unreachable
from resque.keys import Keys
from resque.store import queues

KEYS = Keys()
READ = queues.names(KEYS)
WRITE = queues.push(KEYS, "q", [b"x"])
_READ_BYTES = 1 << 16


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> Path:
    """The file of the authority's certificate."""
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture
def front(authority: trustme.CA, direct: Direct, redis_url: str) -> Iterator[TlsProxy]:
    """The empty server behind TLS, with a certificate for this host."""
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    with TlsProxy(_socket(redis_url), certificate) as opened:
        yield opened


def _socket(redis_url: str) -> Path:
    return Path(redis_url.removeprefix("unix://").partition("?")[0])


@pytest.fixture
def plain_port() -> Iterator[int]:
    """The port of something that answers whatever it is told, in plain text."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            with link, contextlib.suppress(OSError):
                link.recv(_READ_BYTES)
                link.sendall(b"-ERR unknown command\r\n")
                # Until the client has gone: closing first could take the answer back.
                link.recv(_READ_BYTES)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield int(listener.getsockname()[1])
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


@pytest.fixture(params=KINDS)
def reach(request: pytest.FixtureRequest) -> Iterator[Runners]:
    """Opens runners of one kind."""
    with Runners(request.param) as runners:
        yield runners


def refused(reach: Runners, url: str) -> StoreError:
    """Why a URL does not work: the same for reading and writing, as nothing was sent."""
    problems = [problem_of(lambda o=o: reach(url).run(o)) for o in (READ, WRITE)]  # type: ignore[misc]
    assert len({(type(problem), str(problem)) for problem in problems}) == 1
    return problems[0]


def test_an_authority_of_ones_own_is_trusted_by_its_file(
    reach: Runners, front: TlsProxy, ca: Path
) -> None:
    for host in ("127.0.0.1", "localhost"):
        runner = reach(f"rediss://{host}:{front.port}/2?ca={ca}")
        assert runner.run(WRITE) >= 1
        assert runner.run(READ) == ["q"]


def test_answers_of_many_pieces_arrive_whole(reach: Runners, front: TlsProxy, ca: Path) -> None:
    # More than a TLS record and more than one read holds.
    items = [b"%d" % number * 9_000 for number in range(100)]
    runner = reach(f"rediss://127.0.0.1:{front.port}?ca={ca}")
    runner.run(queues.push(KEYS, "q", items))
    whole: Exchange[list[bytes]] = single(("LRANGE", KEYS.queue("q"), 0, -1), lambda reply: reply)
    for _ in range(3):
        assert runner.run(whole) == items


def test_the_check_can_be_given_up(reach: Runners, front: TlsProxy) -> None:
    for answer in ("no", "none", "false", "0"):
        assert reach(f"rediss://127.0.0.1:{front.port}?verify={answer}").run(READ) == []


def test_an_untrusted_certificate_is_reported_with_the_remedy(
    reach: Runners, front: TlsProxy
) -> None:
    problem = refused(reach, f"rediss://127.0.0.1:{front.port}")
    assert type(problem) is Unreachable
    assert str(problem) == (
        f"cannot reach Redis at rediss://127.0.0.1:{front.port}/0 (its TLS certificate is not "
        "trusted): name the file of its CA as ?ca=FILE, or give up the check with ?verify=no"
    )


def test_a_certificate_for_another_host_is_reported(
    reach: Runners, authority: trustme.CA, ca: Path, redis_url: str
) -> None:
    elsewhere = authority.issue_cert("elsewhere.example")
    with TlsProxy(_socket(redis_url), elsewhere) as front:
        for host in ("127.0.0.1", "localhost"):
            problem = refused(reach, f"rediss://{host}:{front.port}?ca={ca}")
            assert type(problem) is Unreachable
            assert "(its TLS certificate is for another host)" in str(problem)
        assert reach(f"rediss://127.0.0.1:{front.port}?verify=no").run(READ) == []


def test_a_plain_server_waits_for_more_and_that_is_reported(
    reach: Runners, redis_binary: Binary, ca: Path
) -> None:
    with Servers(redis_binary.path) as start:
        runner = reach(f"rediss://127.0.0.1:{start().port}?ca={ca}", timeout_s=0.2)
        problem = problem_of(lambda: runner.run(WRITE))
    assert type(problem) is Unreachable
    assert "(no answer in time)" in str(problem)
    assert str(problem).endswith("and that it speaks TLS")


def test_a_server_that_answers_without_tls_is_reported(reach: Runners, plain_port: int) -> None:
    problem = refused(reach, f"rediss://127.0.0.1:{plain_port}?verify=no")
    assert type(problem) is Unreachable
    assert str(problem).endswith("(it does not speak TLS): use redis:// instead of rediss://")


def test_a_server_with_tls_is_not_taken_for_a_plain_one(reach: Runners, front: TlsProxy) -> None:
    problem = problem_of(lambda: reach(f"redis://127.0.0.1:{front.port}").run(WRITE))
    # It may answer in its own tongue, or close the door.
    assert type(problem) in (NotRedis, Unreachable)


@pytest.mark.parametrize("content", [None, b"", b"no certificate at all"])
def test_a_file_that_is_no_authority_is_a_bad_url(
    reach: Runners, front: TlsProxy, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "other.pem"
    if content is not None:
        file.write_bytes(content)
    problem = refused(reach, f"rediss://127.0.0.1:{front.port}?ca={file}")
    assert type(problem) is BadUrl
    assert str(file) in str(problem)


def test_a_worker_waits_and_works_through_tls(
    front: TlsProxy, ca: Path, direct: Direct, start_worker: StartWorker, tmp_path: Path
) -> None:
    url = f"rediss://127.0.0.1:{front.port}?ca={ca}"
    # It would look again by itself only after ten minutes.
    worker = start_worker(url=url, INTERVAL="600")
    worker.await_ready()
    for number in range(5):
        eventually(lambda: ": Waiting for" in worker.title(), "the worker waits")
        file = tmp_path / f"done-{number}"
        direct("RPUSH", "resque:queue:default", line_job(file))
        eventually(file.exists, "the job is performed")
    assert worker.leave() == 0
    assert direct("GET", "resque:stat:processed") == b"5"
