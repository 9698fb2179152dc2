"""Databases of Sidekiq, Resque, both or none: recorded from real ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support import golden
from tests.support.commands import everything
from tests.support.direct import Direct

JID = "393119af5a0ea98f3ac98825"
SIDEKIQS_JOB = b'{"class":"A","args":[1],"jid":"%s","retry":true}' % JID.encode()
RESQUES_JOB = b'{"class":"A","args":[1]}'

RUNNING = "v6.4.1-2-running"


def sidekiq(direct: Direct, name: str = RUNNING, prefix: str = "") -> None:
    """A recorded Sidekiq, under another prefix than in the recording."""
    golden.restore(direct, f"sidekiq/{name}", prefix)


def resque(direct: Direct) -> None:
    """A Resque with waiting jobs, a failure and a dead worker."""
    direct("SADD", "resque:queues", "mail")
    direct("RPUSH", "resque:queue:mail", RESQUES_JOB)
    direct("RPUSH", "resque:failed", b'{"payload":%s,"queue":"mail"}' % RESQUES_JOB)
    direct("SADD", "resque:workers", "gone:1:mail")
    direct("HSET", "resque:workers:heartbeat", "gone:1:mail", "2020-01-01T00:00:00+00:00")


def mixed(direct: Direct) -> None:
    """Both under one prefix, and a queue `both` with the jobs of both."""
    sidekiq(direct, prefix="resque:")
    resque(direct)
    direct("SADD", "resque:queues", "both")
    direct("RPUSH", "resque:queue:both", SIDEKIQS_JOB, RESQUES_JOB)


def database(direct: Direct) -> dict[bytes, Any]:
    """The whole database. The order of a hash's fields does not count."""
    found = everything(direct)
    hashes = {key for key in found if direct("TYPE", key) == b"hash"}
    return {key: sorted(each[0]) if key in hashes else each[0] for key, each in found.items()}


FLEETS: dict[str, Callable[[Direct], None]] = {
    "bare": sidekiq,
    "namespaced": lambda direct: sidekiq(direct, prefix="app:"),
    "under resque": lambda direct: sidekiq(direct, prefix="resque:"),
    "mixed": mixed,
    "resque": resque,
    "empty": lambda direct: None,
}
