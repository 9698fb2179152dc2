"""Where a worker's jobs come from: the queues it serves, through a Redis that may come and go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter

from queuecore import times
from queuecore.exchange import Exchange, T, together
from queuecore.lean import LeanStore
from queuecore.values import Any, ParamSpec, replace
from resque.codec import Unreadable, decode_payload
from resque.errors import Refused, StoreError
from resque.keys import Keys
from resque.store import claims, queue_list, stale, waiting_classes
from resque.store.queue_list import QueueList
from resque.store.waiting_classes import WaitingClasses
from resque.store.workers import Record
from resque.worker.admission import Admission
from resque.worker.locks import Locks
from resque.worker.log import told
from resque.worker.options import WorkerOptions
from resque.worker.place import WorkerId
from resque.worker.reserve import Closing, Taken, set_aside, work
from resque.worker.signals import SignalState
from resque.worker.strangers import Strangers

P = ParamSpec("P")

#: The names of queues are read again after this time, where patterns are served.
_NAMES_FOR_S = 1.0
#: Tries to reach a lost Redis again grow up to this distance.
_LONGEST_BACKOFF_S = 10.0
#: Queues to look at in one round trip: some 2 ms of Redis's time.
_AT_ONCE = 2000
#: At its start a worker looks at the classes that wait on so many of its queues.
_LOOKED_AT = 100


class JobFetcher:
    """Takes and closes one worker's jobs. `wait_out` waits some seconds for Redis to be rid of an
    error, or until a signal."""

    def __init__(
        self,
        store: LeanStore,
        keys: Keys,
        place: WorkerId,
        served: QueueList,
        admission: Admission,
        options: WorkerOptions,
        wishes: SignalState,
        log: Callable[[str], None],
        clock: times.Clock,
        mono_now: Callable[[], float],
        wait_out: Callable[[StoreError, float], None],
        strangers: Strangers,
        locks: Locks,
    ) -> None:
        self._store = store
        self._keys = keys
        self._place = place
        self._queues = served
        self._admission = admission
        self._options = options
        self._wishes = wishes
        self._log = log
        self._now = times.in_utc(clock)
        self._mono_now = mono_now
        self._wait_out = wait_out
        self._strangers = strangers
        self._locks = locks
        self._has_looked = False
        self._processed = 0
        self._names: list[str] = []
        self._names_read_at = float("-inf")

    @property
    def looked_at(self) -> Sequence[str]:
        """The queues that the last `take` looked at, in the order of the list."""
        return self._admission.last_served

    def open(self) -> None:
        """See which of the queues may be served. Costs and raises as `Admission.open`, and a round
        trip more for patterns."""
        try:
            names = self._wanted()
        except Refused:
            names = ()  # as is said when the first job is asked for
        self._admission.open(names)

    def take(self, closing: Closing | None) -> Taken | None:
        """Close the last job and take the next; None when told to leave during an outage, before
        the last job was closed."""
        names = self.patiently(self._current_queues)
        if names is None:
            return None
        if self._strangers.alone:
            return self._take_from_others(names, closing)
        if len(names) > _AT_ONCE:
            return self._take(names, closing)
        # The usual case straight on: each function called costs a fork some pages.
        return self.patiently(self._work, names, closing)

    def _take_from_others(self, names: Sequence[str], closing: Closing | None) -> Taken | None:
        """Pass over the queues that are left alone, as if they were paused."""
        alone = self._strangers.left_alone()
        taken = self._take([name for name in names if name not in alone], closing)
        return taken and replace(taken, paused=taken.paused | alone)

    def held(self) -> Taken | None:
        """The job that a child has left in this worker's hands, if any; takes none."""
        return self.patiently(self._work, [], None)

    def _take(self, names: Sequence[str], closing: Closing | None) -> Taken | None:
        taken = self.patiently(self._work, names[:_AT_ONCE], closing)
        for at in range(_AT_ONCE, len(names), _AT_ONCE):
            if taken is None or taken.state != "empty":
                break
            taken = self._look_on(taken, names[at : at + _AT_ONCE])
        return taken

    def _look_on(self, seen: Taken, names: Sequence[str]) -> Taken:
        """Look at more queues when those before had no job."""
        taken = self.patiently(self._work, names, None)
        if taken is None or taken.state in ("lost", "shared"):
            # The last job is closed by now, and must not be again.
            return replace(seen, state="none")
        return replace(taken, paused=seen.paused | taken.paused)

    def close(self, closing: Closing | None) -> bool:
        """Close the last job and take none. Returns whether the worker's id was still its own:
        else nothing was done."""
        if closing is None and self._locks.pending is None:
            return True
        taken = self.patiently(self._work, [], closing, take=False)
        return taken is None or taken.state != "lost"

    def recount(self, processed: int | None) -> None:
        """Take over the count of closed jobs from a child that closed some."""
        self._processed = self._processed if processed is None else processed

    def in_hand(self, record: Record) -> Taken | None:
        """What this worker holds by now, after a child died that was given `record`; `lost` when
        the worker's id is no longer its own. None when told to leave before that is known."""
        if self._options.jobs_per_fork == 1:
            return Taken(self._processed, "job", record)
        # The child shared the connection and may have died within an answer; and it may have
        # taken another job.
        self._store.close()
        return self.patiently(self._look_into_hand)

    def _look_into_hand(self) -> Taken:
        found = self._store.run(claims.in_hand(self._keys, self._place.claim))
        if found is None:
            return Taken(self._processed, "lost")
        held, self._processed = found
        return Taken(self._processed, "none" if held is None else "job", held)

    def put_back(self, record: Record, at_most: int) -> bool:
        """Put a lost job back to its queue; False when that happened too often, or what the
        worker held is no job."""
        if not stale.may_be_put_back(record):
            return False
        exchange = stale.put_back(self._keys, self._place.id, record, at_most=at_most)
        times_lost = self.patiently(self._store.run, exchange)
        if times_lost:
            text = f"put {record.class_name!r} back on {record.queue!r}: its process died"
            parts: dict[str, Any] = {"queue": record.queue, "class": record.class_name}
            self._log(told(text, level="warning", event="put back", **parts))
        return bool(times_lost)

    def set_aside_if_unreadable(self, record: Record) -> bool:
        """Set a payload aside that the script took for a job and that is none."""
        if record.problem is None and record.payload is not None and record.payload[:1] == b"{":
            return False
        reason = record.problem
        if reason is None:
            reading = decode_payload(record.payload or b"")
            reason = reading.reason if isinstance(reading, Unreadable) else ""
        exchange = set_aside(self._keys, self._place.id, record.queue or "", record)
        self.patiently(self._store.run, exchange)
        text = f"set an unreadable item of {record.queue!r} aside: {reason}"
        self._log(told(text, level="error", event="set aside", queue=record.queue))
        return True

    def patiently(self, attempt: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Make an attempt until Redis answers. None when told to leave before it does.

        Safe for `work`: repeated after a lost answer it closes nothing twice and returns the
        job that was taken, if one was.
        """
        backoff_s = 0.1
        while True:
            try:
                return attempt(*args, **kwargs)
            except StoreError as error:
                text = f"{error}; next try in {backoff_s:.1f} s"
                self._log(told(text, level="warning", event="redis"))
                if self._wishes.leave:
                    return None
                self._wait_out(error, backoff_s)
            backoff_s = min(backoff_s * 2, _LONGEST_BACKOFF_S)

    def _work(self, names: Sequence[str], closing: Closing | None, *, take: bool = True) -> Taken:
        exchange: Exchange[Taken] = work(
            self._keys,
            self._place.claim,
            names,
            closing=closing,
            processed=self._processed,
            take=take,
            now=self._now(),
        )
        if self._locks.pending is not None:
            exchange = together([self._locks.pending, exchange], 1).then(itemgetter(-1))
        if not self._has_looked:
            exchange = self._with_a_look(exchange, names)
        taken = self._store.run(exchange)
        if taken.state == "lost":
            return taken
        self._processed = taken.processed
        if taken.foreign:
            self._admission.bar(taken.foreign)
        if taken.set_aside:
            items = "item" if taken.set_aside == 1 else "items"
            text = f"set {taken.set_aside} unreadable {items} aside"
            self._log(told(text, level="error", event="set aside"))
        return taken

    def _with_a_look(self, exchange: Exchange[Taken], names: Sequence[str]) -> Exchange[Taken]:
        """The same round trip, before whose first job it is seen which classes wait."""

        def seen(waiting: list[WaitingClasses]) -> None:
            self._has_looked = True
            self._strangers.look(waiting)

        look = waiting_classes.take(self._keys, names[:_LOOKED_AT])
        return together([look.then(seen), exchange], 1).then(itemgetter(-1))

    def _current_queues(self) -> list[str]:
        wanted = self._wanted() if self._queues.is_dynamic else self._queues.wanted
        return self._options.order(self._admission.served(wanted))

    def _wanted(self) -> Sequence[str]:
        """The queues that the list means."""
        if not self._queues.is_dynamic:
            return self._queues.wanted
        if self._mono_now() - self._names_read_at >= _NAMES_FOR_S:
            registered = self._store.run(queue_list.names(self._keys))
            self._names = self._queues.resolve(registered)
            self._names_read_at = self._mono_now()
        return self._names
