"""Waiting for a signal; and for a job, without polling and without taking anything; and how long an
idle worker rests where it has to poll.

`BLMOVE queue queue LEFT LEFT` moves a queue's head onto its own place: it waits until there is
one, wakes the waiter, and changes nothing. It waits on one key, hence a connection for each
queue, and returns at once on a list that is not empty, so only empty queues are waited for.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterable

from queuecore.lean import LeanStore
from resque.errors import Refused, StoreError, WrongType
from resque.keys import Keys
from resque.worker.options import WorkerOptions
from resque.worker.signals import SignalState

#: More queues than this are left to polling: each costs a connection.
MAX_QUEUES = 16
#: A wait is renewed after this time, so that a server that vanished silently is noticed.
_RENEW_S = 60


def wait(
    signals: SignalState, filenos: Iterable[int], seconds: float, child_ended: Callable[[], None]
) -> set[int]:
    """Wait for a signal or some file descriptors, at most `seconds`; returns those that are ready.
    The end of a child ends no wait: `child_ended` is called, and it goes on."""
    poll = select.poll()
    for fd in (signals.fileno(), *filenos):
        poll.register(fd, select.POLLIN)
    until_s = time.monotonic() + seconds
    while True:
        left_s = max(0.0, until_s - time.monotonic())
        ready = {fd for fd, _ in poll.poll(left_s * 1000)}
        ready.discard(signals.fileno())
        if signals.drain() or ready or not left_s:
            return ready
        child_ended()


class Waiter:
    """Connections that wait for jobs to arrive on empty queues."""

    def __init__(self, keys: Keys, connect: Callable[[], LeanStore]) -> None:
        self._keys = keys
        self._connect = connect
        self._spare: list[LeanStore] = []
        self._waiting: dict[str, LeanStore] = {}
        self._is_possible = True
        #: Keys of another type: nothing will ever arrive there.
        self._spoilt: set[str] = set()

    def wait_for(self, queues: Iterable[str]) -> bool:
        """Begin to wait for these empty queues. Returns whether all of them are covered; when
        not (too many, or a server without BLMOVE) the caller must poll."""
        wanted = list(queues)
        for queue in wanted:
            if not self._is_possible or len(self._waiting) >= MAX_QUEUES:
                break
            if queue not in self._waiting and queue not in self._spoilt:
                self._begin(queue)
        return all(queue in self._waiting for queue in wanted)

    def _begin(self, queue: str) -> None:
        connection = self._spare.pop() if self._spare else self._connect()
        key = self._keys.queue(queue)
        try:
            connection.send(("BLMOVE", key, key, "LEFT", "LEFT", _RENEW_S))
        except StoreError:
            connection.close()
            return
        self._waiting[queue] = connection

    def filenos(self) -> list[int]:
        """File descriptors that become readable when a job arrives (or a wait must be renewed)."""
        return [connection.fileno() for connection in self._waiting.values()]

    def wake(self, ready: set[int]) -> None:
        """Take the answers of those that are ready."""
        for queue, connection in list(self._waiting.items()):
            if connection.fileno() not in ready:
                continue
            del self._waiting[queue]
            try:
                connection.receive()
                self._spare.append(connection)
            except WrongType:
                self._spoilt.add(queue)
                self._spare.append(connection)
            except Refused:
                # An old server, or a user without the right: polling must do.
                self._is_possible = False
                connection.close()
            except StoreError:
                # It opens anew when it is used: perhaps on another node, as the server said.
                connection.close()
                self._spare.append(connection)

    def forget(self) -> None:
        """In a child after a fork: let go of the parent's connections."""
        if self._spare or self._waiting:
            for connection in (*self._spare, *self._waiting.values()):
                connection.forget()

    def close(self) -> None:
        """Close all connections; waits that were under way end without effect."""
        for connection in (*self._spare, *self._waiting.values()):
            connection.close()
        self._spare.clear()
        self._waiting.clear()


class IdleInterval:
    """The pauses between two polls grow from the shortest, after a job, to the longest, while there
    is none. They matter only where Redis cannot wake the worker."""

    def __init__(self, options: WorkerOptions) -> None:
        given = options.interval_s
        longest = options.max_interval_s
        self.longest_s = given if longest is None else longest
        shortest = given if options.min_interval_s is None else options.min_interval_s
        self._shortest_s = min(shortest, self.longest_s)
        self._step_s = options.backoff_interval_s
        self._rest_s = max(self._shortest_s, min(given, self.longest_s))

    @property
    def is_over(self) -> bool:
        """Whether the worker is to leave instead of resting."""
        return self._rest_s == 0

    def begin_anew(self) -> None:
        """There was a job: the next one may follow soon."""
        self._rest_s = self._shortest_s

    def rest_s(self) -> float:
        """How long to rest now; a little longer each time."""
        self._rest_s = min(self._rest_s + self._step_s, self.longest_s)
        return self._rest_s
