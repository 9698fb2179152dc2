"""Recurring jobs, as plug-ins keep them: sidekiq-cron, in all its spellings, and sidekiq-scheduler.
They are read, never written. Enterprise's periodic jobs are not readable; `plugins` says whether
there are any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Literal

from queuecore import times, windows
from queuecore.codec import decode
from queuecore.exchange import Arg, Exchange, Reply, Steps
from queuecore.keys import name_text
from queuecore.read_cache import batches, problem_of, rows
from queuecore.values import value
from sidekiq.codec import read_info
from sidekiq.errors import StoreError
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script

_HASHES = load_script("hashes")

#: So many of each plug-in are read, and of each value so many bytes.
MOST: Final = 2_000
_VALUE_BYTES: Final = 16_384
_LIMITS: Final[list[Arg]] = [MOST, _VALUE_BYTES]
#: Hashes of one script.
_AT_ONCE: Final = 50
#: How sidekiq-scheduler says when something fires, besides `cron`.
_TIMINGS: Final = ("cron", "every", "interval", "at", "in")
_TIMES: Final[tuple[Literal["states", "next_times", "last_times"], ...]] = (
    *("states", "next_times", "last_times"),
)

RecurringSource = Literal["sidekiq-cron", "sidekiq-scheduler"]


@value
class RecurringJob:
    """A recurring job as a plug-in keeps it. What is missing, or cannot be read, is None.

    Attributes:
        group: Its namespace in sidekiq-cron, 2.0 and later.
        expression: When it fires, as it is configured: a cron line, or `every 5m`.
        is_on: Whether it fires.
        last_at: When it last fired.
        next_at: When it fires next, where the plug-in keeps that.
        problem: Why something cannot be read.
    """

    source: RecurringSource
    name: str
    group: str | None = None
    expression: str | None = None
    class_name: str | None = None
    queue: str | None = None
    args: Any = None
    is_on: bool | None = None
    last_at: datetime | None = None
    next_at: datetime | None = None
    description: str | None = None
    problem: str | None = None


@value
class RecurringJobs:
    """All that were read, by name, and why some are missing, by what that is in words."""

    jobs: tuple[RecurringJob, ...]
    problems: Mapping[str, str]


def read(keys: SidekiqKeys, *, groups: Sequence[str] = ("default",)) -> Steps[RecurringJobs]:
    """The recurring jobs; `groups` are namespaces of sidekiq-cron, see `find_groups`. At most 2,000
    of each plug-in. Two round trips, O(jobs). Raises StoreError when the server does not answer;
    what is refused singly is in `problems`."""
    problems: dict[str, str] = {}
    sets: list[str | None] = [None, *dict.fromkeys(groups)]
    first: list[Reply] = yield _first_look(keys, sets)
    members = _members(sets, first[: len(sets)], problems)
    is_schedulers = _is_schedulers(first[len(sets) :])
    names = [keys.member_key(member) for _, member in members]
    scheduler = [keys.schedules(), *map(keys.schedule_times, _TIMES)] if is_schedulers else []
    calls = tuple(_HASHES.call(part, _LIMITS) for part in batches(names, _AT_ONCE))
    others = tuple(_HASHES.call([name], _LIMITS) for name in scheduler)
    second: list[Reply] = []
    if calls or others:
        second = yield Exchange((*calls, *others), list, tolerant=True)
    hashes = rows(iter(second), calls, len(names), _AT_ONCE)
    found = [
        _of_cron(group, member, reply)
        for (group, member), reply in zip(members, hashes, strict=True)
    ]
    if is_schedulers:
        found += _of_scheduler(rows(iter(second[len(calls) :]), others, 4, 1), problems)
    return RecurringJobs(tuple(sorted(found, key=lambda each: each.name)), problems)


def find_groups(keys: SidekiqKeys) -> Steps[tuple[tuple[str, ...], bool]]:
    """The namespaces of sidekiq-cron, and whether all keys of the database were looked at. Costs as
    `windows.find_keys`."""
    pattern = windows.pattern_of(keys.cron_jobs(""))
    found, is_complete = yield from windows.find_keys(pattern, lambda _: True)
    groups = {group for key in found if (group := keys.cron_group_of(key)) is not None}
    return tuple(sorted(groups)[:MOST]), is_complete


def _first_look(keys: SidekiqKeys, sets: Sequence[str | None]) -> Exchange[list[Reply]]:
    return Exchange(
        (
            *(("SRANDMEMBER", keys.cron_jobs(group), MOST + 1) for group in sets),
            ("TYPE", keys.schedules_changed()),
            *(("EXISTS", keys.schedule_times(what)) for what in _TIMES),
        ),
        list,
        tolerant=True,
    )


def _members(
    sets: Sequence[str | None], replies: Sequence[Reply], problems: dict[str, str]
) -> list[tuple[str | None, bytes]]:
    """The keys of sidekiq-cron's jobs, each with its group."""
    found: list[tuple[str | None, bytes]] = []
    for group, reply in zip(sets, replies, strict=True):
        if isinstance(reply, StoreError):
            problems["sidekiq-cron"] = str(reply)
        else:
            found += ((group, member) for member in reply)
    if len(found) > MOST:
        problems["sidekiq-cron"] = f"only {MOST:,} of its jobs were read"
    return sorted(found, key=lambda each: each[1])[:MOST]


def _is_schedulers(replies: Sequence[Reply]) -> bool:
    """Whether `schedules` is sidekiq-scheduler's: Resque's scheduler has a hash of that name."""
    kind, *others = replies
    return kind == b"zset" or any(reply == 1 for reply in others)


def _of_cron(group: str | None, member: bytes, reply: Any) -> RecurringJob:
    name = name_text(member).rpartition(":")[2]
    if problem := _problem(reply):
        return RecurringJob("sidekiq-cron", name, group, problem=problem)
    told = _texts(reply)
    message = read_info(_bytes(reply, b"message"))
    status = told.get("status")
    return RecurringJob(
        source="sidekiq-cron",
        name=told.get("name", name),
        group=told.get("namespace", group),
        expression=told.get("cron"),
        class_name=told.get("klass"),
        queue=_text(message.get("queue")),
        args=_args(_bytes(reply, b"args")),
        is_on=None if status is None else status == "enabled",
        last_at=times.parse(told.get("last_enqueue_time")),
        description=told.get("description"),
    )


def _problem(reply: Any) -> str | None:
    if isinstance(reply, bytes | StoreError):
        return problem_of(reply)
    if isinstance(reply, int):
        return f"it has {reply:,} fields, too many to read"
    return None if reply else "its definition is gone"


def _of_scheduler(replies: Sequence[Any], problems: dict[str, str]) -> Iterator[RecurringJob]:
    definitions, *others = replies
    if isinstance(definitions, list):
        states, next_times, last_times = (
            _texts(each) if isinstance(each, list) else {} for each in others
        )
        for field, raw in zip(definitions[::2], definitions[1::2], strict=True):
            name = name_text(field)
            at = times.parse(next_times.get(name)), times.parse(last_times.get(name))
            yield _scheduled(name, raw, states.get(name), *at)
    elif (problem := _problem(definitions)) is not None:
        problems["sidekiq-scheduler"] = problem


def _scheduled(
    name: str, raw: Any, state: str | None, next_at: datetime | None, last_at: datetime | None
) -> RecurringJob:
    told = read_info(raw if isinstance(raw, bytes) else None)
    is_on = read_info(None if state is None else state.encode("utf-8", "surrogateescape")).get(
        "enabled", told.get("enabled", True)
    )
    return RecurringJob(
        source="sidekiq-scheduler",
        name=name,
        expression=_timing(told),
        class_name=_text(told.get("class")),
        queue=_text(told.get("queue")),
        args=told.get("args"),
        is_on=is_on if told and isinstance(is_on, bool) else None,
        last_at=last_at,
        next_at=next_at,
        description=_text(told.get("description")),
        problem=None if told else "its definition cannot be read",
    )


def _timing(told: Mapping[str, Any]) -> str | None:
    """A timing is a text, or a list of one and its options."""
    for kind in _TIMINGS:
        timing = told.get(kind)
        if isinstance(timing, list) and timing:
            timing = timing[0]
        if isinstance(timing, str):
            return timing if kind == "cron" else f"{kind} {timing}"
    return None


def _args(raw: bytes | None) -> Any:
    """Arguments in JSON; what is no JSON is one argument, as sidekiq-cron takes it."""
    if raw is None:
        return None
    with suppress(ValueError):
        return decode(raw)
    return [name_text(raw)]


def _bytes(reply: Sequence[Any], field: bytes) -> bytes | None:
    found = dict(zip(reply[::2], reply[1::2], strict=True)).get(field)
    return found if isinstance(found, bytes) else None


def _texts(reply: Sequence[Any]) -> dict[str, str]:
    """The fields of a hash that are not too long."""
    pairs = zip(reply[::2], reply[1::2], strict=True)
    return {name_text(f): name_text(raw) for f, raw in pairs if isinstance(raw, bytes)}


def _text(told: Any) -> str | None:
    return told if isinstance(told, str) else None
