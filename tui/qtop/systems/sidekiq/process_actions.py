"""What operators do to Sidekiq's processes: signals, also to other machines; and rescuing the jobs
of those that died."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple, cast

from qtop.actions.plan import Operator, Outcome, Plan, Refusal, acted
from qtop.actions.request import JobFate, Prune, Signal, Wish
from qtop.actions.stopping import Stopped, between
from qtop.keymap.keymap import Danger
from qtop.model.fleet import Process
from qtop.systems.sidekiq.signal_watch import SignalWatch
from qtop.text.safe import counted, safe
from queuecore.action_record import ActionRecord
from queuecore.bulk import Result
from queuecore.errors import StoreError
from queuecore.exchange import Steps
from queuecore.values import replace, value
from sidekiq.keys import SidekiqKeys
from sidekiq.store import rescue, signals, work_memory
from sidekiq.store.job_search import LostJobSearch, Whereabouts
from sidekiq.store.rescue import LostJob, LostProcess
from sidekiq.store.signals import ProcessSignal
from sidekiq.store.work_memory import WorkMemory

# Signals.


class _SignalWords(NamedTuple):
    """A signal: how it is asked for, what follows, and what comes before it."""

    signal: ProcessSignal
    verb: str
    effect: str
    danger: Danger


_STOP: Final = _SignalWords(
    *("TERM", "Stop", "takes no more jobs, gives those in its hands 25 s, unless set otherwise,"),
    "confirm",
)
_SIGNALS: Final[Mapping[Wish, _SignalWords]] = {
    "finish": _STOP,
    "stop now": _STOP,
    "pause": _SignalWords(
        "TSTP", "Quiet", "takes no more jobs, for as long as it lives", "confirm"
    ),
    "dump": _SignalWords("TTIN", "Dump", "writes what each thread does to its log", "none"),
}
_NO_SUCH_SIGNAL: Final[Mapping[Wish, str]] = {
    "end job": "Sidekiq ends no single running job: only its whole process stops",
    "resume": "a quiet process stays quiet as long as it lives: stop it, and start another",
}
#: What a stopped process does with what is unfinished then.
_AFTER_STOP: Final = "then it puts what is unfinished back onto its queues, and ends."


def prepare_signal(
    keys: SidekiqKeys, operator: Operator, request: Signal, watch: SignalWatch
) -> Plan | Refusal:
    """Say what signalling processes would do, or why none of them takes signals; `watch` hears of
    each that is sent."""
    words = _SIGNALS.get(request.wish)
    if words is None:
        return Refusal(_NO_SUCH_SIGNAL[request.wish])
    reasons = [_deafness(each) for each in request.processes]
    if all(reasons):
        return Refusal(reasons[0] or "there is no process")
    many = len(request.processes)
    one = safe(request.processes[0].id) if many == 1 else f"{many:,} processes"
    record = operator.record(words.verb.lower(), one, keys.processes(), many)
    effect = f"It gets {words.signal} and {words.effect}"
    details = [f"{effect} {_AFTER_STOP}" if words is _STOP else f"{effect}."]
    details.append(
        "Each reads it with its next heartbeat, within 10 s; unread, it is gone after 60 s."
    )
    details.append(f"Until it is read, {operator.way_back()}")
    details += dict.fromkeys(f"Left alone: {why}." for why in reasons if why is not None)
    run = partial(_signal, keys, request, words, record, watch)
    title = f"{words.verb} {one}"
    return Plan(title, words.verb, tuple(details), words.danger, run, many=many, record=record)


def _deafness(process: Process) -> str | None:
    """Why a process takes no signals, in words; None when it does, as far as is known."""
    facts = process.facts
    if facts is not None and facts.is_gone:
        return "it is gone: it died, or was cut off"
    if process.has_beat is False:
        return "it has no heartbeat, and only with one would it read a signal"
    if facts is not None and facts.is_embedded:
        return "it is embedded in another program, which no signal may end"
    return None


def _signal(
    keys: SidekiqKeys,
    request: Signal,
    words: _SignalWords,
    record: ActionRecord,
    watch: SignalWatch,
) -> Steps[Outcome]:
    """Signal one after the other, for each is told. Two round trips each."""
    result = Result()
    for at, process in enumerate(request.processes):
        try:
            yield between(at, len(request.processes))
        except Stopped as error:
            result = replace(result, stopped=error)
            break
        try:
            [before] = yield signals.looks(keys, [process.id])
        except StoreError as error:
            result = replace(result, stopped=error)
            break
        sent = yield from signals.send(keys, words.signal, [process.id], record)
        result = result.plus(sent.done, sent.gone, (why for why, _ in sent.refused))
        if sent.done:
            watch.note(process.id, words.signal, before)
            request.tell(process.id)
        if sent.stopped is not None:
            result = replace(result, stopped=sent.stopped)
            break
    return acted(f"asked to {words.verb.lower()}:", result, record)


# Rescue.


@value
class RescueCase:
    """A process, and what is known of the jobs that it ran when it was last seen.

    Attributes:
        lost: What it was when it died; None of one that is not known to have died.
        doubt: Why it may be alive after all, or may have lost nothing; None when nothing says so.
        sure: Its jobs that are nowhere else.
        unsure: Those that were found nowhere, but not everything could be looked at.
        kept: Why others are not put back, with how many.
        unread: Why some of this is unknown, by what it is in words.
    """

    worker_id: str
    lost: LostProcess | None
    doubt: str | None
    sure: tuple[LostJob, ...] = ()
    unsure: tuple[LostJob, ...] = ()
    kept: tuple[tuple[str, int], ...] = ()
    unread: Mapping[str, str] = MappingProxyType({})

    def fate(self, requeue_lost: int) -> JobFate:
        """As `PruneCase.fate`: what is nowhere else goes back to its queue."""
        return "put back" if self.sure or self.unsure else "idle"

    @property
    def words(self) -> str:
        return ", ".join(_parts(self))

    @property
    def fields(self) -> Mapping[str, Any]:
        lost = self.lost
        return {
            "process": self.worker_id,
            "fate": None if lost is None else lost.fate,
            "last_beat_at": None if lost is None else lost.beat,
            "seen_at": None if lost is None else lost.seen,
            "lost_jobs": [_job_fields(job, is_sure=True) for job in self.sure]
            + [_job_fields(job, is_sure=False) for job in self.unsure],
            "kept": dict(self.kept),
            "not_remembered": None if lost is None else lost.left_out,
            "doubt": self.doubt,
        }


def gather(
    keys: SidekiqKeys, memory: WorkMemory, names: Collection[str] = ()
) -> Steps[tuple[RescueCase, ...]]:
    """What speaks for and against the death of the processes with these names, or, without names,
    of all that a memory and the stored one know to be gone; and where their jobs are. Round trips
    as `work_memory.look`, `work_memory.stored` and `LostJobSearch.run`."""
    known = work_memory.merged(memory, (yield from work_memory.stored(keys)))
    known = work_memory.fed(known, (yield from work_memory.look(keys, known)))
    gone = [each for each in rescue.lost(known) if not names or each.identity in names]
    jobs = [job for each in gone for job in each.jobs if job.problem is None]
    search = LostJobSearch(keys, jobs)
    yield from search.run()
    before: list[datetime | None] = (yield rescue.rescued(keys, jobs)) if jobs else []
    when = dict(zip(map(id, jobs), before, strict=True))
    cases = [_case(each, search, when) for each in gone]
    missing = [name for name in names if name not in {each.identity for each in gone}]
    for name in missing:
        remembered = known.processes.get(name)
        alive = remembered is not None and remembered.fate == "alive"
        why = "it is alive" if alive else "it is not known what it ran: nobody watched it"
        cases.append(RescueCase(name, None, why))
    return tuple(cases)


def _case(
    lost: LostProcess, search: LostJobSearch, rescued: Mapping[int, datetime | None]
) -> RescueCase:
    sure: list[LostJob] = []
    unsure: list[LostJob] = []
    kept: list[str] = []
    unread: dict[str, str] = {}
    for job in lost.jobs:
        if job.problem is not None:
            kept.append(job.problem)
        elif rescued[id(job)] is not None:
            kept.append("it was put back before")
        elif (found := search.of(job)).found:
            kept.append(_found_in(found))
        elif found.is_nowhere:
            sure.append(job)
        else:
            unsure.append(job)
            unread["elsewhere"] = "not looked at: " + ", ".join(found.unknown)
    doubt = None
    if lost.fate != "crashed":
        doubt = "nobody saw whether it left cleanly: then it gave its jobs back itself"
    counts = {why: kept.count(why) for why in kept}
    places = tuple(counts.items())
    return RescueCase(lost.identity, lost, doubt, tuple(sure), tuple(unsure), places, unread)


def _found_in(found: Whereabouts) -> str:
    return "it is in " + ", ".join(f"{each.kind} {each.name}" for each in found.found)


#: The dialog scrolls; of more, the first are enough.
_SHOWN: Final = 200


def prepare_rescue(keys: SidekiqKeys, operator: Operator, request: Prune) -> Plan | Refusal:
    """Say which lost jobs would be put back: of processes that crashed those that are nowhere else,
    or, with `forces`, also where that is unknown."""
    cases = cast("Sequence[RescueCase]", request.cases)
    chosen = [(case, _jobs(case, forces=request.forces)) for case in cases]
    meant = [(case, lost) for case, lost in chosen if lost]
    jobs = [job for _, each in meant for job in each]
    if not jobs:
        return Refusal(_why_none(cases))
    what = counted(len(jobs), "lost job")
    size_bytes = sum(len(job.job.raw) for job in jobs)
    key = keys.queue(jobs[0].queue)
    record = operator.record("rescue", what, key, len(jobs), "", size_bytes)
    listed = [f"{safe(case.worker_id)}: {case.words}" for case in cases[:_SHOWN]]
    listed += [f"and {len(cases) - _SHOWN:,} more"] if len(cases) > _SHOWN else []
    details = [
        "They go to the front of their queues, each exactly once, whoever else does it.",
        "One may have ended after the last heartbeat of its process: then it runs twice.",
        "What was taken after that heartbeat stands nowhere. A process that was only cut off may "
        "come back, and go on with them.",
    ]
    if any(case.unsure for case, _ in meant) and request.forces:
        details.append("Not everything was looked at: some may wait or run elsewhere.")
    details += [operator.way_back(size_bytes), "\n".join(listed)]
    run = partial(_put_back, keys, request, meant, record)
    return Plan(
        *(f"Rescue {what}", "Rescue", tuple(details), "typed" if request.forces else "confirm"),
        *(run, "rescue" if request.forces else None),
        many=len(jobs),
        size_bytes=size_bytes,
        record=record,
        no_undo=operator.limits.refusal(size_bytes),
    )


def _why_none(cases: Sequence[RescueCase]) -> str:
    """Why there is no job to put back, in safe words."""
    if not cases:
        return "no process is known to have died: only who watched it then knows what it ran"
    reason = "no job is known that a process lost and that is nowhere else"
    doubt = next((case.doubt for case in cases if case.doubt is not None), None)
    return reason if doubt is None else f"{reason}: {safe(doubt)}"


def _jobs(case: RescueCase, *, forces: bool) -> tuple[LostJob, ...]:
    if forces:
        return case.sure + case.unsure
    return () if case.doubt is not None else case.sure


def _put_back(
    keys: SidekiqKeys,
    request: Prune,
    meant: Sequence[tuple[RescueCase, tuple[LostJob, ...]]],
    record: ActionRecord,
) -> Steps[Outcome]:
    """Put back the jobs of one process after the other."""
    result, tried = Result(), 0
    for case, jobs in meant:
        try:
            yield between(tried, record.planned)
        except Stopped as error:
            result = replace(result, stopped=error)
            break
        each = yield from rescue.put_back(keys, jobs, record)
        tried += len(jobs)
        reasons = (why for why, many in each.refused for _ in range(many))
        result = result.plus(each.done, each.gone, reasons)
        request.tell(case, "put back" if each.done else "idle")
        if each.stopped is not None:
            result = replace(result, stopped=each.stopped)
            break
    return acted("put back", result, record)


def _parts(case: RescueCase) -> Iterator[str]:
    """What is known of a case, in safe words."""
    lost = case.lost
    if lost is not None:
        yield "its hash expired" if lost.fate == "crashed" else "gone"
        beat = lost.beat or lost.seen
        yield f"last seen alive {beat.astimezone():%Y-%m-%d %H:%M:%S}"
    if case.doubt is not None:
        yield safe(case.doubt)
    places = [(job, "nowhere else") for job in case.sure]
    places += [(job, "perhaps elsewhere") for job in case.unsure]
    for job, where in places:
        since = f" since {job.since.astimezone():%H:%M:%S}" if job.since else ""
        name = safe(job.job.unwrapped[0] or "what is no job")
        yield f"ran {name} of {safe(job.queue)}{since} ({where})"
    for why, many in case.kept:
        yield f"{counted(many, 'job')} left alone: {safe(why)}"
    if lost is not None and lost.left_out:
        yield f"{counted(lost.left_out, 'more job')} too large or too many to remember"


def _job_fields(job: LostJob, *, is_sure: bool) -> Mapping[str, Any]:
    name, args = job.job.unwrapped
    return {
        "jid": job.job.jid,
        "class": name,
        "args": args,
        "queue": job.queue,
        "running_since": job.since,
        "is_nowhere_else": is_sure,
    }
