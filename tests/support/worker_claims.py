"""Worker ids that a test claims by hand, as a worker does."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.support.direct import Direct

from queuecore import times
from queuecore.lean import LeanStore
from resque.jobs import Registry
from resque.keys import Keys
from resque.store.claims import Claim, WorkerId
from resque.store.queue_list import QueueList
from resque.worker.context import WorkerContext
from resque.worker.options import WorkerOptions
from resque.worker.signals import SignalState

TOKEN = "7" * 32
HERE = "boot-1 pid:[1]"
ELSEWHERE = "boot-1 pid:[2]"


def claimed(direct: Direct, worker_id: str) -> Claim:
    """A successful claim, without a registration."""
    claim = Claim(worker_id, TOKEN, HERE)
    direct("SET", f"resque:qtop:claim:{worker_id}", f"{TOKEN} {'-' * 40} {HERE}")
    return claim


def place(where: str = HERE) -> WorkerId:
    """That of a worker `h:1:q`."""
    return WorkerId("h", 1, "q", where=where)


def context(
    store: LeanStore,
    signals: SignalState,
    *,
    keys: Keys | None = None,
    queues: str = "q",
    mono_now: Callable[[], float] = time.monotonic,
) -> WorkerContext:
    """That of a worker `h:1:q` without jobs."""
    return WorkerContext(
        *(
            store,
            keys or Keys(),
            place(),
            QueueList.parse(queues),
            Registry(),
            WorkerOptions(),
            signals,
        ),
        *(print, times.wall_now, mono_now),
    )
