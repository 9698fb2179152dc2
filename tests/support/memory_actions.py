"""What operators do to a queue system in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, cast

from tests.support.memory_jobs import NOW, Names, failed, from_bytes, job
from tests.support.memory_work import Faults

from qtop.actions.plan import (
    Operator,
    Outcome,
    Plan,
    Refusal,
    Throttle,
    acted,
    typeable,
    undo_counts,
)
from qtop.actions.request import (
    Cancel,
    Clear,
    DelayedRequest,
    Delete,
    DeleteSchedules,
    Edit,
    Enqueue,
    JobFate,
    JobRequest,
    Load,
    Move,
    Pause,
    PauseAll,
    Prune,
    PruneCase,
    Register,
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
from qtop.model.fleet import ListedSchedule, Process
from qtop.model.job import DueTime, Job, JobSource
from qtop.text.payloads import BadPayload, checked
from qtop.text.safe import safe
from queuecore import values
from queuecore.action_record import ActionRecord
from queuecore.audit import AuditEntry
from queuecore.bulk import Result
from queuecore.errors import StoreError
from queuecore.exchange import Exchange, Steps

NO_PAUSE: Final = "this system cannot pause"
NO_SIGNAL: Final = "this system signals no processes"
NOTHING_ASIDE: Final = "this system sets nothing aside"
#: So many jobs are changed at a time; between two parts an action can be stopped.
_PART: Final = 1_000
_DONE: Final = {"RunNow": "ran now", "Reschedule": "rescheduled", "Edit": "edited", "Move": "moved"}


@dataclass
class Contents:
    """All that such a system holds. `hidden` are queues that no index names."""

    queues: dict[str, list[Job]] = field(default_factory=dict)
    hidden: dict[str, list[Job]] = field(default_factory=dict)
    failures: dict[str, list[Job]] = field(default_factory=lambda: {"failed": [], "dead": []})
    delayed: list[Job] = field(default_factory=list)
    scheduled: list[ListedSchedule] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)

    def jobs_of(self, source: JobSource) -> list[Job]:
        """What is in a list now; of one that does not exist, nothing."""
        if source.kind == "delayed":
            return self.delayed
        if source.kind == "queue":
            return self.queues.get(source.name, self.hidden.get(source.name, []))
        return self.failures.get(source.name, []) if source.kind == "failed" else []

    def list_for(self, source: JobSource) -> list[Job]:
        """The same, to put jobs into: a queue comes with its first job."""
        if source.kind == "queue" and source.name not in self.hidden:
            return self.queues.setdefault(source.name, [])
        return self.jobs_of(source)

    def put(self, waiting: Job, queue: str) -> None:
        """Put a job at the end of a queue: nothing but its bytes and its name."""
        plain = from_bytes(waiting.item.raw, str(waiting.ref))
        self.list_for(JobSource("queue", queue)).append(values.replace(plain, queue=queue))

    def copy(self) -> Contents:
        """The same now, whatever becomes of it."""
        return Contents(
            {name: list(jobs) for name, jobs in self.queues.items()},
            {name: list(jobs) for name, jobs in self.hidden.items()},
            {name: list(jobs) for name, jobs in self.failures.items()},
            list(self.delayed),
            list(self.scheduled),
            list(self.processes),
        )


@dataclass(frozen=True)
class MemoryCase:
    """What speaks for the death of a process: its last sign of life."""

    process: Process
    doubt: str | None
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def worker_id(self) -> str:
        return self.process.id

    @property
    def words(self) -> str:
        return "no sign of life for an hour"

    @property
    def fields(self) -> Mapping[str, Any]:
        return {"silent_for_s": 3_600}

    def fate(self, requeue_lost: int) -> JobFate:
        return "failed" if self.process.jobs else "idle"


class MemoryActions:
    """Prepares and carries out requests. Each action that can be undone keeps all there was before
    it: one at a time is enough for these tests."""

    def __init__(self, contents: Contents, faults: Faults) -> None:
        self.contents, self._faults = contents, faults
        self.history: list[AuditEntry] = []
        self._before: dict[str, Contents] = {}
        self._made = 0

    def plan(self, request: Request, operator: Operator) -> Plan | Refusal:
        """What a request would do, or why it cannot be done."""
        match request:
            case Pause() | PauseAll():
                return Refusal(NO_PAUSE)
            case Signal() | Cancel():
                return Refusal(NO_SIGNAL)
            case Undo():
                run = partial(self._undo, request.id)
                return Plan("Undo", "Undo", request.question, "none", run)
            case Clear():
                return self._clear(request, operator)
            case Prune():
                return self._prune(request, operator)
            case Delete() | Requeue() | Move() | Edit() | RunNow() | Reschedule():
                return self._plan(request, operator)
        return self._simple(request, operator)

    def _simple(self, request: Request, operator: Operator) -> Plan | Refusal:
        """A plan for what needs no more words."""
        verb = type(request).__name__
        acts: dict[type, Callable[[Any], Outcome]] = {
            Register: self._register,
            Load: self._load,
            Enqueue: self._enqueue,
            Replace: self._replace,
            RunSchedules: self._on_schedules,
            DeleteSchedules: self._on_schedules,
        }
        act = acts.get(type(request))
        if act is None:
            return Refusal(NOTHING_ASIDE)
        source = request.source if isinstance(request, Replace) else JobSource("queue", "")
        record = operator.record(verb.lower(), verb, b"", 1)

        def run() -> Steps[Outcome]:
            yield from self._faults.call("act", writes=True)
            self._before[record.id] = self.contents.copy()
            outcome = act(request)
            if outcome.done:
                self._note(record, source, outcome.done)
            return replace(outcome, record=record if outcome.done else None)

        return Plan(verb, verb, (), "undoable", run, record=record)

    # Jobs of one list

    def _plan(self, request: JobRequest | DelayedRequest, operator: Operator) -> Plan:
        verb, many = type(request).__name__, len(request.chosen.refs)
        size, source = request.chosen.size_bytes, request.source
        record = operator.record(verb.lower(), "jobs", source.name.encode(), many, size_bytes=size)
        danger: Danger = "confirm" if request.is_found or many > 1 else "undoable"
        run = partial(self._act, request, record)
        is_slowed = many > 1 and source.kind != "delayed"
        what, pace = f"{verb} {many} by name", Throttle() if is_slowed else None
        details = ("Their names are known.", "", "")
        plan = Plan(what, verb, details, danger, run, None, pace, many, size, record)
        return replace(plan, no_undo=operator.limits.refusal(size))

    def _act(self, request: JobRequest | DelayedRequest, record: ActionRecord) -> Steps[Outcome]:
        names = list(cast(Names, request.chosen.refs))
        result, before = Result(), self.contents.copy()
        try:
            for at in range(0, len(names), _PART):
                # Here it can be stopped: what only reads leaves nothing in doubt.
                yield Exchange((), lambda replies: None, progress=(at, len(names)))
                yield from self._faults.call("act", writes=True)
                self._before.setdefault(record.id, before)
                done, refused = self._change(request, names[at : at + _PART])
                gone = len(names[at : at + _PART]) - done - len(refused)
                result = result.plus(done, gone, refused)
        except StoreError as error:
            result = replace(result, stopped=error)
        if result.done:
            self._note(record, request.source, result.done)
        verb = type(request).__name__
        return acted(_DONE.get(verb, f"{verb.lower()}d"), result, record)

    def _change(self, request: Any, names: Sequence[str]) -> tuple[int, list[str]]:
        """How many were changed, and why others were not."""
        listed, wanted = self.contents.jobs_of(request.source), set(names)
        taken = [each for each in listed if each.ref in wanted]
        listed[:] = [each for each in listed if each.ref not in wanted]
        refused: list[str] = []
        for each in taken:
            try:
                self._put(request, each, listed)
            except BadPayload as error:
                listed.append(each)
                refused.append(str(error))
        return len(taken) - len(refused), refused

    def _put(self, request: Any, each: Job, listed: list[Job]) -> None:
        """Put a job that was taken off its list where it is to go. Raises BadPayload."""
        match request:
            case Requeue() | RunNow():
                self.contents.put(each, each.queue or "")
            case Move():
                self.contents.put(each, request.to)
            case Edit():
                fields: dict[str, Any] = {}
                if request.class_name is not None:
                    fields["class"] = request.class_name
                if request.args is not None:
                    fields["args"] = json.loads(request.args)
                raw = json.dumps(json.loads(each.item.raw) | fields).encode()
                edited = from_bytes(checked(request.payload or raw), f"{each.ref}, edited")
                self.contents.put(edited, request.to or each.queue or "")
            case Reschedule():
                at = request.at.timestamp()
                listed.append(values.replace(each, due=DueTime(at, f"{at:.0f}", 1)))

    def _replace(self, request: Replace) -> Outcome:
        listed, ref = self.contents.jobs_of(request.source), request.job.ref
        at = next((at for at, each in enumerate(listed) if each.ref == ref), None)
        if at is None:
            return Outcome("it is gone", "warn", gone=1)
        listed[at] = from_bytes(request.payload, str(ref))
        return Outcome("edited 1", done=1)

    # Whole lists

    def _clear(self, request: Clear, operator: Operator) -> Plan:
        source, action = request.source, "remove" if request.removes else "clear"
        listed = self.contents.jobs_of(source)
        many, size = len(listed), sum(each.item.size for each in listed)
        record = operator.record(action, str(source), source.name.encode(), many, size_bytes=size)

        def run() -> Steps[Outcome]:
            yield from self._faults.call("act", writes=True)
            self._before[record.id] = self.contents.copy()
            deleted = self.contents.jobs_of(source)
            done = len(deleted)
            deleted.clear()
            if request.removes:
                self.contents.queues.pop(source.name, None)
            self._note(record, source, done)
            return Outcome(f"{action}ed {done} of {source}", done=done, record=record)

        title, details = f"{action.capitalize()} {source}", (f"Deletes {many} jobs.",)
        word = typeable(source.name)
        plan = Plan(title, action, details, "typed", run, word, None, many, size, record)
        return replace(plan, no_undo=operator.limits.refusal(size))

    def _register(self, request: Register) -> Outcome:
        jobs = self.contents.hidden.pop(request.name, None)
        if jobs is None:
            return Outcome("it is known", "warn")
        self.contents.queues[request.name] = jobs
        return Outcome(f"registered {request.name}", done=1)

    def _load(self, request: Load) -> Outcome:
        listed, done = self.contents.list_for(request.target), 0
        for raw in request.items:
            more = {"failed_at": NOW} if request.target.kind == "failed" else {}
            listed.append(from_bytes(raw, self._new_name(), **more))
            done += 1
        return Outcome(f"loaded {done}", done=done)

    def _enqueue(self, request: Enqueue) -> Outcome:
        raw = json.dumps(
            {"class": request.class_name, "args": list(request.args), "queue": request.queue}
        ).encode()
        new = from_bytes(raw, self._new_name())
        if request.at_s is not None:
            due = DueTime(request.at_s, f"{request.at_s:.0f}", 1)
            self.contents.delayed.append(values.replace(new, due=due))
            return Outcome(f"delayed {request.class_name}", done=1)
        self.contents.put(new, request.queue)
        return Outcome(f"enqueued {request.class_name} on {request.queue}", done=1)

    def _on_schedules(self, request: RunSchedules | DeleteSchedules) -> Outcome:
        for each in request.schedules:
            if isinstance(request, RunSchedules):
                name, queue = each.class_name or "", each.queue or ""
                self.contents.put(job(len(self.contents.queues), name, queue), queue)
            else:
                self.contents.scheduled.remove(each)
        done = len(request.schedules)
        return Outcome(f"did it to {done}", done=done)

    # Processes

    def _prune(self, request: Prune, operator: Operator) -> Plan | Refusal:
        cases = cast("Sequence[MemoryCase]", request.cases)
        dead = [case for case in cases if request.forces or case.doubt is None]
        if not dead:
            return Refusal("no process is dead")
        record = operator.record("prune", "processes", b"", len(dead), undo_s=0)

        def run() -> Steps[Outcome]:
            yield from self._faults.call("act", writes=True)
            for case in dead:
                self.contents.processes.remove(case.process)
                for at, each in enumerate(case.process.jobs or ()):
                    lost = failed(90_000 + at, each.class_name or "", error="its process died")
                    self.contents.failures["failed"].insert(0, lost)
                request.tell(cast(PruneCase, case), case.fate(0))
            self._note(record, JobSource("failed", "failed"), len(dead))
            return Outcome(f"pruned {len(dead)}", done=len(dead), record=record)

        details = ("Their jobs fail.",)
        return Plan(f"Prune {len(dead)}", "Prune", details, "confirm", run, many=len(dead))

    # On record

    def _new_name(self) -> str:
        self._made += 1
        return f"new-{self._made}"

    def _note(self, record: ActionRecord, source: JobSource, done: int) -> None:
        undo_s = record.undo_s or None
        if undo_s is None:
            self._before.pop(record.id, None)
        entry = (record.id, NOW, record.actor, record.action, record.subject, source.queue)
        numbers = (record.source, record.planned, done, 0, undo_s)
        self.history.insert(0, AuditEntry(*entry, *numbers))

    def _undo(self, action: str) -> Steps[Outcome]:
        yield from self._faults.call("act", writes=True)
        before = self._before.pop(action, None)
        if before is None:
            return Outcome("nothing is left", "warn", refused=(("unknown", 1),), undid=action)
        for name, value in vars(before).items():
            setattr(self.contents, name, value)
        at = [each.id for each in self.history].index(action)
        entry = self.history[at]
        self.history[at] = replace(entry, undone=entry.done, undo_left_s=None)
        back = entry.done or 0
        return Outcome(undo_counts(safe(entry.subject), back, 0), done=back, undid=action)
