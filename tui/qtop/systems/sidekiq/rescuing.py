"""Rescuing the jobs of processes that died: the evidence of each death, where its jobs are, and
putting those back that are nowhere else. `process_actions` has the signals."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, Final, cast

import psutil

from qtop.actions.plan import Operator, Outcome, Plan, Refusal, acted
from qtop.actions.request import JobFate, Prune
from qtop.actions.stopping import Stopped, between
from qtop.text.safe import counted, safe
from queuecore.action_record import ActionRecord
from queuecore.bulk import Result
from queuecore.exchange import Steps
from queuecore.values import replace, value
from sidekiq.keys import SidekiqKeys
from sidekiq.store import processes, rescue, work_memory
from sidekiq.store.job_search import LostJobSearch, Whereabouts
from sidekiq.store.rescue import LostJob, LostProcess
from sidekiq.store.work_memory import WorkMemory

#: By its clock and the server's a process may have been seen before it began.
_CLOCK_TOLERANCE: Final = timedelta(minutes=2)


@value
class RescueCase:
    """A process, and what is known of the jobs that it ran when it was last seen.

    Attributes:
        lost: What it was when it died; None of one that is not known to have died.
        doubt: Why it may be alive after all, or may have lost nothing; None when nothing says so.
        sure: Its jobs that are nowhere else.
        unsure: Those that were found nowhere, but not everything could be looked at.
        kept: Why others are not put back, with how many.
        process_runs: Whether a process of its id runs on this machine; None of another machine's.
        unread: Why some of this is unknown, by what it is in words.
    """

    worker_id: str
    lost: LostProcess | None
    doubt: str | None
    sure: tuple[LostJob, ...] = ()
    unsure: tuple[LostJob, ...] = ()
    kept: tuple[tuple[str, int], ...] = ()
    process_runs: bool | None = None
    unread: Mapping[str, str] = MappingProxyType({})

    def fate(self, requeue_lost: int) -> JobFate:
        """As `PruneCase.fate`: what is nowhere else goes back to its queue."""
        return "put back" if self.sure or self.unsure else "idle"

    @property
    def words(self) -> str:
        return ", ".join((*_evidence(self), *self.jobs))

    @property
    def jobs(self) -> tuple[str, ...]:
        """What became of each of its jobs as safe texts, those that can be put back with a number:
        jobs may be equal but for their threads."""
        return tuple(_jobs_of(self))

    @property
    def lines(self) -> tuple[str, ...]:
        """The evidence, and a line for each job, as safe texts."""
        return (", ".join((safe(self.worker_id), *_evidence(self))), *self.jobs)

    @property
    def fields(self) -> Mapping[str, Any]:
        lost = self.lost
        return {
            "process": self.worker_id,
            "fate": None if lost is None else lost.fate,
            "last_beat_at": None if lost is None else lost.beat,
            "seen_at": None if lost is None else lost.seen,
            "process_runs": self.process_runs,
            "lost_jobs": [_job_fields(job, is_sure=True) for job in self.sure]
            + [_job_fields(job, is_sure=False) for job in self.unsure],
            "kept": dict(self.kept),
            "not_remembered": None if lost is None else lost.left_out,
            "doubt": self.doubt,
        }


def process_runs(lost: LostProcess) -> bool | None:
    """Whether the process of an identity still runs on this machine; None of another machine's. One
    that began after that was seen last is another process with the same number."""
    host, pid = processes.place_of(lost.identity)
    if pid is None or host != socket.gethostname():
        return None
    try:
        began = datetime.fromtimestamp(psutil.Process(pid).create_time()).astimezone()
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        return False
    except psutil.Error:
        return True
    return began <= lost.seen + _CLOCK_TOLERANCE


def gather(
    keys: SidekiqKeys,
    memory: WorkMemory,
    names: Collection[str] = (),
    *,
    runs: Callable[[LostProcess], bool | None] = process_runs,
    ignore_pids: bool = False,
) -> Steps[tuple[RescueCase, ...]]:
    """What speaks for and against the death of the processes with these names, or, without names,
    of all that a memory and the stored one know to be gone; and where their jobs are. `runs` tells
    whether a process is there, `ignore_pids` that this means nothing. Round trips as
    `work_memory.look`, `work_memory.stored` and `LostJobSearch.run`; that can be stopped."""
    known = work_memory.merged(memory, (yield from work_memory.stored(keys)))
    known = work_memory.fed(known, (yield from work_memory.look(keys, known)))
    gone = [each for each in rescue.lost(known) if not names or each.identity in names]
    jobs = [job for each in gone for job in each.jobs if job.problem is None]
    search = LostJobSearch(keys, jobs)
    with suppress(Stopped):
        # What was not looked at then is unknown.
        yield from search.run()
    before: list[datetime | None] = (yield rescue.rescued(keys, jobs)) if jobs else []
    when = dict(zip(map(id, jobs), before, strict=True))
    cases = [_case(each, search, when, runs(each), ignore_pids) for each in gone]
    missing = [name for name in names if name not in {each.identity for each in gone}]
    for name in missing:
        remembered = known.processes.get(name)
        alive = remembered is not None and remembered.fate == "alive"
        why = "it is alive" if alive else "what it ran is unknown: no qtop watched it"
        cases.append(RescueCase(name, None, why))
    return tuple(cases)


def _case(
    lost: LostProcess,
    search: LostJobSearch,
    rescued: Mapping[int, datetime | None],
    runs: bool | None,
    ignore_pids: bool,
) -> RescueCase:
    sure: list[LostJob] = []
    unsure: list[LostJob] = []
    kept: list[str] = []
    unread: dict[str, str] = {}
    for job in lost.jobs:
        if job.problem is not None:
            kept.append(job.problem)
        elif rescued[id(job)] is not None:
            kept.append("already rescued")
        elif (found := search.of(job)).found:
            kept.append(_found_in(found))
        elif found.is_nowhere:
            sure.append(job)
        else:
            unsure.append(job)
            unread["elsewhere"] = "not checked: " + ", ".join(found.unknown)
    doubt = None
    if lost.fate != "crashed":
        doubt = "it may have stopped cleanly: then it requeued its jobs itself"
    elif runs and not ignore_pids:
        doubt = "a process with its id runs on this machine: it may be cut off, and continue"
    counts = {why: kept.count(why) for why in kept}
    places = tuple(counts.items())
    return RescueCase(lost.identity, lost, doubt, tuple(sure), tuple(unsure), places, runs, unread)


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
    whose = tuple(case.worker_id for case, _ in meant)
    who = whose[0] if len(whose) == 1 else counted(len(whose), "worker")
    size_bytes = sum(len(job.job.raw) for job in jobs)
    key = keys.queue(jobs[0].queue)
    record = operator.record("rescue", f"{what} of {who}", key, len(jobs), "", size_bytes)
    # What is said of each process ends when its own jobs are put back.
    record = replace(record, processes=whose)
    lines = [line for case in cases for line in case.lines]
    listed = lines[:_SHOWN]
    listed += [f"and {len(lines) - _SHOWN:,} more lines"] if len(lines) > _SHOWN else []
    details = [
        "They go to the front of their queues, each exactly once.",
        "A job that ended after the last heartbeat of its process runs twice.",
        "Jobs taken after that heartbeat are unknown. A process that was only cut off may return "
        "and run them, too.",
    ]
    if any(case.unsure for case, _ in meant) and request.forces:
        details.append("Not everything could be checked: some may wait or run elsewhere.")
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
        return "no dead process is known: what a process ran is known only if qtop watched it"
    reason = "no lost job is known that is not elsewhere, too"
    if unsure := sum(len(case.unsure) for case in cases):
        where = f"where {counted(unsure, 'job')} of processes that died may be"
        reason = f"unknown: {where}, not everything was checked"
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
    return acted("rescued", result, record)


def _evidence(case: RescueCase) -> Iterator[str]:
    """What speaks for and against its death, in safe words."""
    lost = case.lost
    if lost is not None:
        crashed = "its hash expired without a clean stop"
        yield crashed if lost.fate == "crashed" else "gone"
        beat = lost.beat or lost.seen
        yield f"last seen alive {beat.astimezone():%Y-%m-%d %H:%M:%S}"
    if case.process_runs is False:
        yield "it no longer runs on this machine"
    if case.doubt is not None:
        yield safe(case.doubt)


def _jobs_of(case: RescueCase) -> Iterator[str]:
    places = [(job, "nowhere else") for job in case.sure]
    places += [(job, "perhaps elsewhere") for job in case.unsure]
    for number, (job, where) in enumerate(places, 1):
        since = f" since {job.since.astimezone():%H:%M:%S}" if job.since else ""
        name = safe(job.job.unwrapped[0] or "an unreadable job")
        jid = "" if job.job.jid is None else f", jid {safe(job.job.jid)}"
        ran = f"{number:,}. {name} of {safe(job.queue)}, thread {safe(job.thread)}"
        yield f"{ran}{since}{jid}: {where}"
    for why, many in case.kept:
        yield f"{counted(many, 'job')} skipped: {safe(why)}"
    lost = case.lost
    if lost is not None and lost.left_out:
        yield f"{counted(lost.left_out, 'more job')} too large or too many to remember"


def _job_fields(job: LostJob, *, is_sure: bool) -> Mapping[str, Any]:
    name, args = job.job.unwrapped
    return {
        "jid": job.job.jid,
        "class": name,
        "args": args,
        "queue": job.queue,
        "thread": job.thread,
        "running_since": job.since,
        "is_nowhere_else": is_sure,
    }
