"""What is found out now and then of a Sidekiq, as neutral values."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from qtop.model.fleet import Process
from qtop.model.health import (
    Finding,
    HealthReport,
    NextJob,
    Notice,
    Ownership,
    ServerInfo,
    SystemHealth,
    TimedJobs,
    UpcomingJobs,
    WaitingClasses,
    skew_s,
)
from qtop.model.job import JobSource
from qtop.systems import turned_lists
from qtop.systems.sidekiq import timed_jobs
from qtop.systems.sidekiq.job_lists import turnable
from qtop.systems.sidekiq.job_reader import names_of
from qtop.systems.sidekiq.schedules import hidden_jobs
from qtop.text.format import named
from qtop.text.safe import counted
from queuecore import audit, times, windows
from queuecore.active_job import unwrapped
from queuecore.errors import Busy, Refused, StoreError
from queuecore.exchange import Command, Exchange, Reply, Steps, first_error
from queuecore.health import HealthPart, read_facts
from queuecore.values import value
from queuecore.windows import Stretch, read_item
from sidekiq.codec import JobRecord
from sidekiq.keys import SidekiqKeys
from sidekiq.store import entry_counts, plugins, waiting_jobs
from sidekiq.store.entry_counts import SetSize
from sidekiq.store.plugins import Plugins
from sidekiq.store.processes import major, versions
from sidekiq.store.waiting_jobs import WaitingJob

#: How many of the newest actions are looked through for those that explain what is seen.
_DEEDS_READ: Final = 200
#: Of a next job so much is read.
_JOB_BYTES: Final = 8_192


@value
class Looked:
    """What one round trip found out; None where that is unknown, with the reason in `problems`."""

    system: SystemHealth
    sizes: Mapping[str, SetSize]
    jobs: Mapping[str, NextJob]
    problems: Mapping[HealthPart, str]


def look(
    keys: SidekiqKeys, queues: Sequence[str], processes: Sequence[Process] | None
) -> Steps[HealthReport]:
    """Find out what is looked at now and then, also of these queues; `processes` are those of the
    last snapshot, None where they are unknown. Five round trips, six where many retries come.
    Raises StoreError."""
    before_s = time.time()
    seen: Looked = yield _look(keys, queues)
    after_s, taken = time.time(), seen.system.taken
    there: Plugins = yield plugins.present(keys)
    timed, problems = None, seen.problems
    if taken is not None and seen.sizes:
        timed = yield from timed_jobs.look(keys, seen.sizes, taken.timestamp())
        if unread := _unread(timed):
            problems = {**problems, "scheduler": f"cannot be read: {named(unread)}"}
    order = yield from _order(keys, queues)
    return HealthReport(
        system=seen.system,
        next_jobs=seen.jobs,
        problems=problems,
        waiting=_classes(seen.jobs),
        skew_s=None if taken is None else skew_s(taken.timestamp(), before_s, after_s),
        ownership=Ownership(),
        notices=tuple(notices(processes, there)),
        timed=timed,
        order=order,
    )


def _unread(timed: TimedJobs) -> list[str]:
    """The sets that could not be read, in words."""
    parts = (
        ("scheduled jobs", timed.scheduled),
        ("retries", timed.retries),
        ("when retries come", timed.retries_ahead),
        ("dead jobs", timed.dead),
    )
    return [what for what, found in parts if found is None]


def _order(keys: SidekiqKeys, queues: Sequence[str]) -> Steps[Finding]:
    """Whether some queues are in their order; unknown where that is refused. A round trip for each
    1,000, another where one is turned."""
    try:
        sources = [JobSource("queue", name) for name in queues]
        return (yield from turned_lists.look(turnable(keys), sources))
    except Refused as error:
        return Finding("order", "UNKNOWN", f"whether lists were left turned ({error})")


def facts(keys: SidekiqKeys) -> Exchange[ServerInfo]:
    """What the server says of itself, and whether it runs scripts. One round trip, O(1)."""
    probe = windows.window(keys.undo_items("none"), 0, 0, max_bytes=0)

    def parse(replies: list[Reply]) -> ServerInfo:
        info, config, script = replies
        problem = script if isinstance(script, StoreError) else None
        if isinstance(info, StoreError):
            return ServerInfo({}, None, info, problem)
        read = read_facts(info, config)
        return ServerInfo(read.fields, read.save, None, problem)

    commands = (("INFO",), ("CONFIG", "GET", "save"), *probe.commands)
    return Exchange(commands, parse, tolerant=True)


def next_jobs(
    keys: SidekiqKeys, queues: Sequence[str], *, samples: bool = False
) -> Exchange[UpcomingJobs]:
    """Read the jobs that are next in queues, with `samples` the classes of some more. One round
    trip, O(queues)."""
    stretches = _fronts(keys, queues, _SAMPLED if samples else 1)

    def parse(replies: list[Reply]) -> UpcomingJobs:
        records, refused = _records(queues, stretches, replies)
        jobs = {queue: _next(found[0]) for queue, found in records.items() if found}
        classes = {
            queue: WaitingClasses(tuple(dict.fromkeys(_names(found))), is_sampled=samples)
            for queue, found in records.items()
        }
        return UpcomingJobs(jobs, classes, None if refused is None else str(refused))

    return Exchange(_commands(stretches), parse, tolerant=True)


_SAMPLED: Final = 50


def _look(keys: SidekiqKeys, queues: Sequence[str]) -> Exchange[Looked]:
    sizes = entry_counts.sizes(keys, ("schedule", "retry", "dead"))
    stretches = _fronts(keys, queues, 1)
    commands: tuple[Command, ...] = (
        ("TIME",),
        ("INFO",),
        ("CONFIG", "GET", "save"),
        ("XREVRANGE", keys.audit(), "+", "-", "COUNT", _DEEDS_READ),
        *sizes.commands,
        *_commands(stretches),
    )

    def parse(replies: list[Reply]) -> Looked:
        clock, info, config, deeds, ends, *fronts = replies
        problems: dict[HealthPart, str] = {}

        def known(part: HealthPart, reply: Reply) -> bool:
            refused = first_error([reply])
            if isinstance(refused, Busy):
                raise refused
            if refused is not None:
                problems[part] = str(refused)
            return refused is None

        records, refused = _records(queues, stretches, fronts)
        if refused is not None:
            problems["fronts"] = str(refused)
        # Without the time nothing of them is known to be overdue.
        known("scheduler", clock)
        found = sizes.parse([ends]) if known("scheduler", ends) else []
        by_name: dict[str, SetSize] = {each.name: each for each in found}
        system = SystemHealth(
            taken=None if isinstance(clock, StoreError) else times.from_server(*clock),
            facts=read_facts(info, config) if known("server", info) else None,
            due=_due(by_name.get("schedule")),
            audit_entries=tuple(audit.listed(deeds)) if known("deeds", deeds) else None,
            problems=problems,
        )
        jobs = {queue: _next(found[0]) for queue, found in records.items() if found}
        return Looked(system, by_name, jobs, problems)

    return Exchange(commands, parse, tolerant=True)


def _due(size: SetSize | None) -> float | None:
    if size is None or size.length is None:
        return None
    return float("inf") if size.lowest is None else float(size.lowest)


# The next jobs.


def _fronts(keys: SidekiqKeys, queues: Sequence[str], many: int) -> list[Exchange[Stretch]]:
    return [
        waiting_jobs.stretch(keys.queue(name), 0, many - 1, max_bytes=_JOB_BYTES) for name in queues
    ]


def _commands(stretches: Sequence[Exchange[Stretch]]) -> tuple[Command, ...]:
    return tuple(chain.from_iterable(each.commands for each in stretches))


def _records(
    queues: Sequence[str], stretches: Sequence[Exchange[Stretch]], replies: Sequence[Reply]
) -> tuple[dict[str, list[JobRecord]], StoreError | None]:
    """The jobs at the front of each queue, as far as they could be read, and why not all could."""
    found: dict[str, list[JobRecord]] = {}
    refused = None
    for queue, stretch, reply in zip(queues, stretches, replies, strict=True):
        if isinstance(reply, StoreError):
            refused = refused or reply
            continue
        items = map(read_item, stretch.parse([reply]).replies)
        records = (WaitingJob(item, place).record for place, item in enumerate(items))
        found[queue] = [each for each in records if each.members]
    return found, refused


def _next(record: JobRecord) -> NextJob:
    return NextJob(unwrapped(*names_of(record))[0], record.waiting_since)


def _names(records: Sequence[JobRecord]) -> Iterator[str]:
    for each in records:
        name = unwrapped(*names_of(each))[0]
        if name is not None:
            yield name


def _classes(jobs: Mapping[str, NextJob]) -> Mapping[str, WaitingClasses]:
    return {
        queue: WaitingClasses((job.class_name,) if job.class_name else (), is_sampled=False)
        for queue, job in jobs.items()
    }


# What Sidekiq itself has to say.


def notices(processes: Sequence[Process] | None, there: Plugins) -> Iterator[Notice]:
    """What the processes have in common, and what cannot be read. Pure."""
    beating = [each for each in processes or () if not each.is_gone]
    majors = Counter(found for each in beating if (found := major(each)) is not None)
    if len(majors) > 1:
        them = named(list(versions(beating)))
        yield Notice(
            *("warn", f"processes of several major versions: {them}", "versions", "workers"),
            remedy="finish the deploy: let all have the same",
            cause="a deploy is under way, or some processes were left behind by one",
            evidence=tuple(
                (f"version {number}", counted(many, "worker"))
                for number, many in sorted(majors.items())
            ),
        )
    if (hidden := hidden_jobs(there)) is not None:
        yield Notice("info", hidden, "periodic", "scheduled")
