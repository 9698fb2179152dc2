"""Duties that some processes have beside their work: to leave when their pool is gone, and to
collect the ended processes that they have adopted.

What a job leaves behind becomes a child of process 1: in a container without an init that is the
worker, its pool or the scheduler. What it does not collect stays as a zombie and keeps an id, of
which a container has few. Other workers have only a `Beater`: each function called costs a fork.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container

from queuecore.values import Protocol
from resque.worker.signals import SignalState

#: Only this thread's own children: what another thread of the application started, that thread
#: waits for. What is adopted belongs to the first thread. (Linux, `__WNOTHREAD`)
_OF_THIS_THREAD = 0x20000000


class Heart(Protocol):
    """What beats: a `Beater`."""

    def due_in_s(self) -> float: ...
    def beat_if_due(self) -> None: ...


class Adopted:
    """Collects what process 1 adopted. `own` gives the pids of what this program started and
    collects itself. To be used in the first thread, and never while a job runs in this
    process, which may wait for a child of its own."""

    def __init__(self, own: Callable[[], Container[int | None]]) -> None:
        self._own = own

    def collect(self) -> None:
        """Collect what has ended, up to the first process that is this program's own: that one is
        collected by the program, which then comes here again. Never blocks or raises."""
        peek = os.WEXITED | os.WNOHANG | os.WNOWAIT | _OF_THIS_THREAD
        try:
            while (ended := os.waitid(os.P_ALL, 0, peek)) is not None:
                if ended.si_pid in self._own():
                    return
                os.waitpid(ended.si_pid, os.WNOHANG)
        except OSError:
            # No child at all, or a system that does not tell them apart.
            return


def adopted(own: Callable[[], Container[int | None]], pid: int | None = None) -> Adopted | None:
    """What collects them, if this is process 1 (`pid`: by default this process's); else None."""
    return Adopted(own) if (os.getpid() if pid is None else pid) == 1 else None


class Upkeep:
    """A heart's `due_in_s` and `beat_if_due` with these duties. `pool_pid` is the process whose
    end makes the worker leave, None where there is none; `tidy` collects the worker's own
    children that are gone."""

    def __init__(
        self,
        beater: Heart,
        signals: SignalState,
        tidy: Callable[[], None],
        *,
        pool_pid: int | None,
        adopted: Adopted | None,
    ) -> None:
        self.due_in_s = beater.due_in_s
        self._beater = beater
        self._signals = signals
        self._tidy = tidy
        self._pool_pid = pool_pid
        self._adopted = adopted

    def beat_if_due(self) -> None:
        """At each take, each beat, and whenever a wait ends."""
        if self._pool_pid is not None and os.getppid() != self._pool_pid:
            self._signals.leave = True
        if self._adopted is not None:
            self.tidy()
        self._beater.beat_if_due()

    def tidy(self) -> None:
        """Collect every child that is gone."""
        self._tidy()
        if self._adopted is not None:
            self._adopted.collect()
