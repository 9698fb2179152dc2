"""The pages of the console, the keys that lead to each, and something to see on each of them in
Resque and in Sidekiq."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from tests.support.both_places import RESQUE_WORKER, fill_resque, fill_sidekiq
from tests.support.both_systems import NOON, RESQUE, SIDEKIQ
from tests.support.direct import Direct

from qtop.keymap.keymap import Where


class Route(NamedTuple):
    """The keys from a numbered screen to a page."""

    digit: str
    keys: tuple[str, ...] = ()


ROUTES: Final[dict[Where, Route]] = {
    "overview": Route("1"),
    "queues": Route("2"),
    "jobs": Route("2", ("enter",)),
    "job": Route("2", ("enter", "enter")),
    "aside": Route("2", ("b",)),
    "workers": Route("3"),
    "worker": Route("3", ("enter",)),
    "hosts": Route("3", ("t",)),
    "running": Route("3", ("t", "t")),
    "group": Route("4", ("enter",)),
    "failure": Route("4", ("enter", "enter")),
    "failed": Route("4"),
    "delayed": Route("5", ("enter",)),
    "scheduled": Route("5"),
    "history": Route("7"),
    "action": Route("7", ("enter",)),
    "runs": Route("7", ("t",)),
}
"""How to come to a page. A list comes after what is opened from it, for some of its keys change
what it lists. Not to Local and its logs, which are about processes of this machine, and not to one
schedule."""


def fill_every_page(direct: Direct) -> None:
    """Fill the empty database anew: something of each system on each page that it has."""
    direct("FLUSHALL")
    fill_resque(direct)
    fill_sidekiq(direct)
    beat = "2026-11-23T11:59:50Z"
    direct("HSET", RESQUE.heartbeats(), RESQUE_WORKER, beat)
    direct("RPUSH", RESQUE.unreadable("reports"), b"not json")
    due_s = NOON + 3_600
    job = {"class": "Mail", "args": [1], "queue": "mail"}
    direct("ZADD", RESQUE.delayed_schedule(), due_s, due_s)
    direct("RPUSH", RESQUE.delayed(str(due_s)), json.dumps(job))
    entry = {"class": "Report", "args": [2], "queue": "default", "jid": "later"}
    direct("ZADD", SIDEKIQ.jobs("schedule"), due_s, json.dumps(entry))
    for keys, queue in ((RESQUE, "mail"), (SIDEKIQ, "default")):
        fields = ("id", f"{queue}1", "who", "ada@ops", "client", "qtop", "action", "clear")
        about = ("subject", "3 jobs", "source", keys.queue(queue), "queue", queue, "planned", 3)
        direct("XADD", keys.audit(), f"{(NOON - 600) * 1_000}-1", *fields, *about)
        direct("HSET", keys.undo(f"{queue}1"), "done", 3)
