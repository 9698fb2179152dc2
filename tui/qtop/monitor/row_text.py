"""The texts of cells about rows: data of a row become safe text here, each exactly once. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from qtop.model.fleet import RunningJob
from qtop.model.job import Job, JobRow
from qtop.monitor.changes import Drop
from qtop.monitor.rows import DEPTHS_KEPT, FleetRows, QueueRow, Totals, WorkerRow
from qtop.search.fields import Subject
from qtop.text.format import (
    NOT_READ,
    NOTHING,
    dropped,
    duration,
    job,
    job_class,
    number,
    partly,
    short_json,
)
from qtop.text.safe import counted, safe

_BREAK: Final = "╎"
#: Of what is too large to be read.
_SHOWN_BYTES: Final = 1_000
_BARS: Final = "▁▂▃▄▅▆▇█"


def depth(row: QueueRow) -> str:
    """How many jobs wait in a queue, with a sign where they dropped to that of late."""
    return dropped(number(row.depth), row.drops)


def waiting(totals: Totals | None) -> str:
    """How many jobs wait in all queues, with a sign as for one: `7+` when at least so many,
    `unknown`; a dash before the first poll."""
    if totals is None:
        return NOTHING
    figure = partly(totals.waiting, is_least=totals.waiting_is_least)
    return dropped("unknown" if figure == NOT_READ else figure, totals.drops.waiting)


def jobs_waiting(totals: Totals) -> str:
    return f"{counted(totals.waiting, 'job', is_least=totals.waiting_is_least)} waiting"


def working(totals: Totals) -> str:
    """How many workers have a job, of how many: `3/5`, `3+/5`, `?`."""
    if totals.workers is None:
        return NOT_READ
    busy = partly(totals.working, is_least=totals.working_is_least)
    return f"{busy}/{partly(totals.workers, is_least=totals.workers_is_least)}"


def trend(depths: Sequence[int | None], polls: int, width: int, drops: Sequence[Drop] = ()) -> str:
    """The course of a depth in at most `width` bars, the newest at the right.

    An empty queue is the lowest bar. A depth that stays is a low line, whatever its size: what
    catches the eye is change, of a tenth of the depth at least. `polls` counts all polls there
    ever were: a bar stands for the same ones for as long as it is shown, so that bars do not jump.
    In place of the polls at which the depth dropped there is a break.
    """
    step = max(1, DEPTHS_KEPT // width)
    first = polls - len(depths)
    known_at = enumerate(depths, first + 1)
    shown = [(at, depth) for at, depth in known_at if at % step == 0 or at == polls][-width:]
    known = [depth for _, depth in shown if depth is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    span = max(high - low, high / 10, 1)
    broken = {(polls - drop.polls_ago - 1) // step for drop in drops}
    return "".join(
        _BREAK if (at - 1) // step in broken else _trend_bar(depth, low, span)
        for at, depth in shown
    )


def _trend_bar(depth: int | None, low: int, span: float) -> str:
    if depth is None:
        return " "
    return _BARS[0] if depth == 0 else _BARS[1 + round((depth - low) / span * (len(_BARS) - 2))]


def empty_in(row: QueueRow) -> str:
    """When a queue will be empty: `empty` by now, a time, `never`, `steady`, or a dash."""
    if row.empty_in_s == 0:
        return "empty"
    if row.empty_in_s is not None and math.isinf(row.empty_in_s):
        return "never"
    if row.empty_in_s is None and row.rates.out_per_s is not None and row.depth:
        return "steady"
    return duration(row.empty_in_s)


def failed_label(fleet: FleetRows | None) -> str:
    """What a column of failures by queue or group is called: of long lists only the newest failures
    are read, and no figure is a total. So short that the column has room on 80 cells."""
    if fleet is None or fleet.totals.failed is None or not fleet.failures:
        return "failed"
    read = len(fleet.failures)
    if read >= fleet.totals.failed:
        return "failed"
    return f"newest {read}" if read < 1_000 else "newest"


def queue_failed(row: QueueRow) -> str:
    """How many of a queue's jobs failed: exact, at least so many (`7+`), or unknown."""
    if row.failed_is_all:
        return number(row.failed)
    # None of those that were read failed: older ones may have.
    return f"{number(row.failed)}+" if row.failed else NOTHING


def queue_state(row: QueueRow) -> str:
    """What is wrong with a queue, the worst first, and what is unknown; empty when nothing is."""
    if row.members:
        return _folded_state(row)
    wrong: list[str] = []
    if row.others:
        wrong.append(row.others)
    if row.problem is not None:
        wrong.append(safe(row.problem))
    # Before "no workers": what was done on purpose explains the rest.
    if row.is_paused:
        wrong.append(f"paused{_draining(row)}")
    if row.is_paused is None:
        wrong.append("pause unknown")
    if row.is_unserved:
        wrong.append("no workers")
    if row.unreadable is None:
        wrong.append("unreadable unknown")
    elif row.unreadable:
        wrong.append(f"{number(row.unreadable)} unreadable")
    if row.drops:
        wrong.append(f"fell from {number(row.drops[-1].was)}")
    return ", ".join(wrong)


def _draining(row: QueueRow) -> str:
    """How far a paused queue is: its jobs that workers still run; nothing where that is unknown."""
    if row.in_hand is None:
        return ""
    return f", draining {number(row.in_hand)}" if row.in_hand else ", drained"


def _folded_state(row: QueueRow) -> str:
    """What is wrong with folded queues, and with how many."""
    counts = (
        ("paused", sum(each.is_paused is True for each in row.members)),
        ("pause unknown", sum(each.is_paused is None for each in row.members)),
        ("without workers", sum(each.is_unserved for each in row.members)),
        ("unreadable", sum(bool(each.unreadable) for each in row.members)),
    )
    wrong = [f"{number(many)} {word}" for word, many in counts if many]
    return ", ".join([counted(len(row.members), "queue"), *wrong])


def queue_subject(row: QueueRow, system: str = "") -> Subject:
    """A queue as filters see it; `system` is what its system is called where there is one."""
    state = queue_state(row)
    if row.is_unserved or any(each.is_unserved for each in row.members):
        # What filters called it before, so that saved ones still match.
        state += ", unserved"
    return Subject(
        queue=row.name,
        words=(state,),
        system=row.system or system or None,
        state=state,
        waiting=row.depth,
        workers=row.serving,
        running=row.in_hand,
    )


def worker_state(row: WorkerRow) -> str:
    """What a worker does, or what became of the signal that was sent to it last."""
    facts = row.process.facts
    return row.condition if facts is None or facts.signal is None else facts.signal


def worker_job(row: WorkerRow) -> str:
    """What a worker runs, in one line, the job that it has run longest; empty when it is idle. Of
    one that is gone, what it ran when it was last seen."""
    facts = row.process.facts
    if row.jobs is None and facts is not None and facts.last_jobs is not None:
        return f"ran {_job_of(facts.last_jobs[0], facts.last_jobs)}" if facts.last_jobs else ""
    if row.jobs is None:
        problem = safe(row.process.problem or "")
        # That it is gone is known.
        return problem if row.process.is_gone else f"unknown: {problem}"
    return "" if row.job is None else _job_of(row.job, row.jobs)


def _job_of(held: RunningJob, jobs: Sequence[RunningJob]) -> str:
    return running_job(held) + _more_jobs(jobs)


def running_job(held: RunningJob) -> str:
    """A job that runs, in one line; or why it cannot be read."""
    if held.problem is not None and held.class_name is not None:
        return f"{safe(held.class_name)}: {safe(held.problem)}"
    if held.problem is not None:
        return f"unreadable: {safe(held.problem)}"
    return job(held.class_name, held.args)


def more_jobs(row: WorkerRow) -> str:
    """How many jobs a worker runs besides the one that is named; empty when it is the only one."""
    return _more_jobs(row.jobs or ())


def _more_jobs(jobs: Sequence[RunningJob]) -> str:
    return f" and {len(jobs) - 1:,} more" if len(jobs) > 1 else ""


def busy(row: WorkerRow) -> str:
    """How many threads of a process run a job, by its own count, of how many: `3/5`."""
    facts, threads = row.process.facts, row.process.threads
    if facts is None or facts.is_gone:
        return NOTHING
    return f"{partly(facts.busy)}/{partly(threads)}"


def version(row: WorkerRow) -> str:
    """The version of its system, with a star where it leads the others."""
    facts = row.process.facts
    if facts is None or facts.version is None:
        return NOTHING
    return safe(facts.version) + ("*" if facts.is_leader else "")


def memory_bytes(row: WorkerRow) -> int | None:
    return None if row.process.facts is None else row.process.facts.rss_bytes


def mib(size_bytes: int | None) -> str:
    return NOTHING if size_bytes is None else f"{max(1, round(size_bytes / 2**20)):,} MiB"


def round_trip_us(row: WorkerRow) -> int | None:
    return None if row.process.facts is None else row.process.facts.round_trip_us


def microseconds(length_us: float | None) -> str:
    """A length of time below a second."""
    if length_us is None:
        return NOTHING
    return f"{length_us:,.0f} us" if length_us < 1_000 else f"{length_us / 1_000:,.0f} ms"


def tag(row: WorkerRow) -> str:
    """What a process is called besides, with its labels."""
    facts = row.process.facts
    if facts is None:
        return ""
    return safe(" ".join(filter(None, (facts.tag, *facts.labels))))


def worker_elapsed(row: WorkerRow) -> str:
    """How long a worker has had its job; empty when it is idle."""
    return "" if row.process.is_busy is False else duration(row.elapsed_s)


def heartbeat(row: WorkerRow, written: Callable[[float | None], str] = duration) -> str:
    """How old its last heartbeat is, `written` so, or why that is not known."""
    process = row.process
    if process.has_beat is None:
        return NOT_READ
    if not process.has_beat:
        return "never"
    age_s = row.beat_age_s
    if age_s is not None and age_s < -60:
        return "ahead"
    return written(age_s)


def worker_place(row: WorkerRow) -> str:
    """Where a worker runs: host and process id, or its whole id when it has another shape."""
    process = row.process
    if process.host is None:
        return safe(process.id) or "(no id)"
    return f"{safe(process.host)}:{process.pid}"


def worker_queues(row: WorkerRow) -> str:
    return safe(",".join(row.process.listed))


def failed_at(row: JobRow) -> str:
    """The local time at which a job failed; of one that is older than a day, the date."""
    moment = row.job.failed_at
    if moment is None:
        return NOTHING
    shape = "%H:%M:%S" if row.age_s is not None and row.age_s < 86_400 else "%Y-%m-%d"
    return moment.astimezone().strftime(shape)


def class_of(job: Job) -> str:
    """The class of a job; of one too large to be read whole, if its beginning tells."""
    if job.item.is_cut and job.class_name is None:
        return "(large)"
    if job.problem is not None and not job.item.is_cut:
        return "unreadable"
    return job_class(job.class_name, job.args)


def args_of(job: Job) -> str:
    """The beginning of a job's arguments; nothing where they cannot be read."""
    if job.problem is not None or job.args is None:
        return ""
    return short_json(job.unwrapped[1])


def args_or_bytes(job: Job) -> str:
    """The beginning of a job's arguments, of its bytes when it is too large to be read whole, or
    why it cannot be read."""
    if job.problem is None:
        return short_json(job.unwrapped[1])
    return safe(job.item.raw[:_SHOWN_BYTES] if job.item.is_cut else job.problem)


def error_of(job: Job) -> str:
    """The first line of an error that says anything, or why the entry cannot be read."""
    if job.problem is not None and job.error is None:
        return safe(job.problem)
    # No more than can be shown: an error may be a whole page.
    lines = (job.error or "")[:2_000].strip().split("\n", 1)
    return safe(lines[0])
