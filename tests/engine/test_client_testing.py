"""An application's own tests see what it enqueues, and perform it, without a Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from resque import Job, NoQueueError, Registry, Resque, ResqueError, UnknownJob
from resque.errors import EncodeError
from resque.testing import Recorded, Recorder, capture

NAMES = Registry()
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
#: Nobody listens there: whoever asks it, fails.
NOWHERE = "unix:///nonexistent/socket"
done: list[Any] = []


class Welcome(Job, into=NAMES):
    queue = "mail"
    name = "Mailers::Welcome"

    @staticmethod
    def perform(*args: Any) -> None:
        done.append(args)

    @staticmethod
    def before_enqueue(*args: Any) -> bool:
        return args != ("nobody",)

    @staticmethod
    def before_perform(*args: Any) -> None:
        done.append("before")


class Broken(Job, into=NAMES):
    queue = "other"
    name = "Broken"

    @staticmethod
    def perform() -> None:
        raise RuntimeError("broken")


@pytest.fixture
def resque() -> Resque:
    done.clear()
    return Resque(NOWHERE, registry=NAMES, clock=lambda: NOW)


@pytest.fixture
def jobs(resque: Resque) -> Iterator[Recorder]:
    with capture(resque) as recorder:
        yield recorder


def test_jobs_are_recorded_as_their_worker_would_get_them(resque: Resque, jobs: Recorder) -> None:
    assert resque.enqueue(Welcome, (1, {2: None}), "é\x7f")
    assert resque.enqueue_to("low é", "Some::RubyJob")
    assert jobs.enqueued == [
        Recorded("mail", "Mailers::Welcome", [[1, {"2": None}], "é\x7f"]),
        Recorded("low é", "Some::RubyJob", []),
    ]
    assert jobs.delayed == []


def test_hooks_and_errors_are_as_ever(resque: Resque, jobs: Recorder) -> None:
    assert not resque.enqueue(Welcome, "nobody")
    with pytest.raises(EncodeError):
        resque.enqueue(Welcome, object())
    with pytest.raises(NoQueueError):
        resque.enqueue("Some::RubyJob")
    assert jobs.enqueued == []


def test_many_are_recorded_by_their_queues(resque: Resque, jobs: Recorder) -> None:
    many: list[tuple[type[Job], list[Any]]] = [
        (Welcome, [1]),
        (Broken, []),
        (Welcome, ["nobody"]),
        (Welcome, [2]),
    ]
    assert resque.enqueue_many(many) == 3
    assert jobs.enqueued == [
        Recorded("mail", "Mailers::Welcome", [1]),
        Recorded("mail", "Mailers::Welcome", [2]),
        Recorded("other", "Broken", []),
    ]


def test_delayed_jobs_have_their_times(resque: Resque, jobs: Recorder) -> None:
    now_s = int(NOW.timestamp())
    assert resque.enqueue_in(60, Welcome, 2)
    assert resque.enqueue_at_to("special", now_s + 30.9, Welcome, 1)
    assert resque.enqueue_at(NOW, Welcome, 0)
    assert jobs.enqueued == [Recorded("mail", "Mailers::Welcome", [0])]
    assert jobs.delayed == [
        Recorded("mail", "Mailers::Welcome", [2], at=now_s + 60),
        Recorded("special", "Mailers::Welcome", [1], at=now_s + 30),
    ]
    assert jobs.perform_delayed() == 3
    assert done == ["before", (0,), "before", (1,), "before", (2,)]
    assert (jobs.enqueued, jobs.delayed) == ([], [])


def test_jobs_are_performed_in_order_and_so_are_those_that_they_enqueue(
    resque: Resque, jobs: Recorder
) -> None:
    class Parent(Job, into=NAMES):
        queue = "mail"
        name = "Parent"

        @staticmethod
        def perform() -> None:
            resque.enqueue(Welcome, "child")

    resque.enqueue(Parent)
    resque.enqueue(Welcome, "sibling")
    assert jobs.perform_all() == 3
    assert done == ["before", ("sibling",), "before", ("child",)]
    assert jobs.perform_all() == 0


def test_an_error_is_raised_and_what_comes_after_it_stays(resque: Resque, jobs: Recorder) -> None:
    for job in (Welcome, Broken, Welcome):
        resque.enqueue(job)
    with pytest.raises(RuntimeError, match="broken"):
        jobs.perform_all()
    assert jobs.enqueued == [Recorded("mail", "Mailers::Welcome", [])]
    resque.enqueue_to("q", "Unheard::Of")
    with pytest.raises(UnknownJob):
        jobs.perform_all()


def test_what_needs_a_redis_says_so(resque: Resque, jobs: Recorder) -> None:
    resque.enqueue(Welcome)
    for ask in (
        lambda: resque.size("mail"),
        lambda: resque.peek("mail"),
        resque.queues,
        resque.info,
        lambda: resque.dequeue(Welcome, 1),
        lambda: resque.dequeue(Welcome),
        lambda: resque.remove_queue("mail"),
        lambda: resque.remove_delayed(Welcome),
    ):
        with pytest.raises(ResqueError, match="no Redis"):
            ask()
    assert len(jobs.enqueued) == 1
    resque.close()


def test_after_a_capture_jobs_are_sent_again(redis_url: str) -> None:
    resque = Resque(redis_url)
    with suppress(RuntimeError), capture(resque) as jobs:
        resque.enqueue_to("q", "A", 1)
        raise RuntimeError("in the test")
    assert len(jobs.enqueued) == 1
    assert resque.size("q") == 0
    resque.enqueue_to("q", "A", 2)
    assert resque.size("q") == 1
    resque.close()
