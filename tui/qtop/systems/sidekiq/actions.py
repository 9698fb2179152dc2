"""What operators do to Sidekiq: the one place that prepares and carries out their actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from qtop.actions.plan import (
    UNDONE,
    Operator,
    Outcome,
    Plan,
    Refusal,
    ResultTone,
    count_of,
    rest_of,
    typeable,
    undo_counts,
    waiting,
)
from qtop.actions.request import (
    Cancel,
    Clear,
    Delete,
    DeleteSchedules,
    Edit,
    Enqueue,
    Kill,
    Load,
    Move,
    Pause,
    PauseAll,
    Prune,
    PutBack,
    Quarantine,
    Register,
    Reorder,
    Replace,
    Request,
    Requeue,
    Reschedule,
    RunNow,
    RunSchedules,
    Signal,
    Undo,
)
from qtop.keymap.keymap import Danger
from qtop.model.job import JobSource
from qtop.systems import turned_lists
from qtop.systems.sidekiq import job_actions, loading
from qtop.systems.sidekiq.job_lists import turnable
from qtop.systems.sidekiq.refs import listed_sets
from qtop.systems.sidekiq.signal_watch import SignalWatch
from qtop.text.format import number
from qtop.text.safe import safe
from queuecore import values, windows
from queuecore.action_record import ActionRecord
from queuecore.bulk import Result
from queuecore.errors import NoClassError, NoQueueError
from queuecore.exchange import Steps
from queuecore.health import free_memory
from queuecore.windows import Extent
from sidekiq.keys import SidekiqKeys
from sidekiq.store import clearing, new_jobs, undo
from sidekiq.store.clearing import SetExtent

#: Where an undo would keep more, the server is asked whether it has room for that.
_LARGE_BYTES: Final = 16 << 20

NO_PAUSE: Final = "open-source Sidekiq cannot pause queues: only Pro's workers obey it"
#: Why there is never a plan for a request.
_NEVER: Final[Mapping[type, str]] = {
    Pause: NO_PAUSE,
    PauseAll: f"{NO_PAUSE}; its processes can be quieted",
    Register: "Sidekiq has no such index: the next job registers its queue",
    PutBack: "Sidekiq sets nothing aside",
    Quarantine: "Sidekiq moves such jobs to Dead: kill them",
    RunSchedules: "the schedules are those of a plug-in: only Ruby can run them",
    DeleteSchedules: "the schedules are those of a plug-in: only Ruby should change them",
}
_NAME_GOES: Final = "Its name leaves the list of queues"


@dataclass(frozen=True, slots=True)
class SidekiqActions:
    """The actions in one namespace, in one operator's name; `watch` hears of signals."""

    keys: SidekiqKeys
    operator: Operator
    watch: SignalWatch

    def prepare(self, request: Request) -> Steps[Plan | Refusal]:
        """Say what a request would do, or why it cannot be done. Reads only; what is about jobs
        that were chosen before costs no round trip, or one where an undo would keep more than
        16 MiB; clearing a queue two, emptying a set one for each 1,000 entries. Raises StoreError,
        for an `Enqueue` also NoQueueError, NoClassError and EncodeError."""
        match request:
            case Clear(source=JobSource(kind="queue")):
                return (yield from self._clear_queue(request))
            case Clear():
                return (yield from self._empty(request))
            case Undo():
                return self._undo(request)
            case Load():
                return loading.prepare(self.keys, self.operator, request)
            case Enqueue():
                return self._enqueue(request)
            case Replace():
                return job_actions.prepare_replacing(self.keys, self.operator, request)
            case Reorder():
                lists = turnable(self.keys)
                return (yield from turned_lists.prepare(lists, self.operator, request))
            case Prune() | Signal() | Cancel():
                return (yield from self._on_processes(request))
            case Requeue() | Delete() | Move() | Edit() | RunNow() | Reschedule() | Kill():
                operator = yield from self._within_memory(request)
                return job_actions.prepare(self.keys, operator, request)
        return Refusal(_NEVER[type(request)])

    def _on_processes(self, request: Prune | Signal | Cancel) -> Steps[Plan | Refusal]:
        from qtop.systems.sidekiq import cancelling, process_actions, rescuing

        if isinstance(request, Cancel):
            return (yield from cancelling.prepare(self.keys, self.operator, request))
        if isinstance(request, Signal):
            return process_actions.prepare_signal(self.keys, self.operator, request, self.watch)
        return rescuing.prepare_rescue(self.keys, self.operator, request)

    def _within_memory(self, request: Request) -> Steps[Operator]:
        """The operator whose undo keeps no more than the server has room for. Jobs that are deleted
        take no more room than before."""
        operator, size_bytes = self.operator, job_actions.undo_bytes(request)
        if size_bytes <= _LARGE_BYTES or isinstance(request, Delete):
            return operator
        free_bytes: int | None = yield free_memory()
        return replace(operator, limits=values.replace(operator.limits, free_bytes=free_bytes))

    # Whole lists

    def _clear_queue(self, request: Clear) -> Steps[Plan]:
        source, keys = request.source, self.keys
        seen: Extent = yield clearing.extent(keys, source.name)
        size = (yield windows.size_bytes(keys.queue(source.name))) if seen.length else 0
        action, name = "remove" if request.removes else "clear", safe(source.name)
        subject = request.subject or f"queue {source.name}"
        key, jobs = keys.queue(source.name), seen.length
        record = self.operator.record(action, subject, key, jobs, source.name, size)
        if not jobs:
            record = replace(record, planned=1)
        details = (
            f"Deletes {waiting(jobs, name)} now.",
            f"{_NAME_GOES}.",
            "Jobs enqueued after this are kept, and make it a queue again.",
            "Batches and locks of the jobs are kept.",
            self.operator.way_back(size),
        )
        run = partial(self._clear_queue_now, request, seen, record)
        title, verb = f"{action.capitalize()} queue {name}", action.capitalize()
        word = typeable(source.name, action)
        plan = Plan(title, verb, details, "typed", run, word, None, jobs, size, record)
        return replace(plan, no_undo=self.operator.limits.refusal(size), besides=_NAME_GOES)

    def _clear_queue_now(
        self, request: Clear, seen: Extent, record: ActionRecord
    ) -> Steps[Outcome]:
        queue, name = request.source.name, safe(request.source.name)
        if not seen.length:
            came = yield clearing.forget(self.keys, queue, record)
            if came == "forgotten":
                return Outcome(f"removed {name}, which was empty", done=1, record=record)
            if came == "not empty":
                return _left(f"{name} is no longer empty: nothing was removed")
            return _left(f"there is no queue {name}")
        deleted: int | None = yield clearing.clear(self.keys, queue, seen, record)
        if deleted is None:
            return _left("the list kept changing, nothing was deleted: refresh, then try again")
        text = f"deleted {count_of(deleted, 'job')} from {name}"
        if request.removes:
            text = f"removed {name} and {count_of(deleted, 'job')}"
        return Outcome(text, done=deleted, record=record if deleted else None)

    def _empty(self, request: Clear) -> Steps[Plan | Refusal]:
        source, sets = request.source, listed_sets(request.source)
        if not sets:
            return Refusal(f"{safe(str(source))} is not a set of Sidekiq's own")
        seen: list[SetExtent] = []
        for name in sets:
            seen.append((yield from clearing.set_extent(self.keys, name)))
        jobs, size = sum(map(len, seen)), sum(each.size_bytes for each in seen)
        which = " and ".join(sets)
        subject = request.subject or f"all of {which}"
        key = self.keys.jobs(sets[0])
        record = self.operator.record("clear", subject, key, jobs, size_bytes=size)
        details = (
            f"Deletes {count_of(jobs, 'job')}, all pages, not only those listed.",
            f"Jobs that come to {which} after this are kept.",
            "Batches and locks of the jobs are kept.",
            self.operator.way_back(size),
        )
        run = partial(self._empty_now, seen, which, record)
        plan = Plan(
            *(f"Clear {subject}", "Clear", details, "typed", run, typeable(source.name or sets[0])),
            *(None, jobs, size, record),
        )
        return replace(plan, no_undo=self.operator.limits.refusal(size))

    def _empty_now(self, seen: list[SetExtent], which: str, record: ActionRecord) -> Steps[Outcome]:
        result = Result()
        for each in seen:
            part = yield from clearing.empty(
                self.keys, each, record, undo_bytes=self.operator.limits.most_bytes
            )
            result = values.replace(result.plus(part.done, part.gone), stopped=part.stopped)
            if part.stopped is not None:
                break
        left = record.planned - result.done - result.gone
        text = f"deleted {count_of(result.done, 'job')} from {which}"
        text += f", skipped {number(result.gone)} (already gone)" if result.gone else ""
        tone: ResultTone = "warn" if result.gone else "good"
        if result.stopped is not None:
            text, tone = text + rest_of(left, result.stopped), "bad"
        numbers = (result.done, result.gone, (), result.stopped, left)
        return Outcome(text, tone, *numbers, record if result.done else None)

    # Back

    def _undo(self, request: Undo) -> Plan:
        what = safe(request.what)
        subject = f"{request.what} ({request.id})".strip()
        record = self.operator.record("undo", subject, request.source, 0)

        def run() -> Steps[Outcome]:
            undone = yield from undo.undo(self.keys, request.id, record)
            if not undone.is_known:
                return replace(_left(f"{what}: nothing to undo"), undid=request.id)
            text = undo_counts(what, undone.done, undone.lost, undone.left, undone.stopped)
            if undone.stopped is not None:
                numbers = (undone.done, undone.lost, (), undone.stopped, undone.left)
                return Outcome(text, "bad", *numbers)
            tone: ResultTone = "warn" if undone.lost else "good"
            done, lost_jobs = undone.done, undone.lost
            return Outcome(text, tone, done, lost_jobs, undid=request.id, verb=UNDONE)

        danger: Danger = "confirm" if request.question else "none"
        title, many = f"Undo {what}", request.many
        return Plan(title, "Undo", request.question, danger, run, many=many, record=record)

    # New jobs

    def _enqueue(self, request: Enqueue) -> Plan:
        queue, name, at_s = request.queue, request.class_name, request.at_s
        if not queue:
            raise NoQueueError("a job needs a queue: its name is empty")
        if not name:
            raise NoClassError("a job needs a class: its name is empty")
        is_scheduled = at_s is not None
        make = partial(new_jobs.new_job, name, request.args, queue, is_scheduled=is_scheduled)
        make(0.0)  # what cannot be written is refused now

        def run() -> Steps[Outcome]:
            payload = make((yield job_actions.clock()))
            if at_s is None:
                waits: int = yield new_jobs.push(self.keys, queue, payload)
                text = f"enqueued {safe(name)} on {safe(queue)}: {waits:,} waiting"
                return Outcome(text, done=1)
            yield new_jobs.schedule(self.keys, payload, at_s)
            when = f"{datetime.fromtimestamp(at_s).astimezone():%Y-%m-%d %H:%M:%S}"
            return Outcome(f"scheduled {safe(name)} for {when}, for {safe(queue)}", done=1)

        details = ("Client middleware does not run for it, as it would in Ruby.",)
        return Plan(f"Enqueue {safe(name)}", "Enqueue", details, "none", run)


def _left(text: str) -> Outcome:
    """What came of an action that changed nothing."""
    return Outcome(text, "warn", refused=((text, 1),))
