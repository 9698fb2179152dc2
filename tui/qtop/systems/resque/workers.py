"""What operators do to workers: unregister the dead, signal the living."""

from __future__ import annotations

import os
import signal
import socket
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, cast

import psutil

from qtop.actions.plan import Operator, Outcome, Plan, Refusal, ResultTone, rest_of
from qtop.actions.request import JobFate, Prune, Signal, Wish
from qtop.actions.stopping import Stopped, between
from qtop.keymap.keymap import Danger
from qtop.model.fleet import Process
from qtop.text.safe import ago, counted, safe
from queuecore import audit
from queuecore.action_record import ActionRecord
from queuecore.errors import QueueError
from queuecore.exchange import Steps
from queuecore.times import wall_now
from resque.keys import Keys
from resque.store import duplicates, pruning, snapshot, stale, workers
from resque.store.duplicates import QueuedJob
from resque.store.pruning import Fate
from resque.store.stale import Evidence

# Signals to registered workers that run on this machine, also those started elsewhere.

SIGNALS: Final[Mapping[Wish, signal.Signals]] = {
    "finish": signal.SIGQUIT,
    "end job": signal.SIGUSR1,
    "stop now": signal.SIGTERM,
    "pause": signal.SIGUSR2,
    "resume": signal.SIGCONT,
}
"""What a Resque worker does on which signal (resque-protocol: Worker#register_signal_handlers)."""

#: What the question calls it, and what a worker does on its signal.
_WORDS: Final[Mapping[Wish, tuple[str, str]]] = {
    "finish": ("Stop", "finishes its job, then ends"),
    "end job": ("End the job of", "its job ends now and moves to Failed; the worker continues"),
    "stop now": ("Stop now", "its job ends now and moves to Failed; the worker ends"),
    "pause": ("Pause", "takes no more jobs"),
    "resume": ("Resume", "takes jobs again"),
}

_RETURNED: Final = "heartbeat returned"
#: In the title of every Resque worker.
_TITLE: Final = "resque"
#: A worker registers after its process has begun, by its own clock.
_CLOCK_TOLERANCE: Final = timedelta(minutes=2)


def doubt(worker: Process, host: str) -> str | None:
    """Why a worker cannot be signalled from here, in words; None when it can. `host` is the name of
    this machine."""
    pid, started = worker.pid, worker.started
    if pid is None or worker.host is None:
        return "its id names no process"
    if not workers.may_run_on(workers.identity(worker.id), host):
        return f"it runs on {worker.host}, not here"
    if pid <= 1:
        return f"{pid} is no process of a worker"
    try:
        process = psutil.Process(pid)
        title = " ".join(process.cmdline())
        began = datetime.fromtimestamp(process.create_time(), UTC)
    except psutil.NoSuchProcess:
        return f"there is no process {pid} here"
    except psutil.Error:
        return f"process {pid} belongs to another user"
    if _TITLE not in title:
        return f"process {pid} does not call itself a Resque worker"
    if started is not None and began > started + _CLOCK_TOLERANCE:
        return f"process {pid} began after that worker did: another one"
    if worker.host != host and (started is None or began < started - _CLOCK_TOLERANCE):
        return f"process {pid} may be another one: {worker.host} may be another machine"
    return None


def is_titled(pid: int) -> bool:
    """Whether a process calls itself a Resque worker."""
    try:
        return _TITLE in " ".join(psutil.Process(pid).cmdline())
    except (psutil.Error, ValueError, OverflowError):
        return False


def send_signal(worker: Process, host: str, what: Wish) -> str | None:
    """Signal a worker. Returns why that could not be done, or None."""
    reason = doubt(worker, host)
    if reason is not None or worker.pid is None:
        return reason
    try:
        psutil.Process(worker.pid).send_signal(SIGNALS[what])
    except psutil.NoSuchProcess:
        return f"process {worker.pid} ended meanwhile"
    except psutil.AccessDenied:
        return f"process {worker.pid} belongs to another user"
    return None


# What speaks for and against a worker's death.

#: How many workers are looked at in one round trip: each may hold a large job.
_AT_ONCE: Final = 100
#: How many of the newest failures are compared with the running jobs.
_FAILURES_READ: Final = 1000
#: What of the fleet a case is compared with.
_COMPARED: Final = frozenset({"workers", "jobs in hand", "failures"})
_NOT_THERE: Final = "there is no such worker"


@dataclass(frozen=True, slots=True)
class Case:
    """One worker. None means unknown.

    Attributes:
        seen: What it holds and when it last beat.
        doubt: Why it may be alive after all; None when nothing says so.
        process_runs: Whether a process of its id runs here; None on another machine.
        waiting, failed, held: How often its job is also in its queue, among the newest failures,
            and in the hands of others.
        times_lost: How often a job of these bytes was put back within a day.
        unread: Why some of this is unknown, by what it is in words.
    """

    seen: Evidence
    doubt: str | None = None
    process_runs: bool | None = None
    waiting: int | None = None
    failed: int | None = None
    held: int | None = None
    times_lost: int = 0
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def worker_id(self) -> str:
        return self.seen.worker_id

    def fate(self, requeue_lost: int) -> JobFate:
        record = self.seen.record
        if record is None:
            return "idle"
        is_whole = bool(record.class_name) and stale.may_be_put_back(record)
        return "put back" if is_whole and self.times_lost < requeue_lost else "failed"

    @property
    def words(self) -> str:
        return "; ".join(_parts(self))

    @property
    def fields(self) -> Mapping[str, Any]:
        record = self.seen.record
        return {
            "is_registered": self.seen.is_registered,
            "heartbeat_age_s": self.seen.silent_s,
            "process_runs": self.process_runs,
            "class": None if record is None else record.class_name,
            "queue": None if record is None else record.queue,
            "run_at": None if record is None else record.run_at,
            "also_waiting": self.waiting,
            "also_failed": self.failed,
            "also_in_hands": self.held,
            "times_lost": self.times_lost,
            "doubt": self.doubt,
        }


def gather(
    keys: Keys, names: Sequence[str], *, ignore_pids: bool, unlisted: Sequence[str] = ()
) -> Steps[Sequence[Case]]:
    """Look at the workers named, or, when none is, at all that have been silent for five minutes
    and at the `unlisted`, which are not registered. Five round trips, and one more for each 100
    workers."""
    fleet = yield from snapshot.take(keys, failures_limit=_FAILURES_READ)
    silent: list[str] = [] if names else (yield stale.silent(keys))
    wanted = list(dict.fromkeys([*names, *silent, *(() if names else unlisted)]))
    seen: list[Evidence] = []
    for at in range(0, len(wanted), _AT_ONCE):
        seen += yield stale.evidence(keys, wanted[at : at + _AT_ONCE])
    jobs = [job for each in seen if (job := _job(each)) is not None]
    waits: list[int | None] = yield duplicates.waiting(keys, jobs)
    losses: list[int] = yield stale.times_lost(keys, jobs)
    waiting = dict(zip(jobs, waits, strict=True))
    times_lost = dict(zip(jobs, losses, strict=True))
    failed = None if fleet.failures is None else duplicates.failed(fleet.failures)
    holders = None if fleet.processes is None else duplicates.in_hands(fleet.processes)
    known = [process.id for process in fleet.processes or ()]
    unread = {each: why for each, why in fleet.problems.items() if each in _COMPARED}
    cases: list[Case] = []
    for each in seen:
        case = replace(_of_process(each, ignore_pids), unread=unread)
        if each.beat is None and each.record is None and each.worker_id not in known:
            is_unknown = fleet.processes is None
            doubt = "whether it is registered is unknown" if is_unknown else _NOT_THERE
            case = replace(case, doubt=doubt)
        job = _job(each)
        if job is not None:
            case = replace(case, waiting=waiting[job], times_lost=times_lost[job])
            if waiting[job] is None:
                case = replace(case, unread={**unread, "jobs waiting": "Redis does not say"})
            # Larger ones come cut, and cannot be compared.
            if len(job[1]) < snapshot.RECORD_BYTES // 2:
                case = replace(case, failed=None if failed is None else failed[job])
                if holders is not None:
                    others = [who for who in holders.get(job, ()) if who != each.worker_id]
                    case = replace(case, held=len(others))
        cases.append(case)
    return cases


def _job(seen: Evidence) -> QueuedJob | None:
    record = seen.record
    if record is None or record.queue is None or record.payload is None:
        return None
    return record.queue, record.payload


def _of_process(seen: Evidence, ignore_pids: bool) -> Case:
    host, who = socket.gethostname(), workers.identity(seen.worker_id)
    runs = None
    if workers.may_run_on(who, host) and who.pid is not None:
        runs = _is_running(who.pid)
        if who.host != host:
            # It may be the id of another machine, with any process of that number here.
            runs = runs and is_titled(who.pid)
    doubt = stale.doubt(seen, host=host, is_running=lambda pid: bool(runs) and not ignore_pids)
    return Case(seen, doubt, runs)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    # 0 would be this process's own group.
    return pid != 0


def _parts(case: Case) -> Iterator[str]:
    seen, record = case.seen, case.seen.record
    if not seen.is_registered:
        yield "not registered"
    yield "no heartbeat ever" if seen.beat is None else f"silent for {ago(seen.silent_s)}"
    pid = workers.identity(case.worker_id).pid
    if case.process_runs is not None:
        yield f"process {pid} {'runs' if case.process_runs else 'is gone'}"
    if record is None:
        yield "holds no job"
        return
    name = safe(record.class_name) if record.class_name else "an unreadable job"
    since = f" since {record.run_at.astimezone():%Y-%m-%d %H:%M:%S}" if record.run_at else ""
    yield f"runs {name} of {safe(record.queue) if record.queue is not None else '?'}{since}"
    if case.times_lost:
        yield f"an identical job was lost {counted(case.times_lost, 'time')} within a day"
    elsewhere = []
    if case.waiting:
        elsewhere.append(f"waits {counted(case.waiting, 'time')}")
    if case.failed:
        elsewhere.append(f"failed {counted(case.failed, 'time')}")
    if case.held:
        elsewhere.append(f"is held by {counted(case.held, 'other worker')}")
    if case.unread:
        yield f"unknown whether the same job is elsewhere: {safe(', '.join(case.unread))}"
    if elsewhere:
        yield f"the same job {', '.join(elsewhere)}"


#: The dialog scrolls; of more, the first are enough.
_SHOWN: Final = 200


def prepare(keys: Keys, operator: Operator, request: Prune | Signal) -> Plan | Refusal:
    if isinstance(request, Signal):
        return _prepare_signal(keys, operator, request)
    return _prepare_prune(keys, operator, request)


def _prepare_prune(keys: Keys, operator: Operator, request: Prune) -> Plan | Refusal:
    """Say what taking processes off the register means: those that nothing shows to be alive, or
    with `forces` all."""
    cases = cast("Sequence[Case]", request.cases)
    if request.forces:
        details = [_consequence(cases)]
        doubts = [case.doubt for case in cases if case.doubt is not None]
        if doubts:
            details.append(f"May be alive: {safe(doubts[0])}. If so it runs on, unlisted.")
        one = safe(cases[0].worker_id) if len(cases) == 1 else counted(len(cases), "worker")
        word = "prune" if doubts else None
        subject, title = one, f"Prune {one}"
    else:
        kept, cases = len(cases), [case for case in cases if case.doubt is None]
        kept -= len(cases)
        if not cases:
            return Refusal("no dead workers: none has been silent for five minutes")
        details = [_consequence(cases)]
        if kept:
            details.append(f"{counted(kept, 'other')} may be alive and are skipped.")
        what = counted(len(cases), "dead worker")
        subject = cases[0].worker_id if len(cases) == 1 else what
        word, title = None, f"Prune {what}"
    record = operator.record("prune", subject, keys.workers(), len(cases), undo_s=0)
    more = len(cases) - _SHOWN
    listed = [f"{safe(case.worker_id)}: {case.words}" for case in cases[:_SHOWN]]
    listed += [f"and {more:,} more"] if more > 0 else []
    end = "Cannot be undone; failed jobs can be requeued."
    # What follows from it first: the list may be longer than the dialog is high.
    lines = (*details, end, "\n".join(listed))
    danger: Danger = "confirm" if word is None else "typed"
    run = partial(_take_off, keys, request, cases, record)
    verb, many = title.split()[0], len(cases)
    return Plan(title, verb, lines, danger, run, word, many=many, record=record)


def _take_off(
    keys: Keys, request: Prune, cases: Sequence[Case], record: ActionRecord
) -> Steps[Outcome]:
    """Act on each case, until it is stopped. One round trip each, and one for the lock that all
    who prune take."""
    me = f"{socket.gethostname()}:{os.getpid()}:qtop"
    locked: bool = yield pruning.lock(keys, me)
    if not locked:
        text = "another prune is running: try again in a minute"
        return Outcome(text, "warn", refused=((text, len(cases)),))
    fates: Counter[Fate] = Counter()
    stopped: Stopped | None = None
    for case in cases:
        try:
            yield between(fates.total(), len(cases))
        except Stopped as error:
            stopped = error
            break
        fate = yield from pruning.take_off(
            keys, case.seen, wall_now, requeue_lost=request.requeue_lost, action=record
        )
        fates[fate] += 1
        request.tell(case, fate)
    alive = fates["alive"]
    done = fates.total() - alive
    text = f"pruned {counted(done, 'worker')}"
    if fates["failed"]:
        text += f"; {counted(fates['failed'], 'job')} moved to Failed"
    if alive:
        text += f"; skipped {alive:,} ({_RETURNED})"
    tone: ResultTone = "warn" if alive else "good"
    left = len(cases) - fates.total()
    if stopped is not None:
        text, tone = text + rest_of(left, stopped), "bad"
    return Outcome(text, tone, done, alive, stopped=stopped, left=left)


def _prepare_signal(keys: Keys, operator: Operator, request: Signal) -> Plan:
    wish, many = request.wish, len(request.processes)
    one = safe(request.processes[0].id) if many == 1 else counted(many, "worker")
    verb, effect = _WORDS[wish]
    danger: Danger = "none" if wish in ("pause", "resume") else "confirm"
    details = (f"It gets {SIGNALS[wish].name}: {effect}.",)
    run = partial(_signal, keys, operator, request)
    return Plan(f"{verb} {one}", verb.split()[0], details, danger, run, many=many)


def _signal(keys: Keys, operator: Operator, request: Signal) -> Steps[Outcome]:
    host, wish = socket.gethostname(), request.wish
    reasons: list[str] = []
    for process in request.processes:
        reason = send_signal(process, host, wish)
        if reason is None:
            request.tell(process.id)
        else:
            reasons.append(safe(reason))
    done = len(request.processes) - len(reasons)
    if done:
        action = "stop" if wish == "finish" else wish
        what = f"{counted(done, 'worker')} on {host}"
        record = operator.record(action, what, keys.workers(), done, undo_s=0)
        # Where Redis does not take the record, the signals were sent all the same.
        with suppress(QueueError):
            yield audit.note(keys, record, done)
    name = SIGNALS[wish].name
    text = f"sent {name} to {counted(done, 'worker')}: {_WORDS[wish][1]}"
    text = text if done else f"{name} was not sent"
    if reasons:
        text += f"; {len(reasons):,} skipped: {reasons[0]}"
    refused = tuple(Counter(reasons).items())
    return Outcome(text, "warn" if reasons else "good", done, refused=refused)


def _consequence(cases: Sequence[Case]) -> str:
    holding = sum(case.seen.record is not None for case in cases)
    if not holding:
        return "They hold no jobs."
    verb = "moves" if holding == 1 else "move"
    return f"{counted(holding, 'job')} {verb} to Failed, to be requeued or deleted."
