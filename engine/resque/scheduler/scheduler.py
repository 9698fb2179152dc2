"""The scheduler: moves due jobs to their queues and fires schedules, while it is the master.

Several may run; who holds the master lock (Ruby's own) works, the others stand by. The lock only
saves work: should two believe to be master for a moment, the scripts let each job be moved and
each firing happen once.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from types import FrameType
from typing import Any

import setproctitle

from queuecore import times
from queuecore.exchange import Exchange, together
from queuecore.stores import Store
from queuecore.times import ServerClock
from resque.errors import StoreError, WrongType
from resque.keys import Keys
from resque.scheduler.definition import BadSchedule, Schedule, from_json
from resque.scheduler.enqueue_checks import OwnershipCheck, StatusCheck
from resque.scheduler.files import ScheduleFiles, read_file
from resque.scheduler.moving import BATCH, Pass, Push, QueueOf, move_due, no_queue
from resque.scheduler.plan import FiringPlan, Planned
from resque.scheduler.publishing import Publisher
from resque.store import delayed, schedules, statuses
from resque.store.schedules import Firing, PublishedSchedule, Stored
from resque.worker.log import told
from resque.worker.signals import SignalPipe
from resque.worker.upkeep import adopted

#: Tries to reach a lost Redis again grow up to this distance.
_LONGEST_BACKOFF_S = 10.0
#: A difference between the server's clock and this machine's that is worth telling.
_LARGE_SKEW_S = 5.0


_LEAVE = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


class SchedulerSignals(SignalPipe):
    """What the signals that a scheduler got ask for.

    | signal          | asks                                        |
    |-----------------|---------------------------------------------|
    | TERM, INT, QUIT | leave, after the present batch              |
    | HUP             | the same, where `nohup` does not hold it back |
    | USR1            | print what is planned                       |
    | USR2            | read the schedules again                    |
    """

    def __init__(self) -> None:
        super().__init__()
        self.leave = False
        self.print_plan = False
        self.reload = False
        self._handlers = dict.fromkeys((*_LEAVE, signal.SIGUSR1, signal.SIGUSR2), self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number in _LEAVE:
            self.leave = True
        elif number == signal.SIGUSR1:
            self.print_plan = True
        else:
            self.reload = True

    def wait(self, seconds: float) -> None:
        """Wait, but not longer than until the next signal."""
        if not self.leave:
            select.select([self._read_fd], [], [], max(0.0, seconds))
        try:
            while os.read(self._read_fd, 512):
                pass
        except BlockingIOError:
            pass


@dataclass(frozen=True, slots=True)
class SchedulerOptions:
    """How a scheduler behaves. `interval_s` is the longest time between two polls; `is_dynamic`
    follows changes of persistent schedules; `environment` is what `rails_env` is compared with."""

    interval_s: float = 5.0
    lock_timeout_s: int = 180
    lock_prefix: str = ""
    is_dynamic: bool = False
    batch: int = BATCH
    app_name: str = ""
    environment: str | None = None
    schedule_file: Path | None = None


class Scheduler:
    """One scheduler. `run` returns when a signal has asked it to leave.

    `zone` is that of cron expressions that name none, and of the times it writes. `clock` is the
    server's by default; it is an argument so that tests can set it. `log` gets one line for each
    thing worth telling. Raises BadSchedule for a schedule file that cannot be read.
    """

    def __init__(
        self,
        store: Store,
        keys: Keys,
        *,
        version: str,
        zone: tzinfo,
        options: SchedulerOptions = SchedulerOptions(),
        queue_of: QueueOf = no_queue,
        log: Callable[[str], None] = lambda line: None,
        clock: times.Clock | None = None,
    ) -> None:
        self.id = f"{socket.gethostname()}:{os.getpid()}"
        self._store = store
        self._keys = keys
        self._lock = keys.master_lock(options.lock_prefix)
        self._version = version
        self._zone = zone
        self._options = options
        self._queue_of = queue_of
        self._log = log
        self._server_clock = ServerClock(times.utc_now, time.monotonic)
        self._clock = clock or self._server_clock
        self._ownership = OwnershipCheck(store, keys, self._clock, log)
        self._plan = FiringPlan(zone)
        self._of_file = self._read_file()
        self._publisher = Publisher(
            store,
            keys,
            prefix=options.lock_prefix,
            owner=self.id,
            lifetime_s=options.lock_timeout_s,
            log=log,
        )
        self._status_check = StatusCheck(store, keys, log)
        self._signals = SchedulerSignals()
        self._is_master: bool | None = None  # None: the schedules are not read yet
        self._may_hold = False
        self._told_of_skew = self._told_of_no_clock = False
        self._next_due: float | None = None
        # It starts no process itself.
        self._adopted = adopted(frozenset)

    # ---- the life of a scheduler

    def run(self) -> None:
        """Work until a signal asks to leave (see `SchedulerSignals`), then let go of the lock.

        Raises StoreError only when Redis cannot be reached or refuses at the start, and
        BelongsToSidekiq when the namespace is Sidekiq's then. Later outages are waited out.
        """
        with self._signals:
            self._title("Starting")
            backoff_s = 0.1
            try:
                # Before anything is written.
                self._ownership.open()
                self._register_file()
                self._hold()
                while not self._signals.leave:
                    try:
                        patience_s = self.step()
                        backoff_s = 0.1
                    except StoreError as error:
                        self._warn(f"{error}; next try in {backoff_s:.1f} s", "redis")
                        patience_s = backoff_s
                        backoff_s = min(backoff_s * 2, _LONGEST_BACKOFF_S)
                    self._signals.wait(patience_s)
                    if self._adopted is not None:
                        self._adopted.collect()
            finally:
                self._end()

    def _end(self) -> None:
        try:
            if self._may_hold:
                self._publisher.withdraw()
                if self._store.run(schedules.release(self._lock, self.id)):
                    self._log("the master lock is free")
        except StoreError as error:
            self._warn(f"could not let go of the master lock: {error}", "redis")
        finally:
            self._store.close()
        self._log(f"scheduler {self.id} has left")

    def step(self) -> float:
        """Do everything there is to do now. Returns how long nothing will have to be done."""
        if not self._ownership.is_open():
            return self._options.interval_s
        self._hold()
        self._obey()
        if not self._is_master:
            return self._patience_s()
        self._publisher.renew()
        is_complete = self._move_due()
        if self._options.is_dynamic:
            self._follow_changes()
        for planned in self._plan.due(self._clock()):
            self._fire(planned)
        return self._patience_s() if is_complete else 0.0

    def _hold(self) -> None:
        self._may_hold = True
        held = self._store.run(schedules.hold(self._lock, self.id, self._options.lock_timeout_s))
        self._may_hold = held.is_ours
        self._learn(held.server_time)
        if held.is_ours and (held.is_new or not self._is_master):
            self._log(f"scheduler {self.id} is the master")
            self._title("Master scheduler")
            self._is_master = None
            self._begin_plan()
        elif not held.is_ours and self._is_master is not False:
            # !r: a name from Redis may hold escapes, and a log is read on a terminal.
            self._log(f"scheduler {self.id} stands by; the master is {held.owner!r}")
            self._title("Child scheduler")
        self._is_master = held.is_ours

    def _learn(self, server_time: datetime | None) -> None:
        """Go by the server's clock, and tell once when this machine's is far from it."""
        self._server_clock.learn(None if server_time is None else server_time.astimezone(UTC))
        ahead_s = self._server_clock.ahead_s()
        if abs(ahead_s) > _LARGE_SKEW_S and not self._told_of_skew:
            self._told_of_skew = True
            way = "ahead of" if ahead_s > 0 else "behind"
            self._log(
                f"the server's clock, which counts, is {abs(ahead_s):.0f} s {way} this machine's"
            )
        if server_time is None and not self._told_of_no_clock:
            self._told_of_no_clock = True
            self._log("the server does not tell its clock (TIME): this machine's counts")

    def _obey(self) -> None:
        if self._signals.reload:
            self._signals.reload = False
            self._reload()
        if self._signals.print_plan:
            self._signals.print_plan = False
            self._print_plan()

    def _patience_s(self) -> float:
        """Until the next poll: the lock must not run out, and nothing due may be late."""
        patience_s = min(self._options.interval_s, self._options.lock_timeout_s / 3)
        if self._is_master:
            now = self._clock().timestamp()
            if self._next_due is not None:
                patience_s = min(patience_s, self._next_due - now)
            if (firing := self._plan.next_at()) is not None:
                patience_s = min(patience_s, firing.timestamp() - now)
        return max(0.0, patience_s)

    # ---- delayed jobs

    def _move_due(self) -> bool:
        """Move what is due, a bounded number of jobs. Returns whether that was all."""
        now = self._clock().timestamp()
        if self._next_due is None or self._next_due <= now:
            self._status_check.refresh()
        done: Pass = self._store.run(
            move_due(*(self._keys, now, self._queue_of, self._admit), batch=self._options.batch)
        )
        self._next_due = done.next_at
        if done.moved.queued:
            self._log(f"moved {_counted(done.moved.queued, 'delayed job')} that came due")
        for kept in done.moved.set_aside:
            self._warn(f"set a delayed job aside: {kept.reason}", "set aside")
        for stamp in done.broken:
            self._warn(f"cannot move the jobs delayed until {stamp!r}: their key is not a list")
        return done.is_complete

    def _admit(self, push: Push) -> str | None:
        if (why := self._ownership.refusal(push.queue)) is None:
            self._status_check.see(push)
        return why

    # ---- schedules

    def _read_file(self) -> ScheduleFiles:
        path = self._options.schedule_file
        found = ScheduleFiles() if path is None else read_file(path)
        for each in found.bad:
            self._log(f"skipped: {each.place}: {each.problem}")
        for schedule in found.schedules:
            for key in schedule.unknown_keys:
                self._log(f"schedule {schedule.name!r}: the key {key!r} means nothing here")
        return found

    def _register_file(self) -> None:
        """As Ruby does when given its schedules: keep those that are to persist in Redis, and tell
        about the others."""
        for schedule in self._of_file.schedules:
            if schedule.is_persistent:
                self._store.run(schedules.put_json(self._keys, schedule.name, schedule.source))
        others = [s.name for s in self._of_file.schedules if not s.is_persistent]
        self._store.run(schedules.announce(self._keys, others))

    def _begin_plan(self) -> None:
        self._title("Loading Schedule")
        stored = schedules.stored(self._keys, take_changes=self._options.is_dynamic)
        publishing = self._publisher.begin(self._entries())
        parts: list[Exchange[Any]] = [stored, statuses.newest(self._keys), *publishing]
        found, ids, *published = self._store.run(together(parts, needed=0))
        self._status_check.learn(ids)
        self._publisher.begun(published)
        now = self._clock()
        last = {name: schedules.last_time(raw, now) for name, raw in found.last.items()}
        self._plan.begin(self._usable(found), last, now)
        self._log(f"loaded {_counted(len(self._plan), 'schedule')}")
        self._title("Master scheduler")

    def _follow_changes(self) -> None:
        if self._store.run(schedules.has_changes(self._keys)):
            self._title("Updating schedule")
            self._update_plan()
            self._title("Master scheduler")

    def _reload(self) -> None:
        try:
            self._of_file = self._read_file()
        except BadSchedule as error:
            self._warn(f"the schedules stay as they were: {error}")
            return
        self._register_file()
        if self._is_master:
            self._update_plan()

    def _update_plan(self) -> None:
        found = self._store.run(schedules.stored(self._keys, take_changes=self._options.is_dynamic))
        changed = self._plan.update(self._usable(found), self._clock())
        self._publisher.publish(self._entries())
        self._log(f"schedules changed: {', '.join(map(repr, changed)) or 'none'}")

    def _usable(self, found: Stored) -> list[Schedule]:
        """The schedules of the file and of Redis (which win), for this environment."""
        by_name = {s.name: s for s in self._of_file.schedules}
        for name, raw in found.configs.items():
            try:
                by_name[name] = from_json(name, raw)
            except BadSchedule as error:
                by_name.pop(name, None)
                self._warn(f"skipped: {error}")
        usable = []
        for schedule in by_name.values():
            if not schedule.is_for(self._options.environment):
                self._log(f"skipped: schedule {schedule.name!r} {self._unusable(schedule)}")
            elif (why := self._unusable(schedule)) is not None:
                self._warn(f"skipped: schedule {schedule.name!r} {why}")
            else:
                usable.append(schedule)
        self._status_check.see_schedules(usable)
        return usable

    def _unusable(self, schedule: Schedule) -> str | None:
        if not schedule.is_for(self._options.environment):
            return "is for another environment"
        if schedule.queue_for(self._queue_of) is None:
            return "names no queue, nor does its class"
        return None

    def _entries(self) -> dict[str, PublishedSchedule]:
        """What is published of the file's schedules; Redis has those that are to persist."""
        found = {
            bad.name: PublishedSchedule(None, problem=bad.problem) for bad in self._of_file.bad
        }
        for schedule in self._of_file.schedules:
            if not schedule.is_persistent:
                queue, why = schedule.queue_for(self._queue_of), self._unusable(schedule)
                problem = None if why is None else f"it {why}"
                found[schedule.name] = PublishedSchedule(schedule.source, queue, problem)
        return found

    def _fire(self, planned: Planned) -> None:
        schedule, at = planned.schedule, planned.at
        queue = schedule.queue_for(self._queue_of)
        assert at is not None  # noqa: S101  what is due has a moment
        assert queue is not None  # noqa: S101  what is usable has a queue
        if (refusal := self._ownership.refusal(queue)) is not None:
            self._log(f"did not queue {schedule.class_name!r} ({schedule.name!r}): {refusal}")
            self._plan.fired(schedule.name, self._clock())
            return
        firing = Firing(schedule.name, at.astimezone(self._zone), queue, schedule.payload)
        now = self._clock()
        fire = schedules.fire(self._keys, firing, lock=self._lock, owner=self.id, now=now)
        what = f"{schedule.class_name!r} ({schedule.name!r})"
        try:
            outcome = self._store.run(fire)
        except WrongType as error:
            # Missed, so that one queue that cannot be used does not keep all others waiting.
            self._warn(f"cannot queue {what}: {error}")
        else:
            if outcome == "not master":
                return
            self._log(f"queued {what}" if outcome == "fired" else f"{what} was queued already")
        self._plan.fired(schedule.name, self._clock())

    # ---- telling

    def _warn(self, text: str, event: str = "schedule") -> None:
        self._log(told(text, level="error", event=event))

    def _print_plan(self) -> None:
        role = "master" if self._is_master else "standing by"
        count = self._store.run(delayed.count(self._keys))
        self._log(f"scheduler {self.id}: {role}; delayed jobs: {count}; schedules:")
        for planned in self._plan:
            at = "never" if planned.at is None else times.started(planned.at.astimezone(self._zone))
            timing = planned.schedule.timing.text
            self._log(f"  {planned.schedule.name!r} ({timing}): next {at}")

    def _title(self, text: str) -> None:
        app = f"[{self._options.app_name}]" if self._options.app_name else ""
        env = f"[{self._options.environment}]" if self._options.environment else ""
        setproctitle.setproctitle(f"resque-scheduler-{self._version}{app}{env}: {text}")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
