"""Jobs that damage their process, or never run at all. Imported by worker processes, beside the
sample jobs."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any, NoReturn

from tests.support.jobs.sample_jobs import send, trace

from resque import Job, job


class Leaves(Exception):
    """An error whose text ends the process."""

    def __str__(self) -> str:
        sys.exit(3)


@job(name="Speechless")
def speechless() -> NoReturn:
    raise Leaves


class LeavesTwice(Job):
    """Its process dies, and its failure hook would end the worker, too."""

    name = "LeavesTwice"

    @staticmethod
    def perform() -> None:
        os._exit(5)

    @staticmethod
    def on_failure(error: BaseException) -> NoReturn:
        sys.exit("from the hook")


@job(name="ForksAndReturns")
def forks_and_returns(how: str) -> None:
    copy = os.fork()
    if copy:
        # Its copy returns from the job first.
        os.waitpid(copy, 0)
        return
    send("RPUSH", "own:copies", str(os.getpid()))
    if how == "raises":
        raise RuntimeError("from the copy")


@job(name="ClosesAll")
def closes_all() -> None:
    os.closerange(3, 256)


@job(name="ClosesAllAndOpens")
def closes_all_and_opens(path: str) -> None:
    os.closerange(3, 256)
    for _ in range(64):
        os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@job(name="OpensNoMore")
def opens_no_more() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


@job(name="LeavesThread")
def leaves_thread() -> None:
    import threading

    threading.Thread(target=time.sleep, args=(3600,)).start()


class _Broken:
    def write(self, text: str) -> NoReturn:
        raise OSError("nobody writes here")

    def flush(self) -> NoReturn:
        sys.exit("nobody flushes here")


@job(name="BreaksOutput")
def breaks_output() -> None:
    sys.stdout = sys.stderr = _Broken()


@job(name="Coroutine")
async def coroutine(*args: Any) -> None:
    trace("never")


@job(name="Generator")
def generator(*args: Any) -> Iterator[int]:
    trace("never")
    yield 1


class AsyncHook(Job):
    name = "AsyncHook"

    @staticmethod
    async def before_perform() -> None:
        trace("never")

    @staticmethod
    def perform() -> None:
        trace("never")
