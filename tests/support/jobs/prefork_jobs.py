"""Jobs that would show a child that was forked too early or too late. Imported by worker
processes."""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path

from tests.support.jobs.sample_jobs import send

from resque import Job, job

_left_here: list[str] = []
#: Locked until the process ends.
_held: list[int] = []


@job(name="Locks")
def locks(path: str) -> None:
    """Takes a lock without releasing it, and fails where another process holds it."""
    _held.append(os.open(Path(path), os.O_CREAT | os.O_RDWR))
    fcntl.flock(_held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)


@job(name="Length")
def length(text: str) -> None:
    """Writes which process ran it, and how long its argument is."""
    send("RPUSH", "own:where", f"{len(text)} {os.getpid()}")


class Leaves(Job):
    """Dies, and its failure hook leaves a trace in the process that runs it."""

    name = "Leaves"

    @staticmethod
    def perform() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    @staticmethod
    def on_failure_leave(error: BaseException) -> None:
        _left_here.append(type(error).__name__)


@job(name="Finds")
def finds() -> None:
    """Writes what the hook left."""
    send("RPUSH", "own:found", ",".join(_left_here))
