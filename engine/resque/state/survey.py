"""What a console wants to know now and then, beside its looks: the server's health, the scheduler,
who paused what, and which jobs are next. One round trip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from resque.errors import StoreError
from resque.state import audit, delayed, fronts, inspection, ownership
from resque.state.audit import Deed
from resque.state.inspection import Facts
from resque.state.ownership import Ownership
from resque.wire import times
from resque.wire.exchange import Exchange, Reply, Steps
from resque.wire.keys import Keys, name_text

Part = Literal["server", "scheduler", "deeds"]

#: How many of the newest actions are looked through for pauses.
DEEDS_READ = 200


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found. None means unknown, and `problems` says why, by part.

    Attributes:
        taken: By the server's clock.
        facts: What the server tells about itself.
        master: The scheduler that is at work; empty when none is.
        due: The earliest moment until which a job is delayed; infinite when none is.
        schedules: How many recurring schedules there are.
        aside: How many delayed jobs were set aside because they could not be moved to a queue.
        deeds: The newest actions on record, newest first, without their counts.
        fronts: The payload that is next, of the queues that were asked for; see `fronts.take`.
        ownership: Whose the keys of the namespace are; None when it was not looked at.
        skew_s: How far the server's clock is ahead of this machine's, as whoever asked measured it.
    """

    taken: datetime | None = None
    facts: Facts | None = None
    master: str | None = None
    due: float | None = None
    schedules: int | None = None
    aside: int | None = None
    deeds: tuple[Deed, ...] | None = None
    fronts: Mapping[str, bytes] = field(default_factory=dict)
    problems: Mapping[Part, str] = field(default_factory=dict)
    skew_s: float | None = None
    ownership: Ownership | None = None


def failed(why: str) -> Survey:
    """The survey of a server that told nothing."""
    return Survey(problems={"server": why, "scheduler": why, "deeds": why})


def look(keys: Keys, lock: bytes, queues: Sequence[str] = (), *, now: datetime) -> Steps[Survey]:
    """As `take`, and whose the keys are, by these queues, or, without any, by those that are
    registered; see `ownership.look`. Three round trips."""
    found: Survey = yield take(keys, lock, queues)
    whose = yield from ownership.look(keys, queues or None, now=now)
    return replace(found, ownership=whose)


def take(keys: Keys, lock: bytes, queues: Sequence[str] = ()) -> Exchange[Survey]:
    """Find out. What a user may not ask stays unknown. `lock` is the schedulers' master lock's
    key, `queues` those whose next jobs are wanted. One round trip, O(schedules' number,
    `DEEDS_READ` and queues)."""

    def parse(replies: list[Reply]) -> Survey:
        clock, info, config, master, first, schedules, entries, aside, *heads = replies
        problems: dict[Part, str] = {}

        def known(part: Part, *parts: Reply) -> bool:
            refused = next((each for each in parts if isinstance(each, StoreError)), None)
            if refused is not None:
                problems[part] = str(refused)
            return refused is None

        has_scheduler = known("scheduler", master, first, schedules)
        return Survey(
            taken=None if isinstance(clock, StoreError) else times.from_server(*clock),
            facts=inspection.read_facts(info, config) if known("server", info) else None,
            master=name_text(master or b"") if has_scheduler else None,
            due=_score(first) if has_scheduler else None,
            schedules=schedules if has_scheduler else None,
            aside=aside if isinstance(aside, int) else None,
            deeds=tuple(audit.listed(entries)) if known("deeds", entries) else None,
            fronts=fronts.read(queues, heads),
            problems=problems,
        )

    commands = (
        ("TIME",),
        ("INFO",),
        ("CONFIG", "GET", "save"),
        ("GET", lock),
        ("ZRANGE", keys.delayed_schedule(), 0, 0, "WITHSCORES"),
        ("HLEN", keys.persistent_schedules()),
        ("XREVRANGE", keys.audit(), "+", "-", "COUNT", DEEDS_READ),
        ("LLEN", keys.unreadable(delayed.ASIDE)),
        *fronts.asking(keys, queues),
    )
    return Exchange(commands, parse, tolerant=True)


def _score(first: list[bytes]) -> float:
    return float(first[1]) if first else float("inf")
