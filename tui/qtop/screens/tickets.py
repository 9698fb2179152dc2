"""What goes into a ticket about an incident, a group of failures or one failure: figures, times and
a few samples, as lines of safe text. Pure; the caller hides secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from qtop.model.job import GroupKey, Job, JobRow
from qtop.monitor import row_text
from qtop.monitor.incidents.incident import SEVERITY_NAMES, Incident
from qtop.monitor.state import ViewState
from qtop.search.failure_groups import FailureGroup, KeyMaker, title
from qtop.search.fields import of_job
from qtop.search.filter_language import BadFilter, parse
from qtop.text import format
from qtop.text.safe import safe, safe_lines

_SAMPLES: Final = 3
_MOST_LINES: Final = 20
_MOST_CELLS: Final = 500


def incident_ticket(incident: Incident, view: ViewState) -> list[str]:
    """An incident with its cause, figures and what to do; of failures with samples."""
    text = safe(incident.sentence)
    since = format.both_times(incident.since)
    lines = [f"{SEVERITY_NAMES[incident.severity]}: {text}", *_where(view, incident.system)]
    lines.append(f"Since: {'before ' if incident.is_older else ''}{since}")
    if incident.is_over:
        lines.append("Resolved")
    if incident.cause:
        lines.append(f"Cause: {safe(incident.cause)}")
    lines += [f"- {safe(label)}: {safe(value)}" for label, value in incident.evidence]
    if incident.meaning:
        lines.append(f"Meaning: {safe(incident.meaning)}")
    for each in incident.remedies:
        command = f" ({safe(each.command)})" if each.command not in ("", each.words) else ""
        lines.append(f"To do: {safe(each.words)}{command}")
    link = incident.link
    if link is None or link.place != "failed":
        return lines
    try:
        wanted = parse(link.filter)
    except BadFilter:
        return lines
    if wanted.is_empty:
        return lines
    now = None if view.fleet is None else view.fleet.server_time
    return [*lines, *_samples(view, lambda job: wanted.matches(of_job(job, now)))]


def newest_group_ticket(key: GroupKey, number: int, view: ViewState) -> list[str]:
    """A group of failures of which only the newest were looked at."""
    lines = [_title(key), *_where(view), f"Failures: {number:,} among the newest"]
    return [*lines, *_samples(view, _in_group(key))]


def group_ticket(group: FailureGroup, view: ViewState, *, is_complete: bool) -> list[str]:
    """A group of failures with its figures and the newest samples. `is_complete` says that the
    whole list was counted."""
    queues = ", ".join(f"{safe(name)} ({count:,})" for name, count in group.queues)
    lines = [
        _title(group.fingerprint),
        *_where(view, *group.systems),
        f"Failures: {group.count:,}{'' if is_complete else ' so far'}",
        f"First: {format.both_times(group.first)}",
        f"Last: {format.both_times(group.last)}",
        f"Queues: {queues or format.NOTHING}",
    ]
    if any(group.trend):
        trend = " ".join(f"{count:,}" for count in group.trend)
        lines.append(f"By hour, the present one last: {trend}")
    if group.fingerprint.frame:
        lines.append(f"Raised in: {safe(group.fingerprint.frame)}")
    return [*lines, *_samples(view, _in_group(group.fingerprint))]


def failure_ticket(
    job: Job, view: ViewState, alike: str, redact: Callable[[str], str]
) -> list[str]:
    """One failure: its error, its job, and the beginning of its backtrace. `redact` hides secrets
    in texts of several lines."""
    lines = [
        f"{row_text.class_of(job)}: {format.optional(job.exception)}",
        *_where(view, job.system),
        *error_lines(job, redact),
        f"Failed: {format.both_times(job.failed_at)}",
        f"Queue: {format.optional(job.queue)}",
        f"Arguments: {row_text.args_of(job)}",
        f"Entry: SHA-1 {job.id}",
    ]
    if job.jid is not None:
        lines.append(f"jid: {safe(job.jid)}")
    if job.state is not None:
        lines.append(f"State: {safe(job.state)}")
    elif job.worker is not None:
        lines.append(f"Worker: {safe(job.worker)}")
    if alike:
        lines.append(f"Alike: {alike} of the same group")
    trace = redact("\n".join(job.backtrace[:_MOST_LINES]))
    if trace:
        lines.append("Backtrace:")
        lines += safe_lines(trace, max_lines=_MOST_LINES, max_width=_MOST_CELLS)
        if (more := len(job.backtrace) - _MOST_LINES) > 0:
            lines.append(f"({more:,} more)")
    return lines


def error_lines(job: Job, redact: Callable[[str], str]) -> list[str]:
    """The error of a failure alone."""
    if job.problem is not None and job.error is None:
        return [safe(job.problem)]
    text = redact(f"{job.exception or 'error'}: {job.error or ''}".strip())
    return list(safe_lines(text, max_lines=400, max_width=100_000))


def _title(key: GroupKey) -> str:
    return f"Failures: {title(key)}"


def _where(view: ViewState, *systems: str) -> Iterator[str]:
    """Which Redis this is about, and when it was read."""
    parts = [part for part in view.parts if part.label in systems or not any(systems)]
    if parts:
        for part in parts:
            yield f"System: {safe(part.label)} at {safe(part.address)}, {_space(part.namespace)}"
    else:
        yield f"System: {safe(view.address)}, {_space(view.namespace)}"
    if view.fleet is not None:
        yield f"Read: {format.both_times(view.fleet.server_time)}"


def _space(namespace: str) -> str:
    return f"namespace {safe(namespace)}" if namespace else "no namespace"


def _in_group(key: GroupKey) -> Callable[[Job], bool]:
    maker = KeyMaker()
    return lambda job: maker.key_of(job) == key


def _samples(view: ViewState, is_wanted: Callable[[Job], bool]) -> Iterator[str]:
    """A few of the newest failures that are wanted."""
    rows: Sequence[JobRow] = () if view.fleet is None else view.fleet.failures or ()
    found = _first(row.job for row in rows if is_wanted(row.job))
    if not found:
        yield "Samples: none among the newest failures"
        return
    yield "Samples, the newest first:"
    for job in found:
        moment = format.both_times(job.failed_at)
        yield f"- {moment}  {row_text.class_of(job)} {row_text.args_of(job)}"
        yield f"  {format.exception_name(job.exception)}: {row_text.error_of(job)}"
        yield f"  queue {format.optional(job.queue)}, entry {job.id}"


def _first(jobs: Iterable[Job]) -> list[Job]:
    found: list[Job] = []
    for job in jobs:
        found.append(job)
        if len(found) == _SAMPLES:
            break
    return found
