"""A child that is forked before there is a job for it.

A fork and a child's first steps are the most of what a job costs (`make bench`). Taken while the
job before is performed, where there is a core for it or time enough, or while the worker waits,
they delay nothing. A child forked ahead performs one job, as any other does; it lives no longer
than its parent, whose end it sees on the pipe that it waits on."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

from resque.store.workers import Record
from resque.worker import child
from resque.worker.reserve import read
from resque.worker.signals import SignalState

_READ_BYTES = 65_536
#: A longer record is not handed over: it might fill the pipe and make the parent wait. A child
#: forked for it has it in its memory.
_LONGEST_RECORD_BYTES = 32_768
_BEGAN = struct.Struct(">d")
_BEGAN_BYTES = _BEGAN.size

#: Runs a job that began at a time (of `time.monotonic`); `step` as in `child.fork`.
Perform = Callable[[Record, float, Callable[[], None]], child.ChildReport]


class Prefork:
    """The child that waits for a worker's next job, if there is one. In it `get_ready` is called
    at once, `perform` when it is given a job."""

    def __init__(
        self, signals: SignalState, get_ready: Callable[[], None], perform: Perform
    ) -> None:
        self._signals = signals
        self._get_ready = get_ready
        self._perform = perform
        #: The child that waits for a job.
        self.waiting: child.Child | None = None
        #: The ends of the pipe that its job comes through.
        self._read_fd = self._orders_fd = -1

    def fork(self, *, tells_of_steps: bool) -> None:
        """Fork a child that waits for the next job, unless one waits already. When no process can
        be made, this does nothing."""
        if self.waiting is not None:
            return
        try:
            # A job may be under way: nothing here is to end its worker.
            self._read_fd, self._orders_fd = os.pipe()
        except OSError:
            return
        try:
            with self._signals.held():
                self.waiting = child.fork(self._live, tells_of_steps=tells_of_steps)
        except OSError:
            os.close(self._orders_fd)
        finally:
            os.close(self._read_fd)

    def give(self, record: Record, began_s: float) -> child.Child | None:
        """Give the waiting child its job. None when none waits, or when the job is too long."""
        given = self.waiting
        if given is None or len(record.raw) > _LONGEST_RECORD_BYTES:
            return None
        try:
            os.write(self._orders_fd, _BEGAN.pack(began_s) + record.raw)
        except BrokenPipeError:
            # It was killed.
            self.dismiss()
            return None
        os.close(self._orders_fd)
        self.waiting = None
        return given

    def dismiss(self) -> None:
        """End the waiting child, if there is one."""
        if self.waiting is not None:
            os.close(self._orders_fd)
            self.waiting.end()
            self.waiting = None

    def tidy(self) -> None:
        """Collect the waiting child if it was killed."""
        if self.waiting is not None and self.waiting.has_left():
            self.dismiss()

    def _live(self, step: Callable[[], None]) -> child.ChildReport:
        # Else it would keep its own orders open, and not see the end of its parent.
        os.close(self._orders_fd)
        self._get_ready()
        order = b""
        self._signals.is_without_job = True
        while part := os.read(self._read_fd, _READ_BYTES):
            order += part
        self._signals.is_without_job = False
        os.close(self._read_fd)
        if not order:
            os._exit(0)
        (began_s,) = _BEGAN.unpack_from(order)
        return self._perform(read(order[_BEGAN_BYTES:]), began_s, step)
