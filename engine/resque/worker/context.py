"""What the parts of one worker share."""

from __future__ import annotations

from collections.abc import Callable

from queuecore.lean import LeanStore
from queuecore.times import Clock
from queuecore.values import value
from resque.jobs import Registry
from resque.keys import Keys
from resque.store.claims import WorkerId
from resque.store.queue_list import QueueList
from resque.worker.options import WorkerOptions
from resque.worker.signals import SignalState


@value
class WorkerContext:
    """One worker: its connection, its namespace, the id that it goes by, its queues, the jobs that
    it knows, how it behaves, what signals ask of it, what gets a line for each thing worth telling,
    and its clocks (`mono_now` gives seconds)."""

    store: LeanStore
    keys: Keys
    worker_id: WorkerId
    queues: QueueList
    registry: Registry
    options: WorkerOptions
    signals: SignalState
    log: Callable[[str], None]
    clock: Clock
    mono_now: Callable[[], float]
