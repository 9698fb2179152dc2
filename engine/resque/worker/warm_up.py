"""Runs in the worker, before there is a child, the code that its children will run.

Python adapts code to its use, and remembers where it found the names in it, in the process in which
the code runs. What only children run would stay as it was read: each of them would begin anew, and
copy a page for most of what it learns.
"""

from __future__ import annotations

import os

from queuecore.values import replace
from resque.jobs import Definition, Registry
from resque.store.claims import WorkerId
from resque.worker import child
from resque.worker.context import WorkerContext
from resque.worker.options import WorkerOptions
from resque.worker.reserve import read
from resque.worker.runner import Runner

#: Twice as often as it takes until code is adapted.
_TIMES = 16
_RECORD = b'{"queue":"q","run_at":"2000-01-01T00:00:00Z","payload":{"class":"Job","args":[]}}'


def _nothing(*what: object) -> None:
    """What the job does, and whatever else it takes for one."""


class _NoHost:
    """The host and the heart of a worker that does not exist."""

    title = sleep = let_go = take_next = beat_if_due = staticmethod(_nothing)

    def due_in_s(self) -> float:
        return 0.0


def warm_up(context: WorkerContext) -> None:
    """Go through the steps of a child that performs a job, with a job that does nothing and a
    worker that does not exist."""
    registry = Registry()
    registry.add(Definition("Job", None, _nothing, None), __name__)
    no_worker = replace(
        context,
        worker_id=WorkerId("", 0, "", where=""),
        registry=registry,
        options=WorkerOptions(),
        log=_nothing,
    )
    runner = Runner(no_worker, _NoHost(), _NoHost(), context.clock)
    # What is said goes into a pipe that holds all of it, and that is never read.
    ends = os.pipe()
    for _ in range(_TIMES):
        pipe = child.Pipe(ends[1], 0, tells_of_steps=False)
        pipe.report(runner.perform(read(_RECORD), 0.0, _nothing))
    for end in ends:
        os.close(end)
