"""What the scheduled screen reads at a look: a page of delayed jobs, what comes due, the schedules,
and who moves it all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from queuecore.exchange import Exchange, Steps
from resque.errors import Refused
from resque.keys import Keys
from resque.store import delayed_windows, published, schedules
from resque.store.delayed_outlook import Outlook, outlook
from resque.store.delayed_windows import Page, Position
from resque.store.published import OfFile
from resque.store.schedules import Looked

T = TypeVar("T")

#: Jobs of one page.
PAGE: Final = 200
#: The times ahead for which is counted what comes due: 5 minutes, an hour, a day.
AHEAD_S: Final = (300, 3_600, 86_400)


@dataclass(frozen=True, slots=True)
class Master:
    """Who holds the schedulers' lock, and for how many more seconds (-1: for ever). `owner` is
    None when nobody does."""

    owner: str | None
    left_s: int


@dataclass(frozen=True, slots=True)
class ScheduledPage:
    """What one look gave; None is what could not be read, `problems` say why, by what it is in
    words. `page` begins at `start`."""

    start: Position | None
    page: Page | None
    outlook: Outlook | None
    looked: Looked | None
    master: Master | None
    problems: Mapping[str, str]
    of_file: OfFile | None = None


def glance(keys: Keys, prefix: str, now_s: float, start: Position | None) -> Steps[ScheduledPage]:
    """Look at everything; at no page of jobs without a `start`. `now_s` is the server's clock
    (epoch), `prefix` that of the schedulers' lock. Five round trips, three more for a page."""
    problems: dict[str, str] = {}
    jobs: Page | None = None
    if start is not None:
        page = delayed_windows.page(keys, start, PAGE)
        jobs = yield from _attempt(page, "delayed jobs", problems)
    ahead = yield from _attempt(outlook(keys, now_s, AHEAD_S), "what comes due", problems)
    looked = yield from _attempt(_one(schedules.look(keys)), "schedules", problems)
    lock = schedules.master(keys.master_lock(prefix))
    owner = yield from _attempt(_one(lock), "the schedulers' lock", problems)
    what = "schedules of a file"
    of_file = yield from _attempt(_one(published.read(keys, prefix)), what, problems)
    master = None if owner is None else Master(*owner)
    return ScheduledPage(start, jobs, ahead, looked, master, problems, of_file)


def _one(exchange: Exchange[T]) -> Steps[T]:
    return (yield exchange)  # type: ignore[no-any-return]


def _attempt(steps: Steps[T], what: str, problems: dict[str, str]) -> Steps[T | None]:
    """The result; None when Redis refuses, as for a key of another kind: the rest is shown."""
    try:
        return (yield from steps)
    except Refused as error:
        problems[what] = str(error)
        return None
