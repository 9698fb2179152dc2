"""What operators do to Resque: the one place that prepares and carries out their actions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
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
    list_of,
    rest_of,
    typeable,
    undo_counts,
    waiting,
)
from qtop.actions.request import (
    Cancel,
    Clear,
    DelayedRequest,
    Delete,
    DeleteSchedules,
    Edit,
    Enqueue,
    Index,
    JobRequest,
    Kill,
    Load,
    Move,
    Pause,
    PauseAll,
    Prune,
    Quarantine,
    Register,
    Reorder,
    Replace,
    Request,
    Requeue,
    Reschedule,
    RunSchedules,
    Signal,
    Undo,
)
from qtop.actions.stopping import between
from qtop.keymap.keymap import Danger
from qtop.model.job import JobSource
from qtop.systems import turned_lists
from qtop.systems.resque import job_actions
from qtop.systems.resque.job_reader import list_key
from qtop.systems.resque.turnable import turnable
from qtop.systems.system import Ability
from qtop.text.safe import safe
from queuecore import bulk, turning, values, windows
from queuecore.action_record import ActionRecord
from queuecore.errors import StoreError
from queuecore.exchange import Steps
from queuecore.health import free_memory
from queuecore.windows import Extent
from resque.keys import Keys
from resque.store import failures, pauses, queues, registration, undo
from resque.store.failures import FAILED
from resque.store.lock_freeing import and_free_all

#: Between so many items of a file, or so many bytes, a load can be stopped.
_LOADED_AT_ONCE: Final = 500
_LOADED_BYTES: Final = 1 << 20
#: Where an undo would keep more, the server is asked whether it has room for that.
_LARGE_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class ResqueActions:
    """The actions in one namespace, in one operator's name. `abilities` are those of the system."""

    keys: Keys
    operator: Operator
    abilities: Mapping[Ability, str | None]

    def prepare(self, request: Request) -> Steps[Plan | Refusal]:
        """Say what a request would do, or why it cannot be done. Reads only; what is about jobs
        that were chosen before, or about queues by their names, costs no round trip, or one where
        an undo would keep more than 16 MiB; a clear two, a reorder four. Raises StoreError."""
        match request:
            case Clear():
                return (yield from self._clear(request))
            case Pause():
                return self._pause(request)
            case PauseAll():
                return self._pause_all(request)
            case Undo():
                return self._undo(request)
            case Register():
                return self._register(request)
            case Load():
                return self._load(request)
            case Prune() | Signal():
                # Imported here: it needs psutil.
                from qtop.systems.resque import workers

                return workers.prepare(self.keys, self.operator, request)
            case RunSchedules() | DeleteSchedules():
                # Imported here: it needs cron expressions and time zones.
                from qtop.systems.resque import schedules

                return schedules.prepare(self.keys, self.operator, request)
            case Reorder():
                lists = turnable(self.keys)
                return (yield from turned_lists.prepare(lists, self.operator, request))
            case _:
                return (yield from self._of_jobs(request))

    def _of_jobs(
        self, request: JobRequest | DelayedRequest | Replace | Enqueue | Cancel | Quarantine
    ) -> Steps[Plan | Refusal]:
        if isinstance(request, Quarantine):
            # Imported here: few actions need it.
            from qtop.systems.resque import quarantining

            return (yield from quarantining.prepare(self.keys, self.operator, request))
        if isinstance(request, Cancel):
            return Refusal("Resque has no iterable jobs")
        if isinstance(request, Kill) and (why := self.abilities["kill"]) is not None:
            return Refusal(why)
        is_postponed = isinstance(request, Reschedule) and request.source.kind != "delayed"
        if is_postponed and (why := self.abilities["postpone"]) is not None:
            return Refusal(why)
        if isinstance(request, Requeue | Move | Edit) and request.source.kind == "delayed":
            return Refusal("a delayed job can be run now, deleted or rescheduled")
        operator = yield from self._within_memory(request)
        return job_actions.prepare(self.keys, operator, request)

    def _within_memory(self, request: Request) -> Steps[Operator]:
        """The operator whose undo keeps no more than the server has room for. Jobs that are deleted
        take no more room than before."""
        operator, size_bytes = self.operator, job_actions.undo_bytes(request)
        if size_bytes <= _LARGE_BYTES or isinstance(request, Delete):
            return operator
        free_bytes: int | None = yield free_memory()
        return replace(operator, limits=values.replace(operator.limits, free_bytes=free_bytes))

    def _clear(self, request: Clear) -> Steps[Plan | Refusal]:
        if request.source.kind == "delayed":
            return Refusal("delayed jobs are in many lists: delete all that match instead")
        source, key = request.source, list_key(self.keys, request.source)
        seen: Extent = yield windows.extent(key)
        jobs, size = seen.length, 0
        if jobs:
            size = yield windows.size_bytes(key)
        action = "remove" if request.removes else "clear"
        subject = request.subject or _cleared(source)
        record = self.operator.record(action, subject, key, jobs, source.queue, size)
        if request.removes and not jobs:
            record = replace(record, planned=1, undo_s=0)
        name, back = safe(source.name), self.operator.way_back(size)
        what = f"{action.capitalize()} {safe(_cleared(source))}"
        word = typeable(source.name, action)
        details: tuple[str, ...] = (
            f"Deletes {waiting(jobs, name)} now.",
            f"Jobs enqueued after this are kept. {back}",
        )
        if request.removes:
            details = (
                f"Deletes {waiting(jobs, name)} now, and its name.",
                "Jobs enqueued after this are kept, and make it a queue again.",
                back if jobs else "A job enqueued to it makes it a queue again.",
            )
        elif source.kind == "failed":
            details = (
                f"Deletes {count_of(jobs, 'failed job')}, all pages, not only those listed.",
                f"Jobs that fail after this are kept. {back}",
            )
            word = "failed"
        run = partial(self._clear_now, request, seen, record)
        verb = action.capitalize()
        plan = Plan(what, verb, details, "typed", run, word, None, jobs, size, record)
        return replace(plan, no_undo=self.operator.limits.refusal(size))

    def _clear_now(self, request: Clear, seen: Extent, record: ActionRecord) -> Steps[Outcome]:
        source, name = request.source, safe(request.source.name)
        if request.removes and not seen.length:
            if (yield registration.forget(self.keys, source.name, record)):
                return Outcome(f"removed {name}, which was empty", done=1)
            return _left(f"{name} is no longer empty: nothing was removed")
        removed = source.name if request.removes else None
        key = list_key(self.keys, source)
        yield from turning.settled(self.keys, key)
        change = windows.clear_to(self.keys, key, seen, record=record, remove_queue=removed)
        deleted: int | None
        if source.kind == "queue":
            deleted = yield from and_free_all(self.keys, source.name, change)
        else:
            deleted = yield change
        if deleted is None:
            done = "removed" if request.removes else "deleted"
            return _left(f"the list kept changing, nothing was {done}: refresh, then try again")
        where = "the failures" if source.kind == "failed" else name
        text = f"deleted {count_of(deleted, 'job')} from {where}"
        if request.removes:
            text = f"removed {name} and {count_of(deleted, 'job')}"
        return Outcome(text, done=deleted, record=record if deleted else None)

    def _pause(self, request: Pause) -> Plan:
        names, is_pause = request.queues, request.pauses
        verb, done = ("Pause", "paused") if is_pause else ("Resume", "resumed")
        change = pauses.pause if is_pause else pauses.resume
        what = safe(names[0]) if len(names) == 1 else count_of(len(names), "queue")
        subject, source = ", ".join(names)[:200], self.keys.pause_queue(names[0])
        queue = names[0] if len(names) == 1 else ""
        record = self.operator.record(verb.lower(), subject, source, len(names), queue)

        def run() -> Steps[Outcome]:
            changed: int = yield change(self.keys, names, record)
            if not changed:
                return _left(f"{what}: {'already' if is_pause else 'not'} paused")
            note = "; Ruby workers without resque-pause ignore it" if is_pause else ""
            return Outcome(f"{done} {what}{note}", done=changed, record=record)

        effect = "Jobs wait until the queue is resumed." if is_pause else ""
        danger: Danger = "confirm" if len(names) > 1 else "undoable"
        details, many = (list_of(names), effect), len(names)
        return Plan(f"{verb} {what}", verb, details, danger, run, many=many, record=record)

    def _pause_all(self, request: PauseAll) -> Plan:
        is_pause = request.pauses
        verb = "Pause" if is_pause else "Resume"
        change = pauses.pause_all if is_pause else pauses.resume_all
        source = self.keys.pause_all_workers()
        record = self.operator.record(verb.lower(), "everything", source, 1)

        def run() -> Steps[Outcome]:
            changed: int = yield change(self.keys, record)
            if not changed:
                return _left(f"everything: {'already' if is_pause else 'not'} paused")
            text = "resumed everything; queues that were paused one by one stay paused"
            if is_pause:
                text = "paused everything: workers finish the current job, then stop taking jobs"
            return Outcome(text, done=changed, record=record)

        details: tuple[str, ...] = (
            "All workers take jobs again.",
            "Queues that were paused one by one stay paused.",
        )
        if is_pause:
            key = self.operator.sign("pause_all")
            details = (f"Workers finish the current job, then stop taking jobs. {key} resumes.",)
        return Plan(f"{verb} everything", verb, details, "confirm", run, record=record)

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

    def _register(self, request: Register) -> Plan:
        keys, what, name = self.keys, request.what, request.name
        index, put = {
            "queue": (keys.queues(), registration.register),
            "delayed": (keys.delayed_schedule(), registration.register_moment),
            "failures": (keys.failed_queues(), registration.register_failures),
        }[what]
        queue = name if what == "queue" else ""
        subject = f"{what} {name}"
        record = self.operator.record("register", subject, index, 1, queue, undo_s=0)

        def run() -> Steps[Outcome]:
            if (yield put(keys, name, record)):
                return Outcome(f"registered {safe(name)}", done=1, record=record)
            return _left(f"{safe(name)} is already registered, or empty")

        return Plan(f"Register {safe(subject)}", "Register", (), "none", run, record=record)

    def _load(self, request: Load) -> Plan | Refusal:
        if request.target.kind == "delayed":
            return Refusal(job_actions.NOT_DUE)
        target, number = request.target, request.number
        key = list_key(self.keys, target)
        subject = f"{target} from a file"
        record = self.operator.record("load", subject, key, number, undo_s=0)
        queue = target.name if target.kind == "queue" else None

        def run() -> Steps[Outcome]:
            done = 0
            try:
                for part in bulk.parts(request.items, _LOADED_AT_ONCE, len, _LOADED_BYTES):
                    yield between(done, number)
                    done += yield from bulk.load(self.keys, key, part, record, queue=queue)
            except StoreError as error:
                # Those before are there.
                text = f"loaded {count_of(done, 'item')}{rest_of(number - done, error)}"
                return Outcome(text, "bad", done, stopped=error, left=number - done, record=record)
            return Outcome(f"loaded {count_of(done, 'item')}", done=done, record=record)

        what = f"Load {count_of(number, 'item')} to {safe(str(target))}"
        return Plan(what, "Load", (), "confirm", run, many=number, record=record)


def unregistered(keys: Keys, what: Index, names: Sequence[str]) -> Steps[list[tuple[str, bool]]]:
    wanted = list(dict.fromkeys(names))
    found: list[tuple[str, bool]] = []
    known: Collection[str] = ()
    if wanted and what != "delayed":
        known = yield queues.names(keys) if what == "queue" else failures.lists(keys)
    for name in wanted:
        is_missing = name not in known
        if what == "delayed":
            is_missing = yield registration.is_moment_missing(keys, name)
        elif what == "failures":
            holds, _ = yield failures.newest(keys, limit=1, list_name=name)
            is_missing = is_missing and holds > 0
        found.append((name, is_missing))
    return found


def _cleared(source: JobSource) -> str:
    if source.kind == "failed":
        return "all failures" if source.name == FAILED else f"all of {source.name}"
    return f"queue {source.name}" if source.kind == "queue" else str(source)


def _left(text: str) -> Outcome:
    """What came of an action that changed nothing."""
    return Outcome(text, "warn", refused=((text, 1),))
