"""Jobs for tests of what surrounds a job: which process runs it, what ends it, what comes after.

Imported by worker processes: it must stay light. Keys that begin with `own:` are the jobs' signs.
"""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.support.jobs.sample_jobs import send, trace

from resque import Job, Retry, TermException, job


def until(check: Callable[[], bool]) -> None:
    """Check again and again, without a limit: the test that waits for the job has one."""
    while not check():
        time.sleep(0.002)


def run_of(name: str) -> int:
    """Count a run; returns how many there were."""
    return int(send("HINCRBY", "own:runs", name, "1")[1:])


@job(name="Where")
def where(number: int) -> None:
    """Writes which process runs it."""
    send("RPUSH", "own:where", f"{number} {os.getpid()}")


@job(name="Gate")
def gate(name: str) -> None:
    """Writes that it has begun, and continues when the key `own:open` exists."""
    send("RPUSH", "own:where", f"{name} {os.getpid()}")
    until(lambda: send("EXISTS", "own:open").startswith(b":1"))
    trace(f"{name} done")


@job(name="UntilAsked")
def until_asked(name: str) -> None:
    """Ends when its process was asked to take no more jobs."""
    handler: Any = signal.getsignal(signal.SIGQUIT)
    send("RPUSH", "own:where", f"{name} {os.getpid()}")
    until(lambda: bool(handler.__self__.leave))


@job(name="Dies")
def dies(way: str) -> None:
    """Ends its process, each time it runs."""
    run_of("Dies")
    if way == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(int(way))


@job(name="Hangs")
def hangs(*args: Any) -> None:
    """Never ends by itself; leaves a line in `trace` when a signal asks it to end."""
    try:
        run_of("Hangs")
        time.sleep(600)
    except TermException as error:
        trace(f"cleaned up after {error}")
        if "rescue" not in args:
            raise


@job(name="Forgiving")
def forgiving() -> None:
    """Continues after every error that it notices."""
    while True:
        try:
            hangs()
        except Exception as error:
            trace(f"forgave {error}")


@job(name="HardOfHearing")
def hard_of_hearing() -> None:
    """As Hangs, but its call that blocks is not interrupted by TERM, as if that had come just
    before: another thread gets the signal."""
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    hangs()


class Tried(Job):
    """Retried at once, twice; succeeds in the run that its argument names."""

    name = "Tried"
    retry = Retry(limit=2, delays_s=(0,))

    @staticmethod
    def perform(good_run: int) -> None:
        run = run_of("Tried")
        digest = hashlib.sha1(b"%d" % good_run, usedforsecurity=False).hexdigest()
        counter = send("GET", f"resque:resque-retry:Tried:{digest}").split()[-1]
        trace(f"run {run}, counter {counter.decode()}")
        if run != good_run:
            raise RuntimeError(f"run {run}")


class RetryJob(Job):
    """As in the recording plugin_retry."""

    name = "RetryJob"
    retry = Retry(limit=3, delays_s=(0,))

    @staticmethod
    def perform(*args: Any) -> None:
        raise RuntimeError("again")


class RetryLater(Job):
    """As in the recording plugin_retry. Without arguments it is the last one: no other job may be
    taken after it."""

    name = "RetryLater"
    retry = Retry(limit=3, delays_s=(3600,))

    @staticmethod
    def perform(*args: Any) -> None:
        if not args:
            send("SET", "resque:pause-all-workers", "true")
        raise RuntimeError("later")


class RetryDies(Job):
    """Retried once, at once; ends its process."""

    name = "RetryDies"
    retry = Retry(limit=1, delays_s=(0,))

    @staticmethod
    def perform() -> None:
        run_of("RetryDies")
        os.kill(os.getpid(), signal.SIGKILL)
