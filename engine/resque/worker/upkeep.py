"""What some workers see to beside their heartbeat: whether their pool is there, and what process 1
has adopted. Other workers have only a `Beater`, because each function called costs a fork."""

from __future__ import annotations

import os
from collections.abc import Callable

from queuecore.values import Protocol
from resque.worker.adopted import Adopted
from resque.worker.signals import SignalState


class Heart(Protocol):
    """What beats: a `Beater`."""

    def due_in_s(self) -> float: ...
    def beat_if_due(self) -> None: ...


class Upkeep:
    """A heart's `due_in_s` and `beat_if_due` with these duties. `pool_pid` is the process whose
    end makes the worker leave, None where there is none; `tidy` collects the worker's own
    children that are gone."""

    def __init__(
        self,
        beater: Heart,
        wishes: SignalState,
        tidy: Callable[[], None],
        *,
        pool_pid: int | None,
        adopted: Adopted | None,
    ) -> None:
        self.due_in_s = beater.due_in_s
        self._beater = beater
        self._wishes = wishes
        self._tidy = tidy
        self._pool_pid = pool_pid
        self._adopted = adopted

    def beat_if_due(self) -> None:
        """At each take, each beat, and whenever a wait ends."""
        if self._pool_pid is not None and os.getppid() != self._pool_pid:
            self._wishes.leave = True
        if self._adopted is not None:
            self.tidy()
        self._beater.beat_if_due()

    def tidy(self) -> None:
        """Collect every child that is gone."""
        self._tidy()
        if self._adopted is not None:
            self._adopted.collect()
