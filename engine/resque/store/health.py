"""What a console wants to know now and then, beside its snapshots: the server, the scheduler, who
paused what, and which jobs are next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from queuecore import audit, times
from queuecore.exchange import Exchange, Reply, Steps, first_error
from queuecore.health import HealthPart, SystemHealth, read_facts
from queuecore.keys import name_text
from resque.errors import Busy, StoreError
from resque.keys import Keys
from resque.store import delayed, delayed_windows, waiting_jobs

#: How many of the newest actions are looked through for pauses.
DEEDS_READ = 200


def settled(keys: Keys, found: SystemHealth) -> Steps[SystemHealth]:
    """What was found, with a `due` of a moment that has jobs: where the earliest has passed, two
    round trips find out whether it has any, some more where many have none."""
    if found.taken is None or found.due is None or found.due > found.taken.timestamp():
        return found
    try:
        due = yield from delayed_windows.first_with_jobs(keys, found.taken.timestamp())
        why = "so many past moments have no jobs that not all were looked at"
    except StoreError as error:
        due, why = None, str(error)
    if due is None:
        return replace(found, due=None, problems={**found.problems, "scheduler": why})
    return replace(found, due=due)


def take(
    keys: Keys, lock: bytes, queues: Sequence[str] = ()
) -> Exchange[tuple[SystemHealth, Mapping[str, bytes]]]:
    """Find out, also which payload is next in these queues; see `NextJobs`. What a user may not ask
    stays unknown; raises Busy when the server answers nothing for now. `lock` is the schedulers'
    master lock's key. One round trip, O(schedules' number, `DEEDS_READ` and queues)."""

    def parse(replies: list[Reply]) -> tuple[SystemHealth, Mapping[str, bytes]]:
        clock, info, config, master, left, first, schedules, entries, aside, *heads = replies
        problems: dict[HealthPart, str] = {}

        def known(part: HealthPart, *parts: Reply) -> bool:
            refused = first_error(parts)
            if isinstance(refused, Busy):
                raise refused
            if refused is not None:
                problems[part] = str(refused)
            return refused is None

        has_scheduler = known("scheduler", master, first, schedules)
        payloads = waiting_jobs.read_next(queues, heads).payloads if known("fronts", *heads) else {}
        found = SystemHealth(
            taken=None if isinstance(clock, StoreError) else times.from_server(*clock),
            facts=read_facts(info, config) if known("server", info) else None,
            master=name_text(master or b"") if has_scheduler else None,
            lock_left_s=left / 1000
            if has_scheduler and isinstance(left, int) and left >= 0
            else None,
            due=_score(first) if has_scheduler else None,
            schedules=schedules if has_scheduler else None,
            aside=aside if known("aside", aside) else None,
            audit_entries=tuple(audit.listed(entries)) if known("deeds", entries) else None,
            problems=problems,
        )
        return found, payloads

    commands = (
        ("TIME",),
        ("INFO",),
        ("CONFIG", "GET", "save"),
        ("GET", lock),
        ("PTTL", lock),
        ("ZRANGE", keys.delayed_schedule(), 0, 0, "WITHSCORES"),
        ("HLEN", keys.persistent_schedules()),
        ("XREVRANGE", keys.audit(), "+", "-", "COUNT", DEEDS_READ),
        ("LLEN", keys.unreadable(delayed.ASIDE)),
        *waiting_jobs.ask_next(keys, queues),
    )
    return Exchange(commands, parse, tolerant=True)


def _score(first: list[bytes]) -> float:
    return float(first[1]) if first else float("inf")
