"""Jobs of Sidekiq that no set leads to: in queues that are on no set of queues, and in the private
lists of processes that are gone."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from qtop.model.health import Stray, StrayJob, Strays
from qtop.systems.sidekiq.job_reader import waiting_job
from queuecore import windows
from queuecore.exchange import Exchange, Reply, Steps, single
from queuecore.windows import Stretch, read_item
from sidekiq.keys import SidekiqKeys
from sidekiq.store import private_lists, waiting_jobs

#: So many queues are named.
_MOST: Final = 1_000
_AT_ONCE: Final = 250


def find(keys: SidekiqKeys) -> Steps[Strays]:
    """Search for them. Two round trips for each 1,000 keys of the database, and some more."""
    lists, are_all = yield from private_lists.find(keys)
    names: set[bytes] = yield single(("SMEMBERS", keys.queues()), set)
    known = {keys.queue("") + name for name in names}

    def is_hidden(key: bytes) -> bool:
        return key not in known and keys.queue_of(key) is not None

    found, is_complete = yield from windows.find_keys(windows.pattern_of(keys.queue("")), is_hidden)
    hidden: list[Stray] = yield _with_jobs(keys, sorted(found)[:_MOST])
    left = [
        Stray("held", f"{each.queue} of {each.holder or '?'}", each.key, each.length)
        for each in lists
        if each.is_held is False
    ]
    return Strays((*hidden, *left), are_all and is_complete and len(found) <= _MOST)


def _with_jobs(keys: SidekiqKeys, found: Collection[bytes]) -> Exchange[list[Stray]]:
    """Of these keys those that hold jobs."""

    def parse(lengths: list[Reply]) -> list[Stray]:
        return [
            Stray("queue", keys.queue_of(key) or "", key, length)
            for key, length in zip(found, lengths, strict=True)
            if isinstance(length, int) and length
        ]

    return Exchange(tuple(("LLEN", key) for key in found), parse, tolerant=True)


def jobs_of(stray: Stray, visit: Callable[[StrayJob], bool]) -> Steps[bool]:
    """Show the jobs of a private list. A round trip for each 250 jobs."""
    for first in range(0, stray.jobs, _AT_ONCE):
        seen: Stretch = yield waiting_jobs.stretch(stray.key, first, first + _AT_ONCE - 1)
        for place, reply in enumerate(seen.replies, first):
            job = waiting_job(read_item(reply), place, stray.name)
            if not visit(StrayJob(stray.name, "left behind", job)):
                return False
    return True
