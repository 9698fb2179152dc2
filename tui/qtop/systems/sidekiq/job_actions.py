"""What operators do to Sidekiq's jobs that failed, are scheduled, or wait: choosing them, and what
becomes of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, Literal, NamedTuple

from qtop.actions.argument_change import left_alone
from qtop.actions.plan import Operator, Outcome, Plan, Refusal, Throttle, acted, count_of, list_of
from qtop.actions.request import (
    Delete,
    Edit,
    Kill,
    Move,
    OfJobs,
    Replace,
    Requeue,
    Reschedule,
    RunNow,
)
from qtop.model.job import Job, JobSource, moment_of
from qtop.search.selection import RefusalCheck, Selection, nothing_refused
from qtop.systems.sidekiq.refs import SetRef, SetRefs, listed_sets
from qtop.systems.turned_lists import OF_QUEUES, may_be_turned
from qtop.text.format import both_times, number
from qtop.text.safe import safe
from queuecore.action_record import ActionRecord
from queuecore.bulk import JobRefs, Result
from queuecore.codec import encode, spliced
from queuecore.exchange import Exchange, Steps, single, within
from queuecore.times import from_server
from queuecore.values import value
from sidekiq.errors import Refused
from sidekiq.keys import SetName, SidekiqKeys
from sidekiq.store import entry_actions, processes, queue_actions
from sidekiq.store.entry_search import EntryRefs
from sidekiq.store.pushes import PushTime, edited_job, unreadable, why_not_pushed

OfSidekiqJobs = Requeue | Delete | Move | Edit | RunNow | Reschedule | Kill

#: Why entries of a set stay as they are.
_STAYS: Final[Mapping[tuple[type[OfJobs], SetName], str]] = {
    (Kill, "dead"): "already dead",
    (Reschedule, "dead"): "a dead job has no next try: retry it now instead",
}

# Choosing.


class SidekiqChooser:
    """Collects what a walk through a list finds, for an action to come: see `Chooser`.

    Args:
        source: The list.
        refusal: Says for a job's bytes why the action will refuse it, for the preview.
    """

    def __init__(self, source: JobSource, refusal: RefusalCheck = nothing_refused) -> None:
        self._refusal = refusal
        self._chosen = Selection(refs_for(source))

    def take(self, job: Job, value: Any = None) -> bool:
        """As `Chooser.take`. O(bytes); 28 bytes are kept of it."""
        refused: object = self._refusal.of(job) if isinstance(self._refusal, _Refusal) else None
        if refused is None and not job.item.is_cut:
            refused = self._refusal(job.item.raw)
        self._chosen.add(job, refused)
        return True

    def settle(self) -> Exchange[Selection]:
        """What was chosen. No round trip."""
        return Exchange((), lambda _: self._chosen)


def refs_for(source: JobSource) -> JobRefs | SetRefs:
    """An empty collection of refs of a list's jobs."""
    return JobRefs() if source.kind == "queue" else SetRefs()


@value
class _Refusal:
    """Says why a request will refuse a job: by its bytes, or by the set that it is in."""

    request: type[OfJobs]
    check: RefusalCheck

    def __call__(self, raw: bytes) -> object:
        return self.check(raw)

    def of(self, job: Job) -> str | None:
        ref = job.ref
        return _STAYS.get((self.request, ref.set_name)) if isinstance(ref, SetRef) else None


def refusal_of(request: OfJobs) -> RefusalCheck:
    """Says for a job's bytes why a request will refuse it."""
    check: RefusalCheck = unreadable
    match request:
        case Delete():
            return nothing_refused
        case Edit():
            check = partial(_edit_refusal, _edit_of(request))
        case Requeue() | Move() | RunNow():
            check = why_not_pushed
    return _Refusal(type(request), check)


def _edit_refusal(edit: Callable[[bytes], bytes | str], raw: bytes) -> str | None:
    edited = edited_job(raw, edit)
    return edited if isinstance(edited, str) else None


# Preparing.


def prepare(keys: SidekiqKeys, operator: Operator, request: OfSidekiqJobs) -> Plan | Refusal:
    """Say what a request would do to its jobs. One goes at once, several after a question."""
    if (why := _why_not(request)) is not None:
        return Refusal(why)
    source, chosen, words, pace = request.source, request.chosen, _words(request), Throttle()
    stays, refs = _stays(request), chosen.refs
    many = len(refs) - sum(count for _, count in stays)
    change = request.change if isinstance(request, Edit) else None
    unchanged = [] if change is None else left_alone(chosen.refusals)
    touched = many - (chosen.refusals.total() if unchanged else 0)
    if unchanged and not touched:
        return Refusal(f"nothing would change. {' '.join(unchanged)}")
    what, size_bytes = count_of(touched, words.noun), undo_bytes(request)
    subject = request.subject or _subject(request, what)
    action = words.action or words.verb.lower()
    key = list_key(keys, source, chosen)
    record = operator.record(action, subject, key, many, source.queue, size_bytes)
    again = isinstance(request, Requeue | Move) and chosen.retried > 0
    asks = many > 1 or (many == 1 and (request.is_found or again or not record.undo_s))
    cautions = _cautions(request)
    left = [f"Skipped: {number(count)}: {reason}." for reason, count in stays]
    meanwhile = OF_QUEUES if isinstance(refs, JobRefs) and may_be_turned(refs) else ""
    details = [*_which(request), *left, *words.lines, *filter(None, (meanwhile,)), *cautions]
    details.append(operator.way_back(size_bytes))
    if change is not None:
        details = [str(change), *unchanged, *details]
    if chosen.too_large and source.kind == "queue":
        details.append(f"Skipped: {chosen.too_large:,} too large to search.")
    act = _act_on_queue if source.kind == "queue" else _act_on_sets
    return Plan(
        f"{words.verb} {what}{words.where}",
        words.verb,
        tuple(details),
        "confirm" if asks or (many and cautions) else "undoable",
        partial(act, keys, request, words.done, record, pace),
        pace=pace if many > 1 else None,
        many=touched,
        size_bytes=size_bytes,
        record=record,
        meanwhile=meanwhile,
        no_undo=operator.limits.refusal(size_bytes),
        samples=() if change is None else tuple(change.samples),
    )


def prepare_replacing(keys: SidekiqKeys, operator: Operator, request: Replace) -> Plan:
    """Say what editing one waiting job in its place would do."""
    source, job, payload = request.source, request.job, request.payload
    refs = JobRefs()
    refs.add(job.ref)  # type: ignore[arg-type]  # as Sidekiq's lists of waiting jobs make them
    size_bytes = job.item.size + len(payload)
    key = keys.queue(source.name)
    record = operator.record("edit", "1 waiting job", key, 1, source.name, size_bytes)

    def run() -> Steps[Outcome]:
        change = queue_actions.edit(keys, source.name, refs, lambda _: payload, record)
        return acted("edited", (yield from change), record)

    lines = [f"It keeps its place in {safe(source.name)}. {operator.way_back(size_bytes)}"]
    lines += [f"{each[0].upper()}{each[1:]}." for each in job.cautions]
    return Plan(
        *("Edit 1 waiting job", "Edit", tuple(lines), "undoable", run),
        size_bytes=size_bytes,
        record=record,
    )


def undo_bytes(request: object) -> int:
    """How much an undo keeps of a request's jobs: what left their list, and what was pushed."""
    if not isinstance(request, OfJobs):
        return 0
    is_single = isinstance(request, Delete | Kill | Reschedule)
    return request.chosen.size_bytes * (1 if is_single else 2)


def list_key(keys: SidekiqKeys, source: JobSource, chosen: Selection | None = None) -> bytes:
    """The key of a list; where a list is two sets, that of the first one that jobs were chosen
    of."""
    if source.kind == "queue":
        return keys.queue(source.name)
    refs = None if chosen is None else chosen.refs
    of_refs = [name for name, _ in refs.by_set()] if isinstance(refs, SetRefs) else []
    return keys.jobs((of_refs or listed_sets(source))[0])


def _why_not(request: OfSidekiqJobs) -> str | None:
    """Why nothing at all can be done with a list by a request, in words."""
    source = request.source
    if source.kind == "unreadable":
        return "Sidekiq sets nothing aside"
    if source.kind == "failed" and not listed_sets(source):
        return "these are sidekiq-failures' copies: the jobs themselves are elsewhere"
    if source.kind == "queue":
        if isinstance(request, Requeue | RunNow):
            return "these jobs are already waiting in their queue"
        if isinstance(request, Kill):
            return "only retries and scheduled jobs can be killed"
        if isinstance(request, Reschedule):
            return "a waiting job has no time: move or delete it"
        return None
    stays = _stays(request)
    return stays[0][0] if stays and sum(n for _, n in stays) == len(request.chosen.refs) else None


def _stays(request: OfJobs) -> list[tuple[str, int]]:
    """Why some of the chosen jobs stay as they are for the set that they are in, and how many."""
    if not isinstance(request, Kill | Reschedule):
        return []
    sets = _set_refs(request.chosen).by_set()
    reasons = ((_STAYS.get((type(request), name)), len(entries)) for name, entries in sets)
    return [(reason, count) for reason, count in reasons if reason is not None]


# Doing.


def clock() -> Exchange[float]:
    """The server's clock, in epoch seconds. One round trip."""
    return single(("TIME",), lambda reply: from_server(*reply).timestamp())


def push_time(keys: SidekiqKeys) -> Steps[PushTime]:
    """The server's clock, as the processes that there are read it: where they are not known, in
    seconds, which all of them read. Three round trips, O(processes)."""
    in_ms = False
    with suppress(Refused):
        in_ms = processes.read_milliseconds((yield from processes.read(keys)))
    return PushTime((yield clock()), in_ms)


def _act_on_queue(
    keys: SidekiqKeys, request: OfSidekiqJobs, done: str, record: ActionRecord, pace: Throttle
) -> Steps[Outcome]:
    queue, refs, at_once = request.source.name, request.chosen.refs, pace.at_once
    assert isinstance(refs, JobRefs)  # noqa: S101  as Sidekiq's queues make them
    match request:
        case Move(to=to):
            acting = queue_actions.move(keys, queue, refs, to, record, at_once=at_once)
        case Edit(to=to):
            edit = _edit_of(request)
            acting = queue_actions.edit(keys, queue, refs, edit, record, to=to, at_once=at_once)
        case _:
            acting = queue_actions.delete(keys, queue, refs, record, at_once=at_once)
    return acted(done, (yield from acting), record)


def _act_on_sets(
    keys: SidekiqKeys, request: OfSidekiqJobs, done: str, record: ActionRecord, pace: Throttle
) -> Steps[Outcome]:
    """Act on one set after the other. Three round trips first where jobs are pushed."""
    refs = _set_refs(request.chosen)
    if not refs:
        return Outcome("nothing matches: nothing was changed", "warn")
    when = PushTime(0)
    if isinstance(request, Kill):
        when = PushTime((yield clock()))
    elif isinstance(request, Requeue | RunNow | Edit) or _pushes(request):
        when = yield from push_time(keys)
    result, before = Result(), 0
    for name, entries in refs.by_set():
        if (type(request), name) not in _STAYS and result.stopped is None:
            acting = _act_on_set(keys, request, name, entries, when, record, pace.at_once)
            result = _sum(result, (yield from within(acting, before, record.planned)))
            before += len(entries)
    return acted(done, result, record, _stays(request))


def _pushes(request: OfSidekiqJobs) -> bool:
    return isinstance(request, Move) and request.source.kind == "failed"


def _act_on_set(
    keys: SidekiqKeys,
    request: OfSidekiqJobs,
    name: SetName,
    refs: EntryRefs,
    when: PushTime,
    record: ActionRecord,
    at_once: int,
) -> Steps[Result]:
    act = partial(_at_once, at_once)
    match request:
        case Delete():
            return entry_actions.delete(keys, name, refs, record, at_once=act())
        case Kill():
            of: Literal["retry", "schedule"] = "retry" if name == "retry" else "schedule"
            return entry_actions.kill(keys, of, refs, when.epoch_s, record, at_once=act())
        case Reschedule(at=at):
            at_s = at.timestamp()
            return entry_actions.reschedule(keys, name, refs, at_s, record, at_once=act())
        case Edit(to=to):
            edit = _edit_of(request)
            return entry_actions.edit_and_run(
                keys, name, refs, edit, when, record, to=to, at_once=act()
            )
        case Move(to=to) if not _pushes(request):
            return entry_actions.move(keys, name, refs, to, record, at_once=act())
        case Requeue(to=to) | Move(to=to):
            return entry_actions.run(keys, name, refs, when, record, to=to, at_once=act())
        case _:
            return entry_actions.run(keys, name, refs, when, record, at_once=act())


def _at_once(paced: int) -> int:
    return min(entry_actions.AT_ONCE, paced)


def _sum(one: Result, other: Result) -> Result:
    refused = Counter(dict(one.refused))
    refused.update(dict(other.refused))
    done, gone = one.done + other.done, one.gone + other.gone
    return Result(done, gone, tuple(refused.items()), one.stopped or other.stopped)


def _edit_of(request: Edit) -> Callable[[bytes], bytes | str]:
    """Makes the edited payload of a job's bytes. What is not changed keeps its bytes."""

    def edit(raw: bytes) -> bytes | str:
        if request.payload is not None:
            return request.payload
        if request.change is not None:
            try:
                return request.change.applied(raw)
            except ValueError as error:
                return str(error)
        changes: dict[str, bytes] = {}
        if request.class_name is not None:
            changes["class"] = encode(request.class_name)
        if request.args is not None:
            changes["args"] = request.args
        try:
            return spliced(raw, changes)
        except ValueError as error:
            return str(error)

    return edit


# In words.


class _Words(NamedTuple):
    """A request in words: the verb on the button, what it is done to, the word for its result, the
    consequences, what follows in the title, and what goes on record instead of the verb."""

    verb: str
    noun: str
    done: str
    lines: tuple[str, ...] = ()
    where: str = ""
    action: str = ""


_NO_MIDDLEWARE: Final = "Client middleware does not run for them, as it would in Ruby."
_OF_KILLING: Final = (
    "They move to Dead and run again only when they are retried.",
    "Death handlers do not run for them, as they would in Ruby.",
    "By default Sidekiq keeps 10,000 dead jobs and drops the oldest at the next death.",
)
#: What becomes of deleted jobs, by the kind of their list.
_DELETED: Final = {"failed": "The jobs will not run again.", "delayed": "The jobs will not run."}


def _words(request: OfSidekiqJobs) -> _Words:
    source, noun = request.source, request.source.noun
    to = safe(getattr(request, "to", None) or "")
    match request:
        case RunNow() if source.kind == "delayed":
            line = "Each goes to the back of its queue, before its time."
            return _Words("Run", noun, "ran now", (line, _NO_MIDDLEWARE), " now", "run now")
        case Reschedule():
            at = both_times(request.at)
            line = f"All are tried again {at}." if source.kind == "failed" else f"All due {at}."
            return _Words("Reschedule", noun, f"rescheduled to {at}:", (line,))
        case Kill():
            return _Words("Kill", noun, "killed", _OF_KILLING, " to the dead")
        case Edit() if source.kind == "queue":
            line = f"They go to the back of {to}." if to else "They keep their places in the queue."
            return _Words("Edit", noun, "edited", (line,))
        case Edit():
            where = f"of {to}" if to else "of its queue"
            line = f"Each goes to the back {where} now, edited."
            return _Words("Edit", noun, "edited and requeued", (line, _NO_MIDDLEWARE))
        case Move() if source.kind == "delayed":
            line = f"They stay scheduled, and go to {to} when due."
            return _Words("Move", noun, f"moved to {to}:", (line,), f" to {to}")
        case Move() if source.kind == "queue":
            line = f"They go to the back of {to}, in their order; only their `queue` changes."
            return _Words("Move", noun, f"moved to {to}:", (line,), f" to {to}")
        case Requeue() | Move() | RunNow():
            return _of_requeueing(request)
    return _Words("Delete", noun, "deleted", (_DELETED.get(source.kind, "They will not run."),))


def _of_requeueing(request: Requeue | Move | RunNow) -> _Words:
    to = None if isinstance(request, RunNow) else request.to
    where = "its queue" if to is None else safe(to)
    noun, lines = request.source.noun, (f"Each goes to the back of {where} now.", _NO_MIDDLEWARE)
    if isinstance(request, Move):
        return _Words("Move", noun, f"moved to {where}:", lines, f" to {where}")
    return _Words("Requeue", noun, "requeued", lines)


def _cautions(request: OfSidekiqJobs) -> tuple[str, ...]:
    """What else hangs on the jobs and stays, with how many of them, in sentences."""
    if isinstance(request, Requeue | RunNow | Reschedule):
        # They go on as they would have.
        return ()
    counts = request.chosen.cautions
    return tuple(f"Of these {number(many)}: {words}." for words, many in counts.items())


def _subject(request: OfJobs, what: str) -> str:
    """What a request is about, for the record."""
    words = [] if request.source.kind == "queue" else [str(request.source)]
    words += [f"group {request.group}"[:200]] if request.group else []
    words += [f"filter {request.filter}"[:200]] if request.filter else []
    return f"{what} of {', '.join(words)}" if words else what


def _which(request: OfJobs) -> list[str]:
    """Which jobs they are, in lines."""
    chosen, kind = request.chosen, request.source.kind
    lines = [f"Classes: {_named(chosen.classes)}"]
    if kind != "queue":
        lines.append(f"Queues: {_named(chosen.queues) or 'none named'}")
    if kind == "failed" and chosen.oldest is not None and chosen.newest is not None:
        moments = (chosen.oldest, chosen.newest)
        lines.append(_span("Failed", *(f"{m.astimezone():%Y-%m-%d %H:%M:%S}" for m in moments)))
    if kind == "delayed" and chosen.first_due is not None and chosen.last_due is not None:
        moments_due = (moment_of(at) for at in (chosen.first_due, chosen.last_due))
        lines.append(_span("Due", *map(both_times, moments_due)))
    if isinstance(chosen.refs, JobRefs) and chosen.refs:
        first, last = chosen.refs[0].place + 1, chosen.refs[-1].place + 1
        span = number(first) if first == last else f"{number(first)} to {number(last)}"
        lines.append(f"Places: {span}, the next job first, at the last refresh")
    reasons = chosen.refusals.items() - dict(_stays(request)).items()
    lines += [f"Refused: {number(many)}: {safe(reason)}" for reason, many in sorted(reasons)]
    if chosen.unusable:
        lines.append(f"Skipped: {count_of(chosen.unusable, 'item')} that cannot be read.")
    if request.filter:
        lines.append(f"Filter: {safe(request.filter)}")
    return lines


def _span(what: str, first: str, last: str) -> str:
    return f"{what}: {first}" if first == last else f"{what}: {first} to {last}"


def _named(counts: Counter[str]) -> str:
    """The most frequent names, each with its number."""
    return list_of(f"{name} ({number(n)})" for name, n in counts.most_common())


def _set_refs(chosen: Selection) -> SetRefs:
    """What names the chosen entries to the engine. An empty selection has no refs of any kind."""
    refs = chosen.refs
    if not refs:
        return SetRefs()
    assert isinstance(refs, SetRefs)  # noqa: S101  as Sidekiq's sets make them
    return refs
