"""What a system tells about itself now and then, beside the snapshots, and what INFO tells. None
means unknown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from queuecore.audit import AuditEntry
from queuecore.errors import StoreError
from queuecore.exchange import Exchange, Reply
from queuecore.keys import name_text
from queuecore.values import replace, value

HealthPart = Literal["server", "scheduler", "deeds", "aside", "fronts", "strays"]
"""A part of it that can be unknown by itself: the server, the scheduler and delayed jobs, the
actions on record, delayed jobs that were set aside, the next jobs, the jobs that no index leads
to."""


@value
class ServerInfo:
    """What a Redis says of itself: the fields of INFO, its `save` setting (None when it does not
    say), and why it gives no INFO or runs no scripts (None when it does, or that was not asked)."""

    fields: Mapping[str, str]
    save: str | None = None
    problem: StoreError | None = None
    script_problem: StoreError | None = None


def read_facts(info: bytes, config: Reply) -> ServerInfo:
    """What the replies to INFO and to CONFIG GET save tell; the latter may be an error."""
    pairs = (line.partition(":") for line in name_text(info).splitlines() if ":" in line)
    is_told = isinstance(config, list) and len(config) == 2
    fields = {name: value for name, _, value in pairs}
    return ServerInfo(fields, name_text(config[1]) if is_told else None)


@value
class SystemHealth:
    """What was found out. None means unknown, and `problems` says why, by part.

    Attributes:
        taken: By the server's clock.
        facts: What the server says of itself.
        master: Who holds the schedulers' lock; empty when it is free.
        lock_left_s: For how much longer, unless it is renewed; None also where it never ends.
        due: The earliest moment until which a job is delayed; infinite when none is. Of moments
            that have passed only those count that have jobs.
        schedules: How many recurring schedules there are.
        aside: How many delayed jobs were set aside because they could not be moved to a queue.
        audit_entries: The newest actions on record, newest first, without their counts.
    """

    taken: datetime | None = None
    facts: ServerInfo | None = None
    master: str | None = None
    lock_left_s: float | None = None
    due: float | None = None
    schedules: int | None = None
    aside: int | None = None
    audit_entries: tuple[AuditEntry, ...] | None = None
    problems: Mapping[HealthPart, str] = MappingProxyType({})


def free_memory() -> Exchange[int | None]:
    """How many bytes the server may still use below its maxmemory; None where it has none, or does
    not tell. One round trip, O(1)."""

    def parse(replies: list[Reply]) -> int | None:
        if isinstance(replies[0], StoreError):
            return None
        fields = read_facts(replies[0], None).fields
        used, limit = fields.get("used_memory", ""), fields.get("maxmemory", "")
        if not all(re.fullmatch("[0-9]{1,18}", text) for text in (used, limit)) or not int(limit):
            return None
        return max(0, int(limit) - int(used))

    return Exchange((("INFO", "memory"),), parse, tolerant=True)


#: What makes an incident the same one: its check, its kind and its subject.
IncidentKey = tuple[str, str, str]


@value
class Acknowledgement:
    """One incident that somebody has acknowledged. Moments are epochs by the server's clock.

    Attributes:
        severity: How bad it was then: what has become worse is shown again.
        who: `user@host`.
        at: When.
        until: When it ends.
        ends_with_it: It ends when the incident is resolved, too.
        is_local: It could not be written to Redis: other consoles do not know it.
        stored: The field and the value that it was read from.
    """

    key: IncidentKey
    severity: str
    who: str
    reason: str
    at: float
    until: float
    ends_with_it: bool = False
    is_local: bool = False
    stored: tuple[bytes, bytes] | None = None

    def here(self) -> Acknowledgement:
        """The same, which could not be written to Redis."""
        return replace(self, is_local=True)
