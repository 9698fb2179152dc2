"""How the entries of Sidekiq's lists are written, for tests on their bytes. What is said here of an
attribute of a subject is what `of_job` makes of the jobs of `job_reader`."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any, Final

from qtop.model.job import JobSource
from qtop.model.layout import Layout, Member
from qtop.search.fields import Subject
from qtop.systems.sidekiq.job_reader import names_of
from queuecore.active_job import WRAPPERS, WRAPPERS_SHARE, unwrapped
from sidekiq.codec import JobRecord, moment_of, read_job

_NO_FAILURE: Final = dict.fromkeys(
    ("exception", "error", "worker", "age_s", "failed_at_s", "is_retried")
)
#: Lists of failures that are not tried again by themselves.
_NEVER_DUE: Final = ("dead", "copies")
_TIMES_DUE: Final = ("due_s", "due_at_s")
#: ActiveJob writes the job's own class there.
_WRAPPED: Final = '"wrapped"'


def layout_of(source: JobSource, now: datetime) -> Layout:
    """The layout of a list. `now` is the server's clock."""
    members = {
        "class_name": Member("class", _class, unless=_WRAPPED),
        "args": Member("args", lambda value: value, unless=WRAPPERS_SHARE),
        "jid": Member("jid", _text),
    }
    if source.kind == "queue":
        known = {**_NO_FAILURE, "queue": source.name, **dict.fromkeys(_TIMES_DUE), "at_s": None}
        return Layout(members, _record, partial(_subject, queue=source.name), known)
    members["queue"] = Member("queue", _text)
    if source.kind == "delayed":
        return Layout(members, _record, _subject, _NO_FAILURE)
    members["exception"] = Member("error_class", _text)
    members["error"] = Member("error_message", _text)
    if source.name == "retry":
        # Of others the score tells it, too.
        members["age_s"] = Member("failed_at", partial(_age_s, now), unless='"retried_at"')
    same = ("worker", *_TIMES_DUE) if source.name in _NEVER_DUE else ("worker",)
    return Layout(members, _record, partial(_subject, is_failed=True), dict.fromkeys(same))


def _class(written: Any) -> str | None:
    if isinstance(written, str) and written in WRAPPERS:
        raise ValueError("it is made of other members, too")
    return _text(written)


def _text(written: Any) -> str | None:
    return written if isinstance(written, str) else None


def _age_s(now: datetime, written: Any) -> float | None:
    failed_at = moment_of(written)
    return None if failed_at is None else (now - failed_at).total_seconds()


def _record(raw: bytes) -> JobRecord | None:
    record = read_job(raw)
    return record if record.problem is None else None


def _subject(record: JobRecord, queue: str | None = None, *, is_failed: bool = False) -> Subject:
    name, args = unwrapped(*names_of(record))
    queue = record.queue if queue is None else queue
    jid, tags = record.jid, record.tags
    words = tags if jid is None else (jid, *tags)
    if not is_failed:
        return Subject(name, args, queue=queue, words=words, jid=jid, tags=tags)
    failure = record.text("error_class"), record.text("error_message")
    return Subject(name, args, *failure, queue, is_retried=False, words=words, jid=jid, tags=tags)
