"""How the entries of Resque's lists are written, for tests on their bytes. What is said here of an
attribute of a subject is what `of_job` makes of the jobs of `job_reader`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from qtop.model.job import JobSource
from qtop.model.layout import Layout, Member
from qtop.search.fields import Subject
from queuecore import times
from queuecore.active_job import WRAPPERS, WRAPPERS_SHARE, unwrapped
from resque.codec import Payload, decode, decode_payload
from resque.store.failures import as_text, raised

#: What pyres writes for an exception, whose name and message are then elsewhere.
_OF_PYRES: Final = "type"
#: A time as Ruby writes it.
_AS_RUBY: Final = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:[0-5]\d UTC", re.ASCII)
_SECONDS: Final = {f"{number:02}": timedelta(seconds=number) for number in range(60)}
_MOST_MINUTES: Final = 10_000
_NO_FAILURE: Final = dict.fromkeys(
    ("exception", "error", "worker", "age_s", "failed_at_s", "is_retried")
)
_NEVER_DUE: Final = dict.fromkeys(("due_s", "due_at_s"))


def layout_of(source: JobSource, now: datetime) -> Layout:
    """The layout of a list. `now` is the server's clock."""
    if source.kind == "failed":
        return _failures(now)
    class_name = Member("class", partial(_unless, WRAPPERS, _name))
    members = {"class_name": class_name, "args": _ARGS}
    if source.kind == "delayed":
        members["queue"] = Member("queue", _name)
        return Layout(members, _object, _delayed, _NO_FAILURE)
    known = {**_NO_FAILURE, "queue": source.name, **_NEVER_DUE, "at_s": None}
    return Layout(members, _payload, partial(_waiting, source.name), known)


def _failures(now: datetime) -> Layout:
    minutes: dict[str, timedelta | None] = {}

    def age(written: Any) -> timedelta | None:
        failed_at = times.parse(written)
        return None if failed_at is None else now - failed_at

    def age_s(written: Any) -> float | None:
        if not isinstance(written, str) or not _AS_RUBY.fullmatch(written):
            found = age(written)
            return None if found is None else found.total_seconds()
        # Most fail in the same minute as others.
        minute = written[:17]
        if minute not in minutes:
            if len(minutes) == _MOST_MINUTES:
                minutes.clear()
            minutes[minute] = age(f"{minute}00 UTC")
        found = minutes[minute]
        return None if found is None else (found - _SECONDS[written[17:19]]).total_seconds()

    failed_at = Member("failed_at", _seconds_at())
    members = {
        "class_name": Member("class", partial(_unless, WRAPPERS, as_text)),
        "args": _ARGS,
        "exception": Member("exception", partial(_unless, {_OF_PYRES}, as_text)),
        "error": Member("error", as_text, unless=f'"{_OF_PYRES}"'),
        "queue": Member("queue", as_text),
        "worker": Member("worker", as_text),
        "age_s": Member("failed_at", age_s),
        "failed_at_s": failed_at,
        "at_s": failed_at,
        "is_retried": Member("retried_at", lambda value: value is not None),
    }
    return Layout(members, _object, _failed, _NEVER_DUE)


def _seconds_at() -> Callable[[Any], float | None]:
    """Reads times, in seconds since the epoch."""
    minutes: dict[str, float] = {}

    def at_s(written: Any) -> float | None:
        if not isinstance(written, str) or not _AS_RUBY.fullmatch(written):
            found = times.parse(written)
            return None if found is None else found.timestamp()
        minute = written[:17]
        if minute not in minutes:
            moment = times.parse(f"{minute}00 UTC")
            if moment is None:
                return None
            if len(minutes) == _MOST_MINUTES:
                minutes.clear()
            minutes[minute] = moment.timestamp()
        return minutes[minute] + int(written[17:19])

    return at_s


_ARGS: Final = Member("args", lambda value: value, unless=WRAPPERS_SHARE)


def _unless(hidden: Collection[str], made: Any, value: Any) -> Any:
    if isinstance(value, str) and value in hidden:
        raise ValueError("it is made of other members, too")
    return made(value)


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _failed(value: dict[str, Any]) -> Subject:
    payload = value.get("payload")
    job = payload if isinstance(payload, dict) else {}
    return Subject(
        *unwrapped(as_text(job.get("class")), job.get("args")),
        *raised(value),
        *(as_text(value.get("queue")), as_text(value.get("worker"))),
        is_retried=value.get("retried_at") is not None,
    )


def _payload(raw: bytes) -> Payload | None:
    read = decode_payload(raw)
    return read if isinstance(read, Payload) else None


def _waiting(queue: str, read: Payload) -> Subject:
    name, args = unwrapped(read.class_name, read.args)
    return Subject(name, args, queue=queue)


def _delayed(value: dict[str, Any]) -> Subject:
    name, args = unwrapped(_name(value.get("class")), value.get("args"))
    return Subject(name, args, queue=_name(value.get("queue")))


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        value = decode(raw)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
