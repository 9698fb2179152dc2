"""What operators do to failed and waiting jobs and to items that were set aside: choosing them, and
what becomes of each."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from qtop.actions.plan import Operator, Outcome, Plan, Throttle, acted, count_of, list_of
from qtop.actions.request import Delete, Edit, Enqueue, JobRequest, Move, PutBack, Replace, Requeue
from qtop.keymap.keymap import Danger
from qtop.model.job import Job, JobSource
from qtop.search.selection import RefusalCheck, Selection, nothing_refused
from qtop.systems.resque.job_lists import job_list
from qtop.systems.resque.job_reader import engine_failure, list_key
from qtop.text.format import both_times, number
from qtop.text.payloads import checked
from qtop.text.safe import counted, safe
from queuecore import bulk
from queuecore.action_record import ActionRecord
from queuecore.bulk import Decide, JobRefs, Result, Taking
from queuecore.codec import encode, members
from queuecore.errors import QueueError
from queuecore.exchange import Steps
from queuecore.values import replace
from queuecore.windows import Item
from resque.codec import Payload, decode_payload, encode_job, require_utf8
from resque.errors import NoClassError, NoQueueError
from resque.keys import Keys
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
        refusal: Says for an item's bytes why the action will refuse it, for the preview.
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
        self._chosen = Selection(job_list(keys, source).refs())
        self._most = _MOST_DELAYED if source.kind == "delayed" else None
        self._suspects = poison.Suspects(keys, source.name)
        self._suspected: list[tuple[Job, str | None]] = []

    def take(self, job: Job) -> bool:
        """As `Chooser.take`. O(bytes); some 28 bytes are kept of it, of a suspect 1 KB."""
        if self._most is not None and len(self._chosen.marks) >= self._most:
            self._chosen.is_cut = True
            return False
        item = job.item
        refused = None if item.is_cut else self._refusal(item.raw)
        if self._spares and self._suspects.add(engine_failure(job)):
            # Without its bytes: there may be many.
            name, kept = job.unwrapped[0], Item(b"", item.size, item.sha)
            slim = replace(job, item=kept, class_name=name, args=None, error=None, backtrace=())
            self._suspected.append((slim, refused))
        else:
            self._chosen.add(job, refused)
        return True

    def settle(self) -> Steps[Selection]:
        """What was chosen. A round trip for each 1,000 suspects, and one for each large one."""
        poisoned: dict[str, int] = {}
        # Who selects a single one means it.
        if len(self._chosen.marks) + len(self._suspected) > 1:
            poisoned = yield from self._suspects.poisoned()
        for job, refused in self._suspected:
            if job.id in poisoned:
                self._chosen.spared += 1
            else:
                self._chosen.add(job, refused)
        return self._chosen


def refusal_of(request: JobRequest) -> RefusalCheck:
    """Says for an item's bytes why a request will refuse it."""
    if isinstance(request, Delete):
        return nothing_refused
    decide = _decision(request)

    def refusal(raw: bytes) -> str | None:
        decision = decide(raw)
        return decision if isinstance(decision, str) else None

    return refusal


def unusable(raw: bytes) -> str | None:
    """Why a worker would set an item aside; None when it would perform it. O(bytes)."""
    payload = decode_payload(raw)
    return None if isinstance(payload, Payload) else f"still unreadable: {payload.reason}"


# Doing.


def prepare(keys: Keys, operator: Operator, request: JobRequest | Replace | Enqueue) -> Plan:
    """Say what a request would do to its jobs. Raises for an `Enqueue` NoQueueError, NoClassError
    and EncodeError."""
    if isinstance(request, Enqueue):
        return _prepare_enqueueing(keys, request)
    if isinstance(request, Replace):
        return _prepare_replacing(keys, operator, request)
    source, chosen, words = request.source, request.chosen, _words(request)
    many, pace = len(chosen.marks), Throttle()
    what = count_of(many, words.noun)
    # An undo keeps what left the list, and what was pushed.
    size_bytes = chosen.size_bytes * (1 if isinstance(request, Delete) else 2)
    subject = request.subject or _subject(request, what)
    action = words.verb.lower()
    key = list_key(keys, source)
    record = operator.record(action, subject, key, many, source.queue, size_bytes)
    again = isinstance(request, Requeue | Move) and chosen.retried > 0
    asks = many > 1 or request.is_found or again or not record.undo_s
    danger: Danger = "confirm" if asks else "undoable"
    details = [*_which(request), *words.lines, operator.way_back(record)]
    if isinstance(request, Edit) and source.kind != "failed":
        details = [f"{words.lines[0]} {details[-1]}"]
    if chosen.too_large and source.kind != "failed":
        details.append(f"Left alone: {chosen.too_large:,} too large to look into.")
    return Plan(
        f"{words.verb} {what}" + (f" to {safe(words.to)}" if words.to is not None else ""),
        words.verb,
        tuple(details),
        danger,
        partial(_take, keys, request, words.done, record, pace),
        pace=pace if many > 1 else None,
        many=many,
        size_bytes=size_bytes,
        record=record,
    )


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
    keys: Keys, request: JobRequest, done: str, record: ActionRecord, pace: Throttle
) -> Steps[Outcome]:
    """Take the jobs off their list; with waiting jobs go the locks of Ruby's plug-ins."""
    source, decide = request.source, _decision(request)
    leaving = Leaving(keys, source.name)
    if source.kind == "queue":
        decide = noting(leaving, decide)
    refs, at_once = _refs(request.chosen), pace.at_once
    taking = bulk.take(keys, list_key(keys, source), refs, decide, record, at_once=at_once)
    return acted(done, (yield from and_free(taking, leaving)), record)


def _decision(request: JobRequest) -> Decide:
    """What becomes of an item's bytes, or why it stays."""
    source = request.source

    def put_back(raw: bytes) -> Taking | str:
        return unusable(raw) or Taking(0, raw, source.name, raw)

    def push(raw: bytes, to: str | None) -> Taking | str:
        if source.kind != "failed":
            return Taking(0, raw, to, raw)
        return failures.requeue(raw, to)

    match request:
        case Delete():
            return bulk.delete
        case PutBack():
            return put_back
        case Edit():
            return partial(_changed_job, request)
        case Requeue() | Move():
            return partial(push, to=request.to)


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
    parts = members(payload)
    if change.class_name is not None:
        parts["class"] = encode(change.class_name)
    if change.args is not None:
        parts["args"] = change.args
    return b"{%s}" % b",".join(b"%s:%s" % (encode(k), v) for k, v in parts.items())


def _prepare_replacing(keys: Keys, operator: Operator, request: Replace) -> Plan:
    source, raw, payload = request.source, request.raw, request.payload
    size_bytes = len(raw) + len(payload)
    key = list_key(keys, source)
    record = operator.record("edit", "1 waiting job", key, 1, source.name, size_bytes)

    def run() -> Steps[Outcome]:
        change = queues.replace(keys, source.name, request.place, raw, payload, record)
        leaving = edited(keys, source.name, raw, payload)
        was_there = yield from and_free(change, leaving)
        return acted("edited", Result(int(was_there), int(not was_there)), record)

    details = (f"It keeps its place in {safe(source.name)}. {operator.way_back(record)}",)
    return Plan(
        *("Edit 1 waiting job", "Edit", details, "undoable", run),
        size_bytes=size_bytes,
        record=record,
    )


# In words.


class _Words(NamedTuple):
    """A request in words: the verb on the button, what it is done to, the word for its result, the
    consequences, and the queue that the title names."""

    verb: str
    noun: str
    done: str
    lines: tuple[str, ...] = ()
    to: str | None = None


def _words(request: JobRequest) -> _Words:
    if request.source.kind == "failed":
        return _words_of_failures(request)
    name = safe(request.source.name)
    noun = "item" if request.source.kind == "unreadable" else request.source.noun
    match request:
        case Delete():
            return _Words("Delete", noun, "deleted", ("They will not run.",))
        case PutBack():
            line = f"They go to the end of {name}; what is still unreadable stays here."
            return _Words("Requeue", noun, "requeued", (line,), request.source.name)
        case Edit():
            lines = (f"It goes to the end of {name}.",)
            if request.source.kind == "queue":
                return _Words("Edit", noun, "edited", lines)
            return _Words("Edit", "item set aside", "edited and put back", lines)
        case Requeue() | Move():
            to = request.to or ""
            line = f"They go to the end of {safe(to)}, in their order, byte for byte."
            return _Words("Move", noun, f"moved to {safe(to)}:", (line,), to)


def _words_of_failures(request: JobRequest) -> _Words:
    noun, chosen = request.source.noun, request.chosen
    match request:
        case Delete():
            return _Words("Delete", noun, "deleted", ("The jobs will not run again.",))
        case Edit() | PutBack():
            return _Words("Edit", noun, "edited and requeued")
        case Requeue() | Move():
            where = "its queue" if request.to is None else safe(request.to)
            lines = [f"Each goes to the end of {where} and off the failures."]
            if chosen.retried:
                lines.append(f"Retried before, and to run again: {number(chosen.retried)}.")
            if chosen.spared:
                spared = number(chosen.spared)
                lines.append(f"Left out: {spared} that killed their process repeatedly.")
            if isinstance(request, Requeue):
                return _Words("Requeue", noun, "requeued", tuple(lines))
            return _Words("Move", noun, f"moved to {where}:", tuple(lines))


def _subject(request: JobRequest, what: str) -> str:
    """What a request is about, for the record."""
    if request.source.kind != "failed":
        return f"{what}, filter {request.filter}"[:200] if request.filter else what
    words = [f"group {request.group}"[:200]] if request.group else []
    words += [f"filter {request.filter}"[:200]] if request.filter else []
    return f"{what} of {', '.join([str(request.source), *words])}" if words else what


def _which(request: JobRequest) -> list[str]:
    """The jobs in figures, a line each."""
    chosen = request.chosen
    if request.source.kind == "failed":
        return _which_failures(chosen)
    lines = [line for line in chosen.details(both_times) if not line.startswith("queues: ")]
    if refs := _refs(chosen):
        first, last = refs[0].place + 1, refs[-1].place + 1
        span = number(first) if first == last else f"{number(first)} to {number(last)}"
        lines.append(f"places: {span} from the front, when looked at")
    if request.filter:
        lines.append(f"filter: {safe(request.filter)}")
    return lines


def _which_failures(chosen: Selection) -> list[str]:
    lines = ["Classes: " + named(chosen.classes)]
    many = len(chosen.queues)
    lines.append("Queues: " + (named(chosen.queues) if many > 1 else list_of(chosen.queues)))
    if not chosen.queues:
        lines[-1] += "none named"
    if chosen.oldest is not None and chosen.newest is not None:
        moments = (chosen.oldest, chosen.newest)
        first, last = (f"{m.astimezone():%Y-%m-%d %H:%M:%S}" for m in moments)
        lines.append(f"Failed: {first}" if first == last else f"Failed: {first} to {last}")
    return lines


def named(counts: Counter[str]) -> str:
    """The most frequent names, each with its number."""
    return list_of(f"{name} ({number(n)})" for name, n in counts.most_common())


def _refs(chosen: Selection) -> JobRefs:
    """What names the chosen jobs to the engine."""
    assert isinstance(chosen.marks, JobRefs)  # noqa: S101  as Resque's lists make them
    return chosen.marks
