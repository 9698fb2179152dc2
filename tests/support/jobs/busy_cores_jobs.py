"""For a worker that finds no core idle, and calls a job long that takes LONG_S seconds. Imported by
worker processes."""

from __future__ import annotations

import os

from tests.support.jobs.sample_jobs import send

from resque import job
from resque.worker import child_monitor

child_monitor.Cores.are_enough = lambda self: False  # type: ignore[method-assign]
child_monitor._LONG_S = float(os.environ["LONG_S"])


@job(name="Siblings")
def siblings() -> None:
    """Writes how many children its worker has."""
    parent = os.getppid()
    with open(f"/proc/{parent}/task/{parent}/children") as children:
        send("RPUSH", "own:siblings", str(len(children.read().split())))
