"""What speaks for and against a worker's death."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from qtop.systems.resque import host_workers
from qtop.text.safe import ago, counted, safe
from queuecore.exchange import Steps
from resque.keys import Keys
from resque.store import duplicates, lost, snapshot, stale, workers
from resque.store.duplicates import Job
from resque.store.stale import Evidence
from resque.store.strays import Strays

#: How many workers are looked at in one round trip: each may hold a large job.
_AT_ONCE: Final = 100
#: How many of the newest failures are compared with the jobs in hand.
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
        """The worker's id."""
        return self.seen.worker_id

    def goes_back(self, requeue_lost: int) -> bool:
        """Whether its job would go back to its queue rather than fail."""
        record = self.seen.record
        return (
            record is not None
            and bool(record.class_name)
            and lost.may_be_put_back(record)
            and self.times_lost < requeue_lost
        )


def gather(
    keys: Keys, names: Sequence[str], *, ignore_pids: bool, strays: Strays | None = None
) -> Steps[list[Case]]:
    """Look at the workers named, or, when none is, at all that have been silent for five minutes
    and at those of the `strays`. Five round trips, and one more for each 100 workers."""
    fleet = yield from snapshot.take(keys, tails={}, failures_limit=_FAILURES_READ)
    silent: list[str] = [] if names else (yield stale.silent(keys))
    unlisted = () if names or strays is None else strays.of("record")
    wanted = list(dict.fromkeys([*names, *silent, *(each.name for each in unlisted)]))
    seen: list[Evidence] = []
    for at in range(0, len(wanted), _AT_ONCE):
        seen += yield stale.look(keys, wanted[at : at + _AT_ONCE])
    jobs = [job for each in seen if (job := _job(each)) is not None]
    waits: list[int | None] = yield duplicates.waiting(keys, jobs)
    losses: list[int] = yield lost.counts(keys, jobs)
    waiting = dict(zip(jobs, waits, strict=True))
    times_lost = dict(zip(jobs, losses, strict=True))
    failed = None if fleet.failures is None else duplicates.failed(fleet.failures)
    holders = None if fleet.workers is None else duplicates.in_hands(fleet.workers)
    known = [worker.identity.text for worker in fleet.workers or ()]
    unread = {each: why for each, why in fleet.problems.items() if each in _COMPARED}
    cases: list[Case] = []
    for each in seen:
        case = replace(_of_process(each, ignore_pids), unread=unread)
        if each.beat is None and each.record is None and each.worker_id not in known:
            is_unknown = fleet.workers is None
            doubt = "whether it is registered is unknown" if is_unknown else _NOT_THERE
            case = replace(case, doubt=doubt)
        job = _job(each)
        if job is not None:
            case = replace(case, waiting=waiting[job], times_lost=times_lost[job])
            if waiting[job] is None:
                case = replace(case, unread={**unread, "jobs waiting": "Redis does not tell"})
            # Larger ones come cut, and cannot be compared.
            if len(job[1]) < snapshot.RECORD_BYTES // 2:
                case = replace(case, failed=None if failed is None else failed[job])
                if holders is not None:
                    others = [who for who in holders.get(job, ()) if who != each.worker_id]
                    case = replace(case, held=len(others))
        cases.append(case)
    return cases


def _job(seen: Evidence) -> Job | None:
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
            runs = runs and host_workers.is_titled(who.pid)
    doubt = stale.doubt(seen, host=host, is_running=lambda pid: bool(runs) and not ignore_pids)
    return Case(seen, doubt, runs)


def _is_running(pid: int) -> bool:
    if pid == 0:
        # Would ask after this process's own group.
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def words(case: Case) -> str:
    """The evidence in one line of safe text."""
    return "; ".join(_parts(case))


def _parts(case: Case) -> Iterator[str]:
    seen, record = case.seen, case.seen.record
    if not seen.is_registered:
        yield "on no register"
    yield "never beat" if seen.beat is None else f"silent for {ago(seen.silent_s)}"
    pid = workers.identity(case.worker_id).pid
    if case.process_runs is not None:
        yield f"process {pid} {'runs' if case.process_runs else 'is gone'}"
    if record is None:
        yield "holds no job"
        return
    name = safe(record.class_name) if record.class_name else "what is no job"
    since = f" since {record.run_at.astimezone():%Y-%m-%d %H:%M:%S}" if record.run_at else ""
    yield f"holds {name} of {safe(record.queue) if record.queue is not None else '?'}{since}"
    if case.times_lost:
        yield f"such a job was lost {counted(case.times_lost, 'time')} within a day"
    elsewhere = []
    if case.waiting:
        elsewhere.append(f"waits {counted(case.waiting, 'time')}")
    if case.failed:
        elsewhere.append(f"failed {counted(case.failed, 'time')}")
    if case.held:
        elsewhere.append(f"is in the hands of {counted(case.held, 'other worker')}")
    if case.unread:
        yield f"whether the same job is elsewhere is not known: {safe(', '.join(case.unread))}"
    if elsewhere:
        yield f"the same job {', '.join(elsewhere)}"


def fields(case: Case) -> Mapping[str, Any]:
    """The evidence for programs; what is unknown is null."""
    record = case.seen.record
    return {
        "is_registered": case.seen.is_registered,
        "heartbeat_age_s": case.seen.silent_s,
        "process_runs": case.process_runs,
        "class": None if record is None else record.class_name,
        "queue": None if record is None else record.queue,
        "run_at": None if record is None else record.run_at,
        "also_waiting": case.waiting,
        "also_failed": case.failed,
        "also_in_hands": case.held,
        "times_lost": case.times_lost,
        "doubt": case.doubt,
    }
