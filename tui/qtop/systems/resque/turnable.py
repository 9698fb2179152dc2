"""The lists of Resque that qtop may turn, and whether they are in their order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from qtop.model.health import Finding
from qtop.model.job import FAILED, JobSource
from qtop.systems import turned_lists
from qtop.systems.resque.job_reader import list_key
from qtop.systems.turned_lists import TurnableLists
from queuecore.errors import Refused
from queuecore.exchange import Exchange, Steps, single
from queuecore.keys import name_text
from resque.keys import Keys
from resque.store import failures, queues

#: Moments with delayed jobs that are read at once, and looked at at most; and those on Overview.
_MOMENTS, _MOST_MOMENTS, _NEXT_MOMENTS = 1_000, 100_000, 100
_OTHERS = "Resque's own tools and workers"


def turnable(keys: Keys) -> TurnableLists:
    """The lists of a namespace."""
    return TurnableLists(keys, partial(list_key, keys), partial(everything, keys), _OTHERS)


def everything(keys: Keys) -> Steps[list[JobSource]]:
    """All lists that can be turned, but for moments with delayed jobs after the first 100,000. Two
    round trips, and one for each 1,000 moments. Raises StoreError."""
    named: list[str] = yield failures.lists(keys)
    waiting: list[str] = yield queues.names(keys)
    lists = [*(JobSource("failed", name) for name in named), *_of_queues(waiting)]
    for start in range(0, _MOST_MOMENTS, _MOMENTS):
        page: list[JobSource] = yield _moments(keys, start, _MOMENTS)
        lists += page
        if len(page) < _MOMENTS:
            break
    return lists


def _moments(keys: Keys, start: int, count: int) -> Exchange[list[JobSource]]:
    """Moments with delayed jobs, by when they come due."""
    return single(
        ("ZRANGE", keys.delayed_schedule(), start, start + count - 1),
        lambda reply: [JobSource("delayed", name_text(each)) for each in reply],
    )


def _of_queues(names: Sequence[str]) -> list[JobSource]:
    return [JobSource(kind, name) for name in names for kind in ("queue", "unreadable")]


def glance(keys: Keys, names: Sequence[str]) -> Steps[Finding]:
    """Whether the main list of failures, those of some queues, and those of the moments that come
    due next are in their order; unknown where that is refused. Two round trips or three. Raises
    StoreError when nothing is answered."""
    sources = [JobSource("failed", FAILED), *_of_queues(names)]
    try:
        sources += yield _moments(keys, 0, _NEXT_MOMENTS)
        return (yield from turned_lists.look(turnable(keys), sources))
    except Refused as error:
        return Finding("order", "UNKNOWN", f"whether lists were left turned ({error})")
