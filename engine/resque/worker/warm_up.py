"""A rehearsal: what a worker's children will do, done in the worker before there is one.

Python adapts code to its use, and remembers where it found the names in it, in the process in which
the code runs. What only children run would stay as it was read: each of them would begin anew, and
copy a page for most of what it learns. A twelfth of what a job costs.
"""

from __future__ import annotations

import os

from queuecore import times
from resque.jobs import Definition, Registry
from resque.worker import child
from resque.worker.options import WorkerOptions
from resque.worker.place import WorkerId
from resque.worker.reserve import read
from resque.worker.runner import Runner, RunnerContext
from resque.worker.signals import SignalState

#: Twice as often as it takes until code is adapted.
_TIMES = 16
_RECORD = b'{"queue":"q","run_at":"2000-01-01T00:00:00Z","payload":{"class":"Job","args":[]}}'


def rehearse(wishes: SignalState, clock: times.Clock) -> None:
    """Go through the steps of a child that performs a job, with a job that does nothing and a
    worker that nobody sees. Takes less than 1 ms."""
    registry = Registry()
    registry.add(Definition("Job", None, _nothing, None), __name__)
    runner = Runner(
        WorkerId("", 0, "", where=""), registry, WorkerOptions(), wishes, _NOWHERE, clock
    )
    # What is said goes into a pipe that holds all of it, and that nobody reads.
    ends = os.pipe()
    for _ in range(_TIMES):
        pipe = child.Pipe(ends[1], 0, tells_of_steps=False)
        pipe.report(runner.perform(read(_RECORD), 0.0, _nothing))
    for end in ends:
        os.close(end)


def _nothing(*what: object) -> None:
    """What the job does, and whatever else it takes for one."""


_NOWHERE = RunnerContext(
    title=_nothing,
    log=_nothing,
    sleep=_nothing,
    beat_if_due=_nothing,
    due_in_s=lambda: 0.0,
    let_go=_nothing,
    take_next=_nothing,
    log_end=_nothing,
    retries=_nothing,
)
