"""Takes a worker's jobs from its queues, and closes them; waits while Redis is away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter

from queuecore import times
from queuecore.exchange import Exchange, T, together
from queuecore.lean import LeanStore
from queuecore.values import Any, ParamSpec, replace
from resque.codec import Unreadable, decode_payload
from resque.errors import BelongsToSidekiq, Refused, StoreError
from resque.keys import Keys
from resque.store import claims, ownership, queue_list, stale, waiting_classes
from resque.store.ownership import KeyOwners
from resque.store.waiting_classes import QueueSample
from resque.store.workers import Record
from resque.worker.context import WorkerContext
from resque.worker.locks import Locks
from resque.worker.log import told
from resque.worker.reserve import Closing, Taken, set_aside, work
from resque.worker.unknown_classes import UnknownClasses

P = ParamSpec("P")

#: The names of queues are read again after this time, where patterns are served.
_NAMES_FOR_S = 1.0
#: Tries to reach a lost Redis again grow up to this distance.
_LONGEST_BACKOFF_S = 10.0
#: Queues in one round trip: some 2 ms of Redis's time.
_AT_ONCE = 2000
#: When a worker starts, it reads the classes that wait in so many of its queues.
_CHECKED_QUEUES = 100


class ServedQueues:
    """Finds out which queues a worker may serve, because they are not Sidekiq's: before it serves
    them for the first time, and for all of them again each `every_s` seconds: a round trip for each
    200 queues. In between, the script that takes jobs leaves Sidekiq's jobs where they are, and
    `bar` gets the names of their queues.

    A queue that cannot be read is served: nothing shows that it is Sidekiq's. `last_served` are the
    queues that may be served, of those that were asked for last.
    """

    def __init__(
        self,
        store: LeanStore,
        keys: Keys,
        every_s: float,
        log: Callable[[str], None],
        clock: times.Clock,
        mono_now: Callable[[], float],
    ) -> None:
        self._store = store
        self._keys = keys
        self._every_s = every_s
        self._log = log
        self._clock = clock
        self._mono_now = mono_now
        self._due_at = float("-inf")
        self._seen: set[str] = set()
        #: Why queues are not served, by their names.
        self._barred: dict[str, str] = {}
        self._asked: Sequence[str] = ()
        self.last_served: Sequence[str] = ()

    def open(self, names: Sequence[str]) -> None:
        """Read them for the first time. Raises BelongsToSidekiq when none of the queues may be
        served, or the namespace is Sidekiq's, and StoreError."""
        found = self._ask(names)
        refusals = [found.refusal(name) for name in names]
        if (refusal := found.refusal()) is None and refusals and None not in refusals:
            refusal = refusals[0]
        if refusal is not None:
            raise BelongsToSidekiq(refusal)
        if found.warning is not None:
            self._log(f"warning: {found.warning}")
        self._begin_anew(names, found)

    def served(self, names: Sequence[str]) -> Sequence[str]:
        """Those of some queues that may be served, in their order. Raises StoreError."""
        if self._mono_now() >= self._due_at:
            self._begin_anew(names, self._ask(names))
        elif names is self._asked:
            return self.last_served
        elif new := [name for name in names if name not in self._seen]:
            self._judge(new, self._ask(new))
        self._asked = names
        self.last_served = names
        if self._barred:
            self.last_served = [name for name in names if name not in self._barred]
        return self.last_served

    def bar(self, names: Iterable[str]) -> None:
        """Stop serving these queues: a job of Sidekiq's is next in them."""
        for name in names:
            self._bar(name, f"a job with a jid is next in queue {name!r}: it is Sidekiq's")
        self._asked = ()

    def _begin_anew(self, names: Sequence[str], found: KeyOwners) -> None:
        before, self._barred, self._seen = self._barred, {}, set()
        self._judge(names, found, before)
        self._due_at = self._mono_now() + self._every_s

    def _ask(self, names: Sequence[str]) -> KeyOwners:
        return self._store.run(ownership.owners_of_queues(self._keys, names, now=self._clock()))

    def _judge(self, names: Sequence[str], found: KeyOwners, before: Iterable[str] = ()) -> None:
        self._seen.update(names)
        for name in names:
            if (reason := found.reason(name)) is not None:
                self._bar(name, reason, is_news=name not in before)
        for name in before:
            if name in self._seen and name not in self._barred:
                self._log(f"serves queue {name!r} from now on: nothing of Sidekiq's shows there")

    def _bar(self, name: str, why: str, *, is_news: bool = True) -> None:
        if is_news and name not in self._barred:
            self._log(f"leaves queue {name!r} alone: {why}")
        self._barred[name] = why


class JobFetcher:
    """Takes and closes one worker's jobs. `wait_out` waits some seconds until Redis may work again,
    or until a signal comes."""

    def __init__(
        self,
        context: WorkerContext,
        served: ServedQueues,
        unknown: UnknownClasses,
        locks: Locks,
        wait_out: Callable[[StoreError, float], None],
    ) -> None:
        self._worker = context
        self._served = served
        self._unknown = unknown
        self._locks = locks
        self._wait_out = wait_out
        self._now = times.in_utc(context.clock)
        self._has_checked_classes = False
        #: Whether this worker was found to be off the register since it took its last job.
        self._was_lost = False
        self._processed = 0
        self._names: list[str] = []
        self._names_read_at = float("-inf")

    def open(self) -> None:
        """See which of the queues may be served. Costs and raises as `ServedQueues.open`, and a
        round trip more for patterns."""
        try:
            names = self._wanted()
        except Refused:
            names = ()  # as is said when the first job is asked for
        self._served.open(names)

    def take(self, closing: Closing | None) -> Taken | None:
        """Close the last job and take the next; None when asked to leave during an outage, before
        the last job was closed."""
        names = self.patiently(self._current_queues)
        if names is None:
            return None
        if self._unknown.alone:
            return self._take_from_others(names, closing)
        if len(names) > _AT_ONCE:
            return self._take(names, closing)
        # The usual case straight on: each function called costs a fork some pages.
        return self.patiently(self._work, names, closing)

    def _take_from_others(self, names: Sequence[str], closing: Closing | None) -> Taken | None:
        """Take no job from the queues that are left alone, as if they were paused."""
        alone = self._unknown.left_alone()
        taken = self._take([name for name in names if name not in alone], closing)
        return taken and replace(taken, paused=taken.paused | alone)

    def held(self) -> Taken | None:
        """The job that a child took and left in this worker's record, if any; takes none."""
        return self.patiently(self._work, [], None)

    def _take(self, names: Sequence[str], closing: Closing | None) -> Taken | None:
        taken = self.patiently(self._work, names[:_AT_ONCE], closing)
        for at in range(_AT_ONCE, len(names), _AT_ONCE):
            if taken is None or taken.state != "empty":
                break
            taken = self._take_further(taken, names[at : at + _AT_ONCE])
        return taken

    def _take_further(self, seen: Taken, names: Sequence[str]) -> Taken:
        """Take from more queues when those before had no job."""
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

    def held_after_death(self, record: Record) -> Taken | None:
        """What this worker's record has, after a child died that was given `record`; `lost` when
        the worker's id is no longer its own. None when asked to leave before that is known."""
        if self._worker.options.jobs_per_fork == 1:
            return Taken(self._processed, "job", record)
        # The child shared the connection and may have died within an answer; and it may have
        # taken another job.
        self._worker.store.close()
        return self.patiently(self._read_held)

    def _read_held(self) -> Taken:
        found = self._worker.store.run(claims.held(self._worker.keys, self._worker.worker_id.claim))
        if found is None:
            return Taken(self._processed, "lost")
        held, self._processed = found
        return Taken(self._processed, "none" if held is None else "job", held)

    def put_back(self, record: Record, at_most: int) -> bool:
        """Put a lost job back to its queue; False when that happened too often, or what the
        worker held is no job."""
        if not stale.may_be_put_back(record):
            return False
        exchange = stale.put_back(
            self._worker.keys, self._worker.worker_id.id, record, at_most=at_most
        )
        times_lost = self.patiently(self._worker.store.run, exchange)
        if times_lost:
            text = f"put {record.class_name!r} back on {record.queue!r}: its process died"
            parts: dict[str, Any] = {"queue": record.queue, "class": record.class_name}
            self._worker.log(told(text, level="warning", event="put back", **parts))
        return bool(times_lost)

    def set_aside_if_unreadable(self, record: Record) -> bool:
        """Set a payload aside that the script took for a job and that is none."""
        if record.problem is None and record.payload is not None and record.payload[:1] == b"{":
            return False
        reason = record.problem
        if reason is None:
            reading = decode_payload(record.payload or b"")
            reason = reading.reason if isinstance(reading, Unreadable) else ""
        exchange = set_aside(
            self._worker.keys, self._worker.worker_id.id, record.queue or "", record
        )
        self.patiently(self._worker.store.run, exchange)
        text = f"set an unreadable item of {record.queue!r} aside: {reason}"
        self._worker.log(told(text, level="error", event="set aside", queue=record.queue))
        return True

    def patiently(self, attempt: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Make an attempt until Redis answers. None when asked to leave before it does.

        Safe for `work`: repeated after a lost answer it closes nothing twice and returns the
        job that was taken, if one was.
        """
        backoff_s = 0.1
        while True:
            try:
                return attempt(*args, **kwargs)
            except StoreError as error:
                text = f"{error}; next try in {backoff_s:.1f} s"
                self._worker.log(told(text, level="warning", event="redis"))
                if self._worker.signals.leave:
                    return None
                self._wait_out(error, backoff_s)
            backoff_s = min(backoff_s * 2, _LONGEST_BACKOFF_S)

    def _work(self, names: Sequence[str], closing: Closing | None, *, take: bool = True) -> Taken:
        if self._was_lost and self._was_closed(closing):
            closing = None
        exchange: Exchange[Taken] = work(
            self._worker.keys,
            self._worker.worker_id.claim,
            names,
            closing=closing,
            processed=self._processed,
            take=take,
            now=self._now(),
        )
        if self._locks.pending is not None:
            exchange = together([self._locks.pending, exchange], 1).then(itemgetter(-1))
        if not self._has_checked_classes:
            exchange = self._with_class_check(exchange, names)
        taken = self._worker.store.run(exchange)
        self._was_lost = taken.state == "lost"
        if self._was_lost:
            return taken
        self._processed = taken.processed
        if taken.foreign:
            self._served.bar(taken.foreign)
        if taken.set_aside:
            items = "item" if taken.set_aside == 1 else "items"
            text = f"set {taken.set_aside} unreadable {items} aside"
            self._worker.log(told(text, level="error", event="set aside"))
        return taken

    def _was_closed(self, closing: Closing | None) -> bool:
        """Whether the failure of the last job is on record by a call whose answer was lost; the
        count that shows it otherwise went with this worker's place on the register."""
        if closing is None or not closing.failure:
            return False
        claim, list_name = self._worker.worker_id.claim, closing.failed_list
        exchange = claims.was_recorded(self._worker.keys, claim, closing.failure, list_name)
        return self._worker.store.run(exchange)

    def _with_class_check(self, exchange: Exchange[Taken], names: Sequence[str]) -> Exchange[Taken]:
        """The same round trip, which also reads which classes wait, before the first job."""

        def seen(waiting: list[QueueSample]) -> None:
            self._has_checked_classes = True
            self._unknown.warn_of(waiting)

        look = waiting_classes.take(self._worker.keys, names[:_CHECKED_QUEUES])
        return together([look.then(seen), exchange], 1).then(itemgetter(-1))

    def _current_queues(self) -> list[str]:
        wanted = self._wanted() if self._worker.queues.is_dynamic else self._worker.queues.wanted
        return self._worker.options.order(self._served.served(wanted))

    def _wanted(self) -> Sequence[str]:
        """The queues that the list means."""
        if not self._worker.queues.is_dynamic:
            return self._worker.queues.wanted
        if self._worker.mono_now() - self._names_read_at >= _NAMES_FOR_S:
            registered = self._worker.store.run(queue_list.names(self._worker.keys))
            self._names = self._worker.queues.resolve(registered)
            self._names_read_at = self._worker.mono_now()
        return self._names
