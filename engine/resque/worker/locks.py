"""Deleting the locks that Ruby's plug-ins have put on the jobs that a worker takes."""

from __future__ import annotations

from collections.abc import Callable

from queuecore.exchange import Exchange
from queuecore.lean import LeanStore
from resque.errors import StoreError
from resque.keys import Keys
from resque.store.plugin_locks import LocksFound, free_taken, waiting_locks
from resque.store.workers import Record
from resque.worker.log import told

#: A class whose jobs had no lock is looked at again after this time.
_LOOK_AGAIN_S = 10.0
_MOST_CLASSES = 1_000


class Locks:
    """Deletes the locks of the jobs that one worker takes. Most jobs have none: a class is checked
    from time to time, with the next round trip to Redis; once one of its jobs had a lock, each is
    freed before it runs, for one more round trip.

    Attributes:
        pending: What is to be sent with the next round trip.
    """

    def __init__(
        self,
        store: LeanStore,
        keys: Keys,
        log: Callable[[str], None],
        mono_now: Callable[[], float],
    ) -> None:
        self.pending: Exchange[None] | None = None
        self._store = store
        self._keys = keys
        self._log = log
        self._mono_now = mono_now
        #: When each class is looked at again; 0 for those that have locks.
        self._due_s: dict[str | None, float] = {}

    def taken(self, record: Record, *, at_once: bool = False) -> None:
        """A job was taken: see to its locks, if that is due; with `at_once` not later. Never raises
        for what Redis says: the job goes before its lock."""
        due_s = self._due_s.get(record.class_name, -1.0)
        if self._mono_now() < due_s:
            return
        queue, name = record.queue or "", record.class_name or ""
        try:
            freeing = free_taken(self._keys, queue, name, record.args)
            exchange = freeing.then(lambda found: self._learn(record, found))
            if due_s and not at_once:
                self.pending = exchange
            else:
                self._store.run(exchange)
        except (StoreError, UnicodeError) as error:
            self._learn(record, LocksFound(problem=str(error)))

    def _learn(self, record: Record, found: LocksFound) -> None:
        self.pending = None
        queue, name = record.queue or "", record.class_name or ""
        if found.problem:
            keys = b", ".join(waiting_locks(self._keys, queue, name, record.args))
            text = f"{name!r} of {queue!r}: its locks, if any, stay ({keys!r}): {found.problem}"
            self._log(told(text, level="warning", event="lock", queue=queue))
        if found.kept:
            text = (
                f"{name!r} of {queue!r} has the lock {found.kept!r} of resque-lock, which stays "
                "until its time is over: Ruby enqueues no equal job before"
            )
            self._log(told(text, level="warning", event="lock", queue=queue))
        if len(self._due_s) >= _MOST_CLASSES:
            self._due_s.clear()
        is_quiet = not (found.freed or found.kept)
        self._due_s[record.class_name] = self._mono_now() + _LOOK_AGAIN_S if is_quiet else 0.0
