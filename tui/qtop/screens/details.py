"""The lines of the detail screens: everything that is known of one thing. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from qtop.model.fleet import ListedSchedule, ProcessFacts, RunningJob
from qtop.model.job import Job, age_at
from qtop.monitor import row_text
from qtop.monitor.rows import TROUBLED, WorkerRow
from qtop.text import backtraces, format
from qtop.text.redact import OPEN, Redactor
from qtop.text.safe import safe, safe_lines
from qtop.widgets.text_lines import TextLine
from queuecore.active_job import unwrapped

_MOST_LINES: Final = 400
_MOST_CELLS: Final = 2_000
_MOST_OF_NAME: Final = 500


def failure_lines(
    job: Job,
    payload: tuple[str, bytes] | str,
    redactor: Redactor = OPEN,
    now: datetime | None = None,
    alike: str = "",
) -> Iterator[TextLine]:
    """Everything in a failure, without what `redactor` hides: its `payload` as its list has it, its
    age at `now`, and how many are `alike`, if that is known."""
    yield TextLine(row_text.class_of(job), "title")
    if job.problem is not None:
        yield TextLine(safe(job.problem), "warn", "unreadable")
    else:
        name = job.exception
        shown = format.optional(name if name is None else name[:_MOST_OF_NAME])
        yield TextLine(shown, "strong", "exception")
        yield from _block(redactor.text(job.error or ""), "error", lines=40)
    yield TextLine(_failed(job.failed_at, now), "", "failed")
    yield from _stated(job, now)
    yield from system_lines(job.system)
    yield TextLine(format.optional(job.queue), "", "queue")
    if job.state is None:
        yield TextLine(format.optional(job.worker), "", "worker")
        yield TextLine(format.optional(job.retried_at), "", "retried")
    if job.unwrapped[0] != job.class_name:
        yield TextLine(format.optional(job.class_name), "dim", "wrapped in")
    if alike:
        yield TextLine(f"{alike} of the same group", "", "alike")
    yield TextLine(f"{job.item.size:,} bytes, SHA-1 {job.id}", "dim", "entry")
    if job.problem is None:
        yield from _arguments(job.class_name, job.args, redactor)
        yield from _heading("Backtrace")
        yield from _backtrace(job.backtrace, redactor)
    # Where an entry is the payload itself, it is shown once.
    if not job.item.is_cut and not isinstance(payload, str) and payload[1] != job.item.raw:
        yield from _raw("Payload as it is in Redis", payload[1], len(payload[1]), redactor)
    yield from _raw("Entry as it is in Redis", job.item.raw, job.item.size, redactor)


def _stated(job: Job, now: datetime | None) -> Iterator[TextLine]:
    """What only jobs of some systems have: how far they are, when they are tried again, an id."""
    if job.state is not None:
        yield TextLine(safe(job.state), "", "state")
        if job.due is not None:
            due_s = None if now is None else job.due.at - now.timestamp()
            soon = "" if due_s is None else f", {format.due_in(due_s)}"
            yield TextLine(f"{format.both_times(job.due.moment)}{soon}", "", "next try")
    yield from _id_and_tags(job)


def system_lines(system: str) -> Iterator[TextLine]:
    """The label of a place, where there are several."""
    if system:
        yield TextLine(safe(system), "", "system")


def _id_and_tags(job: Job) -> Iterator[TextLine]:
    if job.jid is not None:
        yield TextLine(safe(job.jid), "", "jid")
    if job.tags:
        yield TextLine(safe(", ".join(job.tags)), "", "tags")


def job_lines(job: Job, redactor: Redactor = OPEN) -> Iterator[TextLine]:
    """Everything in a waiting job, without what `redactor` hides."""
    if job.problem is None:
        yield TextLine(format.job_class(job.class_name, job.args), "title")
        yield from system_lines(job.system)
        yield TextLine(safe(job.queue or ""), "", "queue")
        if job.place is not None:
            yield TextLine(f"{job.place + 1:,} from the front, when opened", "", "place")
        yield from _id_and_tags(job)
        yield from _arguments(job.class_name, job.args, redactor)
        if job.extra:
            yield from _heading("Other fields")
            yield from _pretty(job.extra, redactor)
    else:
        yield TextLine("unreadable", "title")
        reason = "too large to show" if job.item.is_cut else job.problem
        yield TextLine(safe(reason), "bad", "problem")
        yield from system_lines(job.system)
        yield TextLine(safe(job.queue or ""), "", "queue")
    yield from _raw("Payload as it is in Redis", job.item.raw, job.item.size, redactor)


def worker_lines(
    row: WorkerRow,
    log: str | None,
    redactor: Redactor = OPEN,
    usual_s: Callable[[RunningJob], float | None] = lambda job: None,
    iterations: Mapping[str, str] = {},
) -> Iterator[TextLine]:
    """Everything about a worker, without what `redactor` hides; `log` is the file of one that was
    started here, `usual_s` tells how long jobs like one take, `iterations` how far those are that
    go on from a cursor, by their jids, in safe words."""
    yield TextLine(safe(row.id), "title")
    bad = "bad" if row.condition in (*TROUBLED, "unregistered") else ""
    yield TextLine(_condition(row), bad, "state")
    yield TextLine(row_text.worker_queues(row), "", "queues")
    yield TextLine(format.both_times(row.process.started), "", "started")
    if row.process.facts is None:
        yield TextLine(format.number(row.process.processed), "", "processed")
        yield TextLine(format.number(row.process.failed), "", "failed")
    else:
        yield from _facts(row, row.process.facts)
    if log is not None:
        yield TextLine(safe(log), "", "log")
    last_jobs = None if row.process.facts is None else row.process.facts.last_jobs
    if row.jobs is None and last_jobs is not None:
        yield from _last(last_jobs, row.now, redactor)
    elif row.jobs is None:
        yield from _heading("Running job")
        yield TextLine(f"unknown: {safe(row.process.problem or '')}", "bad", "problem")
    for job in row.jobs or ():
        far = iterations.get(job.jid or "", "")
        yield from _running(job, age_at(row.now, job.since), usual_s(job), redactor, far=far)


def _facts(row: WorkerRow, facts: ProcessFacts) -> Iterator[TextLine]:
    """What a process with threads tells about itself."""
    said = "" if facts.says_version or facts.version is None else " (not reported)"
    yield TextLine(f"{row_text.version(row)}{said}", "", "version")
    yield TextLine(row_text.busy(row), "", "busy")
    yield TextLine(row_text.mib(facts.rss_bytes), "", "memory")
    yield TextLine(row_text.microseconds(facts.round_trip_us), "", "round trip")
    if shown := row_text.tag(row):
        yield TextLine(shown, "", "tag")
    flags = {"leader": facts.is_leader, "embedded": facts.is_embedded}
    if words := ", ".join(word for word, is_so in flags.items() if is_so):
        yield TextLine(words, "", "it")
    for part in facts.capsules:
        named = ((safe(name), f" {weight:,}" if weight else "") for name, weight in part.weights)
        weights = ", ".join(map("".join, named))
        threads = "" if part.threads is None else f"{part.threads:,} threads, "
        mode = "" if part.mode is None else f"{safe(part.mode)}: "
        yield TextLine(f"{threads}{mode}{weights}", "", safe(part.name or "part")[:11])


def _last(jobs: Sequence[RunningJob], now: datetime, redactor: Redactor) -> Iterator[TextLine]:
    """What a process that is gone ran when it was last seen."""
    if not jobs:
        yield TextLine("none at its last heartbeat", "", "jobs")
    for job in jobs:
        yield from _running(
            job, age_at(now, job.since), None, redactor, "Job at its last heartbeat"
        )


def _running(
    job: RunningJob,
    elapsed_s: float | None,
    usual_s: float | None,
    redactor: Redactor,
    title: str = "Running job",
    far: str = "",
) -> Iterator[TextLine]:
    yield from _heading(title)
    yield TextLine(format.job_class(job.class_name, job.args), "", "class")
    yield TextLine(format.optional(job.queue), "", "queue")
    if job.thread is not None:
        yield TextLine(safe(job.thread), "", "thread")
    if job.jid is not None:
        yield TextLine(safe(job.jid), "", "jid")
    yield TextLine(format.both_times(job.since), "", "since")
    usual = "" if usual_s is None else f"; p95 {format.duration(max(1.0, usual_s))}"
    yield TextLine(f"{format.duration(elapsed_s)}{usual}", "", "for")
    if far:
        yield TextLine(far, "", "iteration")
    if job.problem is not None:
        yield TextLine(safe(job.problem), "bad", "problem")
    yield from _arguments(job.class_name, job.args, redactor)
    yield from _raw("Record as it is in Redis", job.raw, len(job.raw), redactor)


def delayed_lines(job: Job, due_s: float, redactor: Redactor = OPEN) -> Iterator[TextLine]:
    """Everything in a delayed job, which is due in so many seconds, without what `redactor`
    hides."""
    due = job.due
    title = "unreadable" if job.problem else format.job_class(job.unwrapped[0], None)
    yield TextLine(title, "title")
    if job.problem is not None:
        yield TextLine(safe(job.problem), "bad", "problem")
    if due is None:
        return
    at = format.both_times(due.moment)
    yield TextLine(f"{at}, {format.due_in(due_s)}", "warn" if due_s < 0 else "", "due")
    if due.stamp not in (f"{due.at:.0f}", repr(due.at)):
        yield TextLine(f"{safe(due.stamp)} (no plain moment)", "warn", "stamp")
    yield from system_lines(job.system)
    if job.ref is None:
        return
    yield TextLine(format.optional(job.queue), "", "queue")
    if job.place is not None:
        place = f"{job.place + 1:,} of the {due.jobs:,} due at that time, when listed"
        yield TextLine(place, "", "place")
    yield from _id_and_tags(job)
    yield TextLine(f"{job.item.size:,} bytes, SHA-1 {job.id}", "dim", "job")
    if job.problem is None:
        yield from _arguments(job.class_name, job.args, redactor)
    yield from _raw("Job as it is in Redis", job.item.raw, job.item.size, redactor)


def schedule_lines(
    row: ListedSchedule, firings: Sequence[datetime], now: datetime, redactor: Redactor
) -> Iterator[TextLine]:
    """Everything about a schedule and its next `firings`."""
    yield TextLine(safe(row.name), "title")
    if row.problem is not None:
        yield TextLine(safe(row.problem), "warn", "not used" if row.is_usable else "unusable")
    kept = {
        "persistent": "in Redis, as a persistent schedule",
        "file": "in the file of the scheduler at work",
        "unknown": "not in Redis: in an unknown file, or gone",
    }
    yield from system_lines(row.system)
    yield TextLine(kept.get(row.source, f"in Redis, of {row.source}"), "", "source")
    yield TextLine(format.both_times(row.last_at) if row.last_at else "never", "", "last queued")
    if row.timing is not None:
        yield TextLine(safe(row.timing), "", "when")
        yield TextLine(safe(row.class_name or ""), "", "class")
        yield TextLine(format.optional(row.queue), "", "queue")
        if row.description:
            yield TextLine(safe(row.description), "", "about")
        if row.environments is not None:
            only_in = ", ".join(sorted(row.environments)) or "none: it is blank"
            yield TextLine(safe(only_in), "", "only in")
        yield from _heading("Next runs")
        if row.zone is not None:
            reckoned = (
                f"calculated in {safe(row.zone)}; it names no time zone, the scheduler's may differ"
            )
            yield TextLine(reckoned, "dim", " ")
        for at in firings:
            ahead_s = (at - now).total_seconds()
            yield TextLine(f"{format.both_times(at)}, {format.due_in(ahead_s)}", "", " ")
        if not firings:
            why = ": an interval starts with its scheduler" if row.source in kept else ""
            yield TextLine(f"unknown{why}", "dim", " ")
        yield from _arguments(None, row.args, redactor)
    if row.item is not None:
        yield from _raw("Definition as it is in Redis", row.item.raw, row.item.size, redactor)


def _condition(row: WorkerRow) -> str:
    if row.process.is_gone:
        return f"gone: {row.process.problem}"
    if row.process.has_beat is None:
        return "unknown: the heartbeats could not be read"
    if row.process.facts is not None and row.process.facts.signal is not None:
        return f"{row_text.worker_state(row)}; {row.condition}"
    beat = row_text.heartbeat(row)
    last = f"last heartbeat {beat} ago"
    if row.process.beat_at is None:
        last = "its last heartbeat cannot be read"
    elif beat == "ahead":
        last = "its last heartbeat is ahead of the server's clock"
    states = {
        "dead?": f"dead? {last}; pruning moves its job to Failed",
        "unregistered": "unregistered: it holds a job and is not registered; it may be dead",
        "silent": f"silent: {last}; expected once a minute",
        "quiet": f"quiet: it takes no more jobs; {last}",
        "no heartbeat": "no heartbeat ever: another implementation or an old version",
    }
    return states.get(row.condition, f"{row.condition}; {last}")


def _failed(moment: datetime | None, now: datetime | None) -> str:
    age_s = None if moment is None or now is None else (now - moment).total_seconds()
    ago = "" if age_s is None or age_s < 0 else f", {format.duration(age_s)} ago"
    return f"{format.both_times(moment)}{ago}"


def _heading(title: str) -> Iterator[TextLine]:
    yield TextLine("")
    yield TextLine(title, "title")


def _block(
    text: str | bytes,
    label: str = " ",
    tone: str = "",
    lines: int = _MOST_LINES,
    cells: int = _MOST_CELLS,
) -> Iterator[TextLine]:
    """The lines of a text, as many as may be shown; the first one has the label."""
    for number, line in enumerate(safe_lines(text, max_lines=lines, max_width=cells)):
        yield TextLine(line, tone, " " if number else label)


def _arguments(class_name: str | None, args: Any, redactor: Redactor) -> Iterator[TextLine]:
    yield from _heading("Arguments")
    yield from _pretty(unwrapped(class_name, args)[1], redactor)


def _pretty(value: Any, redactor: Redactor) -> Iterator[TextLine]:
    value = redactor.value(value)
    try:
        text = json.dumps(value, ensure_ascii=False, indent=2)
    except (ValueError, TypeError, RecursionError):
        text = format.short_json(value)
    yield from _block(text)


def _backtrace(lines: tuple[str, ...], redactor: Redactor) -> Iterator[TextLine]:
    if not lines:
        yield TextLine("none recorded", "dim", " ")
    text = redactor.text("\n".join(lines))
    for line in safe_lines(text, max_lines=_MOST_LINES, max_width=_MOST_CELLS):
        yield TextLine(line, "", " ", backtraces.tones(line))


def _raw(title: str, raw: bytes, size: int, redactor: Redactor) -> Iterator[TextLine]:
    cut = f", the first {len(raw):,} of them" if len(raw) < size else ""
    yield from _heading(f"{title}: {size:,} bytes{cut}")
    yield from _block(redactor.raw(raw), tone="dim", cells=_MOST_CELLS * 10)
