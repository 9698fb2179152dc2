"""What operators do to failed, waiting and delayed jobs and to items that were set aside: choosing
them, and what becomes of each."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple, cast

from qtop.actions.argument_change import left_alone
from qtop.actions.plan import (
    Operator,
    Outcome,
    Plan,
    Refusal,
    Throttle,
    acted,
    count_of,
    list_of,
)
from qtop.actions.request import (
    DelayedRequest,
    Delete,
    Edit,
    Enqueue,
    JobRequest,
    Load,
    Move,
    OfJobs,
    PutBack,
    Replace,
    Request,
    Requeue,
    Reschedule,
    RunNow,
)
from qtop.model.job import Job, JobSource, moment_of
from qtop.search.selection import RefusalCheck, Selection, nothing_refused
from qtop.systems.resque.job_lists import DelayedRefs, job_list
from qtop.systems.resque.job_reader import engine_failure, list_key
from qtop.systems.turned_lists import OF_QUEUES, may_be_turned
from qtop.text.format import both_times, number
from qtop.text.payloads import checked
from qtop.text.safe import counted, safe
from queuecore import bulk, turning
from queuecore.action_record import ActionRecord
from queuecore.bulk import Decide, JobRefs, Result, Taking
from queuecore.codec import encode, members
from queuecore.errors import QueueError
from queuecore.exchange import Steps
from queuecore.values import replace, value
from queuecore.windows import Item
from resque.codec import Unreadable, decode_payload, encode_job, require_utf8
from resque.errors import NoClassError, NoQueueError
from resque.keys import Keys
from resque.scheduler import delayed_actions
from resque.store import delayed, failures, poison, queues
from resque.store.lock_freeing import Leaving, and_free, edited, noting

#: Delayed jobs that one action takes at most: what names one takes some 300 bytes.
_MOST_DELAYED: Final = 100_000

# Choosing.


class JobChooser:
    """Collects what a walk through a list finds, for an action to come.

    Args:
        keys: The namespace.
        source: The list.
        refusal: Says for an item's bytes why the action will refuse it, for the preview; or what it
            makes of them, so that it need not decide again.
        spares: Of several failures, leave out those that killed their process again and again.
    """

    def __init__(
        self,
        keys: Keys,
        source: JobSource,
        refusal: RefusalCheck = nothing_refused,
        *,
        spares: bool = False,
    ) -> None:
        self._refusal, self._spares = refusal, spares
        refs = job_list(keys, source).refs()
        if isinstance(refs, JobRefs):
            refs.decide = refusal
        self._chosen = Selection(refs)
        self._most = _MOST_DELAYED if source.kind == "delayed" else None
        self._suspects = poison.Suspects(keys, source.name)
        self._suspected: list[tuple[Job, object]] = []

    def take(self, job: Job, value: Any = None) -> bool:
        """As `Chooser.take`. O(bytes); some 40 bytes are kept of it, of a suspect 1 KB."""
        if self._most is not None and len(self._chosen.refs) >= self._most:
            self._chosen.is_cut = True
            return False
        item, refusal = job.item, self._refusal
        decided: object = None
        if item.is_cut:
            pass
        elif isinstance(refusal, _Pushing):
            decided = refusal.of(item.raw, value)
        else:
            decided = refusal(item.raw)
        if isinstance(decided, Taking):
            decided = bulk.kept(decided)
        if self._spares and poison.may_be(job) and self._suspects.add(engine_failure(job)):
            # Without its bytes: there may be many.
            name, kept = job.unwrapped[0], Item(b"", item.size, item.sha)
            slim = replace(job, item=kept, class_name=name, args=None, error=None, backtrace=())
            self._suspected.append((slim, decided))
        else:
            self._chosen.add(job, decided)
        return True

    def settle(self) -> Steps[Selection]:
        """What was chosen. A round trip for each 1,000 suspects, and one for each large one."""
        poisoned: dict[str, int] = {}
        # Who selects a single one means it.
        if len(self._chosen.refs) + len(self._suspected) > 1:
            poisoned = yield from self._suspects.poisoned()
        for job, decided in self._suspected:
            if job.id in poisoned:
                self._chosen.spared += 1
            else:
                self._chosen.add(job, decided)
        return self._chosen


NOT_DUE: Final = "a file does not say when its jobs are due: load them to a queue"


def refusal_of(request: JobRequest | Load) -> RefusalCheck:
    """Says for an item's bytes what a request will make of it, or why it will refuse it."""
    if isinstance(request, Load):
        return (lambda raw: NOT_DUE) if request.target.kind == "delayed" else nothing_refused
    return _decision(request)


# Doing.


def prepare(
    keys: Keys, operator: Operator, request: JobRequest | DelayedRequest | Replace | Enqueue
) -> Plan | Refusal:
    """Say what a request would do to its jobs. One goes at once, several after a question. Raises
    for an `Enqueue` NoQueueError, NoClassError and EncodeError."""
    if isinstance(request, Enqueue):
        return _prepare_enqueueing(keys, request)
    if isinstance(request, Replace):
        return _prepare_replacing(keys, operator, request)
    source, chosen, words = request.source, request.chosen, _words(request)
    is_delayed = source.kind == "delayed"
    many, pace = len(chosen.refs), None if is_delayed else Throttle()
    change = request.change if isinstance(request, Edit) else None
    left = [] if change is None else left_alone(chosen.refusals)
    touched = many - (chosen.refusals.total() if left else 0)
    if left and not touched:
        return Refusal(f"nothing would change. {' '.join(left)}")
    what = count_of(touched, words.noun)
    size_bytes, meanwhile = undo_bytes(request), _meanwhile(request)
    subject, key = request.subject or _subject(request, what), list_key(keys, source)
    action = words.action or words.verb.lower()
    record = operator.record(action, subject, key, many, source.queue, size_bytes)
    again = isinstance(request, Requeue | Move) and chosen.retried > 0
    asks = many > 1 or (many == 1 and (request.is_found or again or not record.undo_s))
    details = [*_which(request), *words.lines, *meanwhile, operator.way_back(size_bytes)]
    if change is not None:
        details = [str(change), *left, *details]
    elif isinstance(request, Edit) and source.kind != "failed":
        details = [*meanwhile, f"{words.lines[0]} {details[-1]}"]
    if chosen.too_large and source.kind not in ("failed", "delayed"):
        details.append(f"Skipped: {chosen.too_large:,} too large to search.")
    act = _act_on_delayed if pace is None else partial(_take, pace=pace)
    return Plan(
        f"{words.verb} {what}{words.where}",
        words.verb,
        tuple(details),
        "confirm" if asks else "undoable",
        partial(act, keys, request, words.done, record),
        pace=pace if many > 1 else None,
        many=touched,
        size_bytes=size_bytes,
        record=record,
        meanwhile=" ".join(meanwhile),
        no_undo=operator.limits.refusal(size_bytes),
        samples=() if change is None else tuple(change.samples),
    )


def undo_bytes(request: Request) -> int:
    """How much an undo keeps of a request's jobs: what left their list, and what was pushed."""
    if not isinstance(request, OfJobs):
        return 0
    is_single = request.source.kind == "delayed" or isinstance(request, Delete)
    return request.chosen.size_bytes * (1 if is_single else 2)


def _prepare_enqueueing(keys: Keys, request: Enqueue) -> Plan:
    queue, name, at_s = request.queue, request.class_name, request.at_s
    if not queue:
        raise NoQueueError("a job needs a queue: its name is empty")
    if not name:
        raise NoClassError("a job needs a class: its name is empty")
    payload = encode_job(name, list(request.args))
    require_utf8(queue, payload)

    def push() -> Steps[Outcome]:
        waits: int = yield queues.push(keys, queue, [payload])
        text = f"enqueued {safe(name)} on {safe(queue)}: {waits:,} waiting"
        return Outcome(text, done=1)

    def delay(at_s: float) -> Steps[Outcome]:
        then: int = yield delayed.schedule(keys, at_s, queue, name, request.args)
        when = f"{datetime.fromtimestamp(int(at_s)).astimezone():%Y-%m-%d %H:%M:%S}"
        text = f"delayed {safe(name)} until {when}, for {safe(queue)}"
        return Outcome(f"{text}: {counted(then, 'job')} then", done=1)

    run = push if at_s is None else partial(delay, at_s)
    return Plan(f"Enqueue {safe(name)}", "Enqueue", (), "none", run)


def _take(
    keys: Keys, request: OfJobs, done: str, record: ActionRecord, *, pace: Throttle
) -> Steps[Outcome]:
    """Take the jobs off their list; with waiting jobs go the locks of Ruby's plug-ins."""
    source, decide = request.source, _decision(request)
    leaving = Leaving(keys, source.name)
    if source.kind == "queue":
        decide = noting(leaving, decide)
    refs, at_once = _refs(request.chosen), pace.at_once
    taking = bulk.take(keys, list_key(keys, source), refs, decide, record, at_once=at_once)
    return acted(done, (yield from and_free(taking, leaving)), record)


def _act_on_delayed(keys: Keys, request: OfJobs, done: str, record: ActionRecord) -> Steps[Outcome]:
    chosen = request.chosen
    refs = cast("DelayedRefs", chosen.refs)
    if not refs:
        word = "its time cannot be read" if chosen.unusable else "nothing matches"
        return Outcome(f"{word}: nothing was changed", "warn")
    result: Result
    match request:
        case RunNow():
            result = yield from delayed_actions.run(keys, refs, record)
        case Reschedule():
            at = request.at.timestamp()
            result = yield from delayed_actions.reschedule(keys, refs, at, record)
        case _:
            result = yield from delayed_actions.delete(keys, refs, record)
    return acted(done, result, record)


def _decision(request: OfJobs) -> Decide:
    """What becomes of an item's bytes, or why it stays."""
    source = request.source

    def put_back(raw: bytes) -> Taking | str:
        payload = decode_payload(raw)
        if isinstance(payload, Unreadable):
            return f"still unreadable: {payload.reason}"
        return Taking(0, raw, source.name, raw)

    match request:
        case PutBack():
            return put_back
        case Edit():
            return partial(_changed_job, request)
        case Requeue() | Move():
            return _Pushing(request.to, is_failure=source.kind == "failed")
    return bulk.delete


@value
class _Pushing:
    """Decides for an item's bytes: its job goes onto a queue, that of a failure onto its own where
    none is named. Equal to another that decides the same."""

    to: str | None
    is_failure: bool

    def __call__(self, raw: bytes) -> Taking | str:
        return self.of(raw, None)

    def of(self, raw: bytes, value: Any) -> Taking | str:
        """The same; `value` is what the bytes were decoded to, where that was done before."""
        if self.is_failure:
            return failures.requeue(raw, self.to, value)
        return Taking(0, raw, self.to, raw)


def _changed_job(change: Edit, raw: bytes) -> Taking | str:
    """What becomes of an item that is edited: where it goes and as what, or why it cannot be."""
    is_failure = change.source.kind == "failed"
    job = failures.job_of(raw) if is_failure else (change.source.name, raw)
    if isinstance(job, str) and (change.payload is None or change.to is None):
        return job
    queue, payload = ("", b"") if isinstance(job, str) else job
    try:
        return Taking(0, raw, change.to or queue, checked(_changed_payload(change, payload)))
    except (ValueError, QueueError) as error:
        return str(error)


def _changed_payload(change: Edit, payload: bytes) -> bytes:
    """The new payload. What is not changed keeps its bytes. Raises ValueError."""
    if change.payload is not None:
        return change.payload
    if change.change is not None:
        return change.change.applied(payload)
    parts = members(payload)
    if change.class_name is not None:
        parts["class"] = encode(change.class_name)
    if change.args is not None:
        parts["args"] = change.args
    return b"{%s}" % b",".join(b"%s:%s" % (encode(k), v) for k, v in parts.items())


def _prepare_replacing(keys: Keys, operator: Operator, request: Replace) -> Plan:
    source, job, payload = request.source, request.job, request.payload
    raw = job.item.raw
    size_bytes = len(raw) + len(payload)
    key = list_key(keys, source)
    record = operator.record("edit", "1 waiting job", key, 1, source.name, size_bytes)

    def run() -> Steps[Outcome]:
        yield from turning.settled(keys, key)
        change = queues.replace(keys, source.name, job.place or 0, raw, payload, record)
        leaving = edited(keys, source.name, raw, payload)
        was_there = yield from and_free(change, leaving)
        return acted("edited", Result(int(was_there), int(not was_there)), record)

    details = (f"It keeps its place in {safe(source.name)}. {operator.way_back(size_bytes)}",)
    what = "Edit 1 waiting job"
    return Plan(what, "Edit", details, "undoable", run, size_bytes=size_bytes, record=record)


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


#: What others see while a list is turned, by its kind.
_MEANWHILE: Final = {
    "failed": "Until this is done, retry or remove no single failure in Resque's web page: "
    "positions may shift.",
    "queue": OF_QUEUES,
    "delayed": "A scheduler may take jobs of the same second while this runs. The order is kept; "
    "jobs that arrive meanwhile are last.",
}


def _meanwhile(request: OfJobs) -> tuple[str, ...]:
    """What others see while a request is carried out. Its list may be turned where it is long; its
    length is not known here."""
    words = _MEANWHILE.get(request.source.kind)
    if words is None or len(request.chosen.refs) <= turning.FEW_ITEMS:
        return ()
    if request.source.kind == "delayed":
        refs = cast("DelayedRefs", request.chosen.refs)
        many = Counter(ref.stamp for ref in refs)
        deep = (ref for ref in refs if ref.place >= turning.SHALLOW_ITEMS)
        is_deep = any(many[ref.stamp] > turning.FEW_ITEMS for ref in deep)
    else:
        is_deep = may_be_turned(_refs(request.chosen))
    return (words,) if is_deep else ()


#: What becomes of deleted jobs, by the kind of their list.
_DELETED: Final = {"failed": "The jobs will not run again.", "delayed": "The jobs will not run."}


def _words(request: OfJobs) -> _Words:
    kind, name = request.source.kind, safe(request.source.name)
    noun = "item" if kind == "unreadable" else request.source.noun
    match request:
        case RunNow():
            line = "Each goes to the end of its queue, before its time."
            return _Words("Run", noun, "ran now", (line,), " now", "run now")
        case Reschedule():
            at = both_times(request.at)
            return _Words("Reschedule", noun, f"rescheduled to {at}:", (f"All become due {at}.",))
        case PutBack() if kind == "quarantine":
            line = f"They go to the end of {name}; workers take them again."
            return _Words("Requeue", noun, "requeued", (line,), f" to {name}")
        case PutBack():
            line = f"They go to the end of {name}; what is still unreadable is kept here."
            return _Words("Requeue", noun, "requeued", (line,), f" to {name}")
        case Edit() if kind == "failed":
            line = "Each goes to the end of its queue, edited, and off the failures."
            lines = () if request.change is None else (line,)
            return _Words("Edit", noun, "edited and requeued", lines)
        case Edit():
            who = "It goes" if request.change is None else "Each goes"
            is_waiting, lines = kind == "queue", (f"{who} to the end of {name}.",)
            noun, done = (
                (noun, "edited") if is_waiting else ("unreadable item", "edited and requeued")
            )
            return _Words("Edit", noun, done, lines)
        case Requeue() | Move() if kind == "failed":
            return _words_of_requeueing(request)
        case Requeue() | Move():
            to = safe(request.to or "")
            line = f"They go to the end of {to}, in their order, byte for byte."
            return _Words("Move", noun, f"moved to {to}:", (line,), f" to {to}")
    return _Words("Delete", noun, "deleted", (_DELETED.get(kind, "They will not run."),))


def _words_of_requeueing(request: Requeue | Move) -> _Words:
    noun, chosen = request.source.noun, request.chosen
    where = "its queue" if request.to is None else safe(request.to)
    lines = [f"Each goes to the end of {where} and off the failures."]
    if chosen.retried:
        lines.append(f"Retried before: {number(chosen.retried)}; they run again.")
    if chosen.spared:
        lines.append(f"Skipped: {number(chosen.spared)} that killed their process repeatedly.")
    if isinstance(request, Requeue):
        return _Words("Requeue", noun, "requeued", tuple(lines))
    return _Words("Move", noun, f"moved to {where}:", tuple(lines))


def _subject(request: OfJobs, what: str) -> str:
    """What a request is about, for the record."""
    if request.source.kind != "failed":
        return f"{what}, filter {request.filter}"[:200] if request.filter else what
    words = [f"group {request.group}"[:200]] if request.group else []
    words += [f"filter {request.filter}"[:200]] if request.filter else []
    return f"{what} of {', '.join([str(request.source), *words])}" if words else what


def _which(request: OfJobs) -> list[str]:
    chosen = request.chosen
    if request.source.kind == "failed":
        return _which_failures(chosen)
    if request.source.kind == "delayed":
        return _which_delayed(chosen)
    lines = [line for line in chosen.details(both_times) if not line.startswith("queues: ")]
    if refs := _refs(chosen):
        first, last = refs[0].place + 1, refs[-1].place + 1
        span = number(first) if first == last else f"{number(first)} to {number(last)}"
        lines.append(f"places: {span} from the front, at the last refresh")
    if request.filter:
        lines.append(f"filter: {safe(request.filter)}")
    return lines


def _which_failures(chosen: Selection) -> list[str]:
    queues = _named(chosen.queues) if len(chosen.queues) > 1 else list_of(chosen.queues)
    lines = [f"Classes: {_named(chosen.classes)}", f"Queues: {queues or 'none named'}"]
    if chosen.oldest is not None and chosen.newest is not None:
        moments = (chosen.oldest, chosen.newest)
        lines.append(_span("Failed", *(f"{m.astimezone():%Y-%m-%d %H:%M:%S}" for m in moments)))
    return lines


def _which_delayed(chosen: Selection) -> list[str]:
    queues = +Counter({"none named": len(chosen.refs) - chosen.queues.total()}) + chosen.queues
    names = list_of(name for name, _ in queues.most_common())
    lines = [f"Classes: {_named(chosen.classes)}", f"Queues: {names}"]
    if chosen.first_due is not None and chosen.last_due is not None:
        moments = (chosen.first_due, chosen.last_due)
        lines.append(_span("Due", *(both_times(moment_of(at)) for at in moments)))
    if chosen.is_cut:
        many = f"{len(chosen.refs):,}"
        lines.append(f"More match than these first {many}: repeat for the rest.")
    if chosen.unusable:
        are = "is" if chosen.unusable == 1 else "are"
        what = count_of(chosen.unusable, "moment")
        lines.append(f"{what} cannot be read and {are} skipped.")
    return lines


def _span(what: str, first: str, last: str) -> str:
    return f"{what}: {first}" if first == last else f"{what}: {first} to {last}"


def _named(counts: Counter[str]) -> str:
    """The most frequent names, each with its number."""
    return list_of(f"{name} ({number(n)})" for name, n in counts.most_common())


def _refs(chosen: Selection) -> JobRefs:
    """What names the chosen jobs to the engine."""
    assert isinstance(chosen.refs, JobRefs)  # noqa: S101  as Resque's lists make them
    return chosen.refs
