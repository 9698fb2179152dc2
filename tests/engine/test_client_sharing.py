"""One client for many threads, across a fork, and for servers that come and go."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import StartRedis

from resque import Resque
from resque.codec import decode
from resque.errors import OutcomeUnknown, Unreachable

THREADS = 8
JOBS = 60


@pytest.fixture
def resque(redis_url: str, direct: Direct) -> Iterator[Resque]:
    client = Resque(redis_url)
    yield client
    client.close()


def test_threads_share_a_client(resque: Resque, direct: Direct) -> None:
    errors: list[BaseException] = []
    together = threading.Barrier(THREADS)

    def enqueue(thread: int) -> None:
        try:
            together.wait(30)
            for number in range(JOBS):
                assert resque.enqueue_to("q", "A", thread, number)
                assert resque.enqueue_many([]) == 0
                assert resque.size("q") > 0
                assert resque.enqueue_to(f"q{thread}", "A", number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=enqueue, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    args = [decode(item)["args"] for item in direct("LRANGE", "resque:queue:q", 0, -1)]
    for thread_number in range(THREADS):
        own = [number for thread, number in args if thread == thread_number]
        assert own == list(range(JOBS))
        assert resque.size(f"q{thread_number}") == JOBS


def test_a_client_survives_a_fork(resque: Resque, direct: Direct) -> None:
    resque.enqueue_to("q", "A", "before")
    child = os.fork()
    if child == 0:
        # Whatever happens, this must not run on as a second pytest.
        status = 1
        try:
            for number in range(50):
                resque.enqueue_to("child", "A", number)
            status = 0 if resque.size("child") == 50 else 2
        finally:
            os._exit(status)
    try:
        for number in range(50):
            resque.enqueue_to("parent", "A", number)
            assert resque.size("parent") == number + 1
        _, status = os.waitpid(child, 0)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    assert os.waitstatus_to_exitcode(status) == 0
    assert (resque.size("child"), resque.size("parent"), resque.size("q")) == (50, 50, 1)


def test_a_child_does_not_wait_for_what_a_thread_of_its_parent_held(
    resque: Resque, direct: Direct
) -> None:
    resque.enqueue_to("q", "A", "before")
    # redis-py's pool has a lock, which a thread holds for moments only.
    lock = resque._store._pool._lock
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(60)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(30)
            resque.enqueue_to("child", "A")
            resque.close()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0
    assert resque.size("child") == 1


def test_after_closing_a_client_opens_again(resque: Resque) -> None:
    resque.enqueue_to("q", "A")
    resque.close()
    resque.close()
    assert resque.size("q") == 1


def test_making_a_client_needs_no_server_and_using_it_says_that_there_is_none() -> None:
    resque = Resque("unix:///nonexistent/socket")
    with pytest.raises(Unreachable) as caught:
        resque.enqueue_to("q", "A")
    # Nothing was sent: this is certain.
    assert not isinstance(caught.value, OutcomeUnknown)


def test_a_server_that_comes_back_is_used_again(start_redis: StartRedis) -> None:
    server = start_redis()
    resque = Resque(server.url)
    resque.enqueue_to("q", "A")
    server.stop()
    with pytest.raises(Unreachable):
        resque.size("q")
    with pytest.raises(Unreachable):
        resque.size("q")
    server.start()
    assert resque.size("q") == 0
    assert resque.enqueue_to("q", "A")
    assert resque.size("q") == 1
    resque.close()
